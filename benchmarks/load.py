"""`guestd load` beside other load testers with the same guests, in one run.

    .venv/bin/python benchmarks/load.py
    .venv/bin/python benchmarks/load.py --with artillery,node,k6 --k6 ~/bin/k6
    .venv/bin/python benchmarks/load.py --guests 1000 --per-second 100 --messages 6 --json

A bare Node.js script with `ws` and `JSON.parse` is the floor: it sends the same frames, measures
nothing, puts nothing in order, and does not come back when it is cut off. `ws` and Artillery are
downloaded when they are first asked for (Artillery takes 600 MB).

All talk to one emulator, one after the other, the order turned round in every round. Only the load
tester is measured: CPU seconds of its processes (never elapsed time) and resident memory, read from
/proc when the emulator says how far it is:

    joined   all guests are connected, none has said anything
    at rest  the same a moment later: the memory
    talked   each has sent all its messages, and heard an echo and an agent's answer to each

What it needs with a single guest (the program itself, its start) is taken off. A message is a frame
of the conversation, sent or received: three for each that a guest says."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import load_contenders as contenders
from emulator import EmulatorProcess
from load_contenders import Contender, Shape

HERE = Path(__file__).parent
OPTIONS = ("--agent", "echo", "--set", "limits.connections_per_minute=null")
OTHERS = ("artillery", "k6", "node")
FRAMES_PER_MESSAGE = 3
LOOK_S = 0.25
#: The last frames are on their way for so long at most.
SETTLED_S = 1.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

HELD = "guests held per MiB"
CONNECTS = "connects per CPU second"
SESSIONS = "whole sessions per CPU second"
MESSAGES = "messages per CPU second"
CPU = "CPU µs per message"
RECEIVED = "frames received, by its own count"


class EmulatedPlatform:
    """The emulator's own account of what guests have done."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/__emulator"

    def reset(self) -> None:
        urlopen(Request(f"{self._base}/reset", method="POST", data=b"{}")).read()

    def counters(self) -> dict[str, Any]:
        with urlopen(f"{self._base}/counters") as answer:
            return dict(json.load(answer))

    def messages(self) -> int:
        """In all conversations, the guests' and the agents': heartbeats are frames, but none."""
        count, after = 0, 0
        while after is not None:
            with urlopen(f"{self._base}/sessions?limit=1000&after={after}") as answer:
                page = json.load(answer)
            count += sum(one["message_count"] for one in page["sessions"])
            after = page["next"]
        return count


class RunningTester:
    """A load tester's processes, all in one group of their own."""

    def __init__(self, command: contenders.Command, folder: Path) -> None:
        self._output = (folder / "output").open("w+")
        self.child = subprocess.Popen(
            command.words,
            stdout=self._output,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, **command.env},
            start_new_session=True,
        )

    def cpu_s(self) -> float:
        """Of those that have ended too, where their parent lives."""
        return sum(sum(map(int, one[11:15])) for one in self._stats()) / TICKS_PER_S

    def memory_mib(self) -> float:
        pages = sum(int(one[21]) for one in self._stats())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _stats(self) -> list[list[str]]:
        """Fields of /proc/PID/stat from the third on, for each process of the group."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.child.pid:
                found.append(fields)
        return found

    def stop(self) -> str:
        """What it printed. It may say goodbye, for a while."""
        self.child.send_signal(signal.SIGINT)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        self._output.seek(0)
        return self._output.read()


@dataclass(frozen=True)
class Readings:
    """CPU seconds when all had joined, at rest, and when all was said; memory at rest. `received`
    is the tester's own count of frames."""

    joined_s: float
    rest_s: float
    talked_s: float
    memory_mib: float
    received: int | None


class NotComparableError(Exception):
    """A run that did not do what is measured, and why."""


def run(one: Contender, platform: EmulatedPlatform, port: int, shape: Shape) -> Readings:
    platform.reset()
    with tempfile.TemporaryDirectory(prefix="guestd-bench-") as name:
        folder = Path(name)
        command = one.command(folder, port, shape)
        tester = RunningTester(command, folder)
        try:
            joined_s = _until_joined(tester, platform, shape)
            time.sleep(2.0)
            rest_s, memory_mib = tester.cpu_s(), tester.memory_mib()
            if platform.messages():
                raise NotComparableError("guests spoke before all had joined")
            talked_s = _until_talked(tester, platform, shape)
        finally:
            output = tester.stop()
        received = command.received(folder, output)
        return Readings(joined_s, rest_s, talked_s, memory_mib, received)


def _until_joined(tester: RunningTester, platform: EmulatedPlatform, shape: Shape) -> float:
    limit = time.monotonic() + shape.ramp_s * 3 + 60
    while True:
        found = platform.counters()
        if found["sessions"] >= shape.guests and found["connections_open"] >= shape.guests:
            return tester.cpu_s()
        _still_runs(tester, limit, f"only {found['sessions']} of {shape.guests} guests joined")
        time.sleep(LOOK_S)


def _until_talked(tester: RunningTester, platform: EmulatedPlatform, shape: Shape) -> float:
    """When all messages have come, and all answers have gone."""
    due = 2 * shape.guests * shape.messages
    limit = time.monotonic() + shape.quiet_s + (shape.messages + 2) * shape.every_s * 2 + 30
    while True:
        found = platform.messages()
        if found >= due:
            time.sleep(SETTLED_S)
            return tester.cpu_s()
        _still_runs(tester, limit, f"only {found} of {due} messages came")
        time.sleep(1.0)


