"""What the emulator costs beside the daemon, in one run: a load test puts one on each core.

    .venv/bin/python benchmarks/emulator.py
    .venv/bin/python benchmarks/emulator.py --quick
    .venv/bin/python benchmarks/emulator.py --against HEAD~20

`guestd emulate` is a process of its own, and only it is measured: CPU seconds that it used (never
elapsed time) and resident memory. Its guests are raw frames made before they are needed
(client_frames.py). The daemon's figure is that of benchmarks/run.py: CPU per paced message received,
at the same rate over as many sessions. With `--against` the emulator of another commit is measured
in turns with this one."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from run import HERE, Contender, Process, guestd_in, paced

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

RATE = 4000
SESSIONS = 1000


class EmulatorProcess:
    """`guestd emulate`, and what it has used so far."""

    def __init__(self, source: Path, *options: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "guestd", "emulate", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(source)},
        )
        for line in self.child.stdout:
            if line.startswith("ready "):
                self.port = int(line.rstrip("/\n").rpartition(":")[2])
                break

    def cpu_s(self) -> float:
        tasks = Path(f"/proc/{self.child.pid}/task").glob("*/schedstat")
        return sum(int(one.read_text().split()[0]) for one in tasks) / 1e9

    def memory_kib(self) -> int:
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def end(self) -> None:
        self.child.kill()
        self.child.wait()


@dataclass
class Measured:
    """An emulator with its guests; each order is answered with the CPU seconds that it took."""

    emulator: EmulatorProcess
    guests: Process

    def open(self, count: int) -> float:
        before = self.emulator.cpu_s()
        self.guests.ask(do="open", count=count)
        return self.emulator.cpu_s() - before

    def say(self, total: int, answers: int, what: str = "say") -> float:
        """`answers`: how many frames each brings."""
        before = self.emulator.cpu_s()
        received = self.guests.ask(do=what, total=0, rate=RATE)["received"]
        self.guests.ask(do=what, total=total, rate=RATE)
        self.guests.ask(do="wait", received=received + total * answers)
        return self.emulator.cpu_s() - before


@contextmanager
def measured(source: Path, agent: str, *options: str) -> Iterator[Measured]:
    emulator = EmulatorProcess(source, "--agent", agent, *options)
    client = [sys.executable, str(HERE / "client_frames.py"), str(emulator.port)]
    guests = Process(*client, DEFAULT_DEPLOYMENT_ID)
    try:
        yield Measured(emulator, guests)
    finally:
        guests.end()
        emulator.end()


def at_rest(source: Path, small: int, large: int) -> dict[str, float]:
    """With the platform's limits on but that of connects, which counts per session."""
    with measured(source, "silent", "--set", "limits.connections_per_minute=null") as both:
        both.open(small)
        before = both.emulator.memory_kib()
        cpu_s = both.open(large - small)
        joined = both.emulator.memory_kib()
        for _ in range(10):
            both.say(large, 1)
        talked = both.emulator.memory_kib()
    return {
        "CPU µs per connect and join": cpu_s / (large - small) * 1e6,
        "KiB per session at rest": (joined - before) / (large - small),
        "KiB more with 10 messages": (talked - joined) / large,
    }


def talking(source: Path, messages: int) -> dict[str, float]:
    with measured(source, "silent", "--no-limits") as both:
        both.open(SESSIONS)
        both.say(RATE, 1)
        silent = both.say(messages, 1) / messages * 1e6
        beats = both.say(messages, 1, "beat") / messages * 1e6
    with measured(source, "echo", "--no-limits") as both:
        both.open(SESSIONS)
        both.say(RATE, 2)
        answered = both.say(messages, 2) / messages * 1e6
    return {
        "CPU µs per guest message": silent,
        "CPU µs per agent's reply": answered - silent,
        "CPU µs per health check": beats,
    }


@dataclass(frozen=True)
class Plan:
    rounds: int
    messages: int
    small: int
    large: int


def sources(against: str | None, home: Path) -> list[Contender]:
    found = [guestd_in(HERE.parent, "guestd")]
    if against is not None:
        archive = subprocess.run(
            ["git", "-C", str(HERE.parent), "archive", against], stdout=subprocess.PIPE, check=True
        )
        subprocess.run(["tar", "-x", "-C", str(home)], input=archive.stdout, check=True)
        found.append(guestd_in(home, f"guestd {against}"))
    return found


def measure(plan: Plan, found: list[Contender]) -> list[dict[str, float]]:
    """The medians of each; the daemon is measured in every round beside them."""
    taken: list[list[dict[str, float]]] = [[] for _ in found]
    for turn in range(plan.rounds):
        daemon = paced(found[0], SESSIONS, RATE, plan.messages / RATE)
        in_turn = list(enumerate(found))
        for n, one in in_turn if turn % 2 == 0 else in_turn[::-1]:
            source = Path(one.env["PYTHONPATH"])
            figures = at_rest(source, plan.small, plan.large) | talking(source, plan.messages)
            figures["daemon's CPU µs per message"] = daemon
            for name in ("guest message", "agent's reply"):
                figures[f"{name} / daemon's message"] = figures[f"CPU µs per {name}"] / daemon
            taken[n].append(figures)
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return [
        {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        for rounds in taken
    ]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="one short run: a look, not a figure")
    options.add_argument("--json", action="store_true")
    options.add_argument("--against", metavar="COMMIT", help="the emulator of that commit as well")
    options.add_argument("--rounds", type=int, help="how often each figure is taken (3; quick 1)")
    chosen = options.parse_args()
    quick = chosen.quick
    plan = Plan(chosen.rounds or (1 if quick else 3), 8_000 if quick else 40_000, 500, 3000)
    with tempfile.TemporaryDirectory(prefix="guestd-bench-") as home:
        found = sources(chosen.against, Path(home))
        rows = measure(plan, found)
    if chosen.json:
        named = {one.name: row for one, row in zip(found, rows, strict=True)}
        print(json.dumps(named, indent=2, ensure_ascii=False))
        return
    print(" " * 36 + "".join(f"{one.name:>16}" for one in found))
    for name in rows[0]:
        print(f"{name:36}" + "".join(f"{row[name]:>16.3g}" for row in rows))


if __name__ == "__main__":
    main()