def _still_runs(tester: RunningTester, limit: float, problem: str) -> None:
    if tester.child.poll() is not None:
        raise NotComparableError(f"it ended with {tester.child.returncode}; {problem}")
    if time.monotonic() > limit:
        raise NotComparableError(problem)


def figures(empty: Readings, full: Readings, shape: Shape) -> dict[str, float]:
    guests = shape.guests - 1
    messages = shape.guests * shape.messages * FRAMES_PER_MESSAGE
    talking_s = full.talked_s - full.rest_s
    return {
        HELD: guests / (full.memory_mib - empty.memory_mib),
        CONNECTS: guests / (full.joined_s - empty.joined_s),
        SESSIONS: guests / (full.talked_s - empty.joined_s),
        MESSAGES: messages / talking_s,
        CPU: talking_s / messages * 1e6,
        "MiB with one guest": empty.memory_mib,
        "MiB with all": full.memory_mib,
        "CPU s until one has joined": empty.joined_s,
    } | ({} if full.received is None else {RECEIVED: float(full.received)})


Rounds = dict[str, list[dict[str, float]]]


def measure(found: Sequence[Contender], shape: Shape, rounds: int) -> tuple[Rounds, list[str]]:
    """Figures of each in each round, and what went wrong."""
    single = Shape(1, 1, shape.messages, shape.every_s)
    taken: Rounds = {one.name: [] for one in found}
    problems = []
    emulator = EmulatorProcess(HERE.parent / "daemon", *OPTIONS)
    platform = EmulatedPlatform(emulator.port)
    try:
        for turn in range(rounds):
            for one in found if turn % 2 == 0 else found[::-1]:
                try:
                    empty = _with_one_guest(one, platform, emulator.port, single)
                    full = run(one, platform, emulator.port, shape)
                except NotComparableError as problem:
                    problems.append(f"{one.name}, round {turn + 1}: {problem}")
                else:
                    taken[one.name].append(figures(empty, full, shape))
                print(".", end="", flush=True, file=sys.stderr)
    finally:
        emulator.end()
    print(file=sys.stderr)
    return {name: rows for name, rows in taken.items() if rows}, problems


def _with_one_guest(
    one: Contender, platform: EmulatedPlatform, port: int, shape: Shape
) -> Readings:
    platform.reset()
    with tempfile.TemporaryDirectory(prefix="guestd-bench-") as name:
        tester = RunningTester(one.command(Path(name), port, shape), Path(name))
        try:
            joined_s = _until_joined(tester, platform, shape)
            time.sleep(2.0)
            rest_s = tester.cpu_s()
            return Readings(joined_s, rest_s, rest_s, tester.memory_mib(), None)
        finally:
            tester.stop()


def ratios(taken: Rounds) -> dict[str, dict[str, float]]:
    """guestd / each of the others: the median of the rounds' ratios."""
    mine, *others = taken
    return {
        other: {
            name: statistics.median(
                a[name] / b[name] for a, b in zip(taken[mine], taken[other], strict=False)
            )
            for name in (HELD, CONNECTS, SESSIONS, MESSAGES, CPU)
        }
        for other in others
    }


def table(taken: Rounds) -> str:
    names = list(next(iter(taken.values()))[0])
    lines = ["".join([f"{'':36}", *(f"{one:>16}" for one in taken)])]
    for name in names:
        cells = (_cell([row[name] for row in rows if name in row]) for rows in taken.values())
        lines.append("".join([f"{name:36}", *(f"{one:>16}" for one in cells)]))
    for other, found in ratios(taken).items():
        lines.append("")
        lines += [f"guestd / {other}, {name:36}{ratio:>8.2f}" for name, ratio in found.items()]
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    middle = statistics.median(values)
    return f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"


def chosen_contenders(asked: str, k6: str | None, downloads: Path) -> tuple[list[Contender], list]:
    """guestd and those that are here; of the others, why not."""
    wanted = {one.strip() for one in asked.split(",") if one.strip()} | ({"k6"} if k6 else set())
    if unknown := wanted - set(OTHERS):
        raise SystemExit(f"--with: {', '.join(sorted(unknown))} must be of {', '.join(OTHERS)}")
    found, missing = [contenders.guestd_load(HERE.parent / "daemon")], []
    makers = {
        "artillery": lambda: contenders.artillery(downloads),
        "k6": lambda: contenders.k6(k6),
        "node": lambda: contenders.node(downloads),
    }
    for name in OTHERS:
        one = makers[name]() if name in wanted else f"{name} was not asked for (--with {name})"
        (missing if isinstance(one, str) else found).append(one)
    return found, missing


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--guests", type=int, default=500)
    options.add_argument("--per-second", type=int, default=50, help="new guests a second")
    options.add_argument("--messages", type=int, default=6, help="that each guest says")
    options.add_argument("--every", type=int, default=5, help="seconds between two of a guest")
    options.add_argument("--rounds", type=int, default=3, help="how often each figure is taken")
    options.add_argument("--with", dest="others", default="node", help="artillery,k6,node")
    options.add_argument("--k6", metavar="PATH", help="a k6 that is not on the PATH")
    options.add_argument("--downloads", type=Path, default=HERE / "results")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    found, missing = chosen_contenders(given.others, given.k6, given.downloads.resolve())
    shape = Shape(given.guests, given.per_second, given.messages, given.every)
    taken, problems = measure(found, shape, given.rounds)
    if given.json:
        whole = {"rounds": taken, "ratios": ratios(taken), "missing": missing, "failed": problems}
        print(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    print(table(taken))
    print("".join(f"\n{one}" for one in [*missing, *problems]))


if __name__ == "__main__":
    main()
