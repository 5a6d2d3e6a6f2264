"""guestd beside the websockets library and Node's ws, in one table, measured in one run.

    make bench                        everything (several minutes)
    .venv/bin/python benchmarks/run.py --quick
    .venv/bin/python benchmarks/run.py --json
    .venv/bin/python benchmarks/run.py --against HEAD~20 --rounds 10

Only the client process is measured: CPU seconds it used (never elapsed time) and resident memory.
The server runs beside it. Ratios are against the library in the same run, or with `--against`
against guestd itself at another commit, because absolute figures belong to the machine."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from guestd.emulator.tls import ensure_certificate

HERE = Path(__file__).parent


class Process:
    """A subprocess that answers each JSON line with one."""

    def __init__(self, *command: str, env: dict[str, str] | None = None) -> None:
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def ask(self, **order: Any) -> dict[str, Any]:
        self.child.stdin.write(json.dumps(order) + "\n")
        self.child.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit(
                f"{self.child.args[1]} ended without an answer (exit {self.child.wait()})"
            )
        return json.loads(line)

    def end(self) -> None:
        """It has told its figures; thousands of polite goodbyes would only take time."""
        self.child.kill()
        self.child.wait()


class Server:
    def __init__(self, *flags: str) -> None:
        self.flags = flags

    def __enter__(self) -> Server:
        self.process = Process(sys.executable, str(HERE / "server.py"), *self.flags)
        ports = self.process.answer()
        self.port = ports["port"]
        self.control = socket.create_connection(("127.0.0.1", ports["control"])).makefile("rw")
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        self.process.end()

    def ask(self, **order: Any) -> dict[str, Any]:
        self.control.write(json.dumps(order) + "\n")
        self.control.flush()
        return json.loads(self.control.readline())


@dataclass
class Contender:
    name: str
    command: list[str]
    env: dict[str, str]

    @property
    def reads(self) -> str:
        """What its client and the module beside it read: an old one knows nothing of TLS."""
        client = Path(self.command[-1])
        worker = client.with_name("worker.py")
        return worker.read_text() if client.suffix == ".py" else ""

    def start(self, port: int, *flags: str) -> Process:
        return Process(*self.command, str(port), *flags, env=self.env)


def contenders(node_home: Path) -> list[Contender]:
    python = [sys.executable]
    found = [
        Contender("guestd", [*python, str(HERE / "client_guestd.py")], {}),
        Contender("websockets library", [*python, str(HERE / "client_library.py")], {}),
    ]
    if shutil.which("node") and install_ws(node_home):
        command = ["node", "--expose-gc", str(HERE / "client_node.mjs")]
        found.append(Contender("Node.js ws", command, {"WS_HOME": str(node_home)}))
    return found


def guestd_twice(ref: str, home: Path) -> list[Contender]:
    """guestd as it is here, and as it was at a commit, with the benchmark client of that commit."""
    tree = subprocess.run(
        ["git", "-C", str(HERE), "rev-parse", "--short", f"{ref}^{{commit}}"],
        capture_output=True,
        text=True,
    )
    if tree.returncode:
        raise SystemExit(f"--against: there is no commit {ref!r} in this repository")
    commit = tree.stdout.strip()
    archive = subprocess.run(
        ["git", "-C", str(HERE.parent), "archive", commit], stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(home)], input=archive.stdout, check=True)
    return [
        guestd_in(HERE.parent, "guestd"),
        guestd_in(home, f"guestd {commit}"),
    ]


def guestd_in(tree: Path, name: str) -> Contender:
    """The import package is daemon/guestd; before version 0.2 it was daemon itself."""
    source = tree / "daemon" if (tree / "daemon" / "guestd").is_dir() else tree
    client = tree / "benchmarks" / "client_guestd.py"
    return Contender(name, [sys.executable, str(client)], {"PYTHONPATH": str(source)})


def install_ws(home: Path) -> bool:
    if (home / "node_modules" / "ws").exists():
        return True
    home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), "ws@8"],
        capture_output=True,
    )
    return done.returncode == 0


def settle(client: Process, expected: int) -> dict[str, Any]:
    """Wait until the client has received what was sent, then read its figures."""
    last, patience = -1, 200
    while patience:
        figures = client.ask(do="figures")
        if figures["received"] >= expected:
            return figures
        patience = patience - 1 if figures["received"] == last else 200
        last = figures["received"]
        time.sleep(0.05)
    raise SystemExit(f"only {last} of {expected} messages arrived")


def connect_and_rest(contender: Contender, small: int, large: int) -> dict[str, float]:
    with Server() as server:
        client = contender.start(server.port, "--idle")
        first = client.ask(do="open", count=small)
        second = client.ask(do="open", count=large - small)
        client.end()
    more = large - small
    return {
        "KiB per idle session": (second["rss_bytes"] - first["rss_bytes"]) / more / 1024,
        "CPU ms per connect": (second["cpu_s"] - first["cpu_s"]) / more * 1000,
    }


def connect_by_tls(contender: Contender, count: int) -> dict[str, float]:
    """After a hundred connections, of which the first does the full handshake."""
    with tempfile.TemporaryDirectory(prefix="guestd-bench-") as folder:
        certificate, key, ca = ensure_certificate(Path(folder))
        trusting = replace(contender, env=contender.env | {"BENCH_CA_FILE": str(ca)})
        with Server("--tls", str(certificate), str(key)) as server:
            client = trusting.start(server.port, "--idle")
            first = client.ask(do="open", count=100)
            second = client.ask(do="open", count=count)
            client.end()
    return {
        "KiB per idle session, TLS": (second["rss_bytes"] - first["rss_bytes"]) / count / 1024,
        "CPU ms per connect, TLS": (second["cpu_s"] - first["cpu_s"]) / count * 1000,
    }


def paced(contender: Contender, sessions: int, rate: int, seconds: float) -> float:
    with Server() as server:
        client = contender.start(server.port)
        client.ask(do="open", count=sessions)
        sent = server.ask(do="flood", connections=sessions, messages=20)["sent"]
        settle(client, sent)
        sent += server.ask(do="paced", rate=rate, seconds=1.0)["sent"]
        before = settle(client, sent)
        more = server.ask(do="paced", rate=rate, seconds=seconds)["sent"]
        after = settle(client, sent + more)
        client.end()
    return (after["cpu_s"] - before["cpu_s"]) / more * 1e6


def flooded(contender: Contender, connections: int, messages: int) -> float:
    with Server() as server:
        client = contender.start(server.port)
        client.ask(do="open", count=connections)
        sent = server.ask(do="flood", connections=connections, messages=messages // 4)["sent"]
        before = settle(client, sent)
        more = server.ask(do="flood", connections=connections, messages=messages)["sent"]
        after = settle(client, sent + more)
        client.end()
    return (after["cpu_s"] - before["cpu_s"]) / more * 1e6


def idle(contender: Contender, sessions: int, seconds: float) -> dict[str, float]:
    """Percent of a core for heartbeating sessions, and heartbeats (echo or ping) per second as the
    server saw them. The first heartbeats come before it is measured."""
    with Server() as server:
        client = contender.start(server.port, "--idle")
        client.ask(do="open", count=sessions)
        time.sleep(20.0)
        seen, before, started = server.ask(do="state"), client.ask(do="figures"), time.monotonic()
        time.sleep(seconds)
        after, last = client.ask(do="figures"), server.ask(do="state")
        elapsed = time.monotonic() - started
        client.end()
    beats = last["echoes"] + last["pings"] - seen["echoes"] - seen["pings"]
    return {
        f"% of a core, {sessions:,} idle sessions": (after["cpu_s"] - before["cpu_s"])
        / elapsed
        * 100,
        "heartbeats/s while idle": beats / elapsed,
    }


Row = dict[str, Any]


def in_turns(
    times: int,
    found: list[Contender],
    rows: list[Row],
    measure: Callable[[Contender], dict[str, float]],
) -> None:
    """Each contender once, then each again in the other order: what disturbs the machine disturbs
    them alike.

    Rows get the median of each figure; the ratio is the median of the rounds' ratios, which moves
    less than either figure."""
    rounds: list[list[dict[str, float]]] = []
    for turn in range(times):
        order = found if turn % 2 == 0 else found[::-1]
        taken = {contender.name: measure(contender) for contender in order}
        rounds.append([taken[contender.name] for contender in found])
        print(".", end="", flush=True, file=sys.stderr)
    for key in rounds[0][0]:
        for n, row in enumerate(rows[: len(found)]):
            row[key] = statistics.median(one[n][key] for one in rounds)
        if len(found) > 1:
            rows[0].setdefault("ratio", {})[key] = statistics.median(
                one[0][key] / one[1][key] for one in rounds
            )


@dataclass(frozen=True)
class Plan:
    """What is measured: how often, how much of it, and which figures."""

    rounds: int
    quick: bool
    only: str | None

    def has(self, figure: str) -> bool:
        return self.only in (None, figure)


FIGURES = ("connect", "tls", "paced", "flood", "flat", "idle")


def measure(plan: Plan, found: list[Contender], of_guestd: int) -> list[Row]:
    """The first `of_guestd` contenders are guestd, and measured for what only guestd promises."""
    rows: list[Row] = [{"client": contender.name} for contender in found]
    small, large = (500, 2000) if plan.quick else (1000, 5000)
    seconds = 3.0 if plan.quick else 6.0
    if plan.has("connect"):
        in_turns(plan.rounds, found, rows, lambda c: connect_and_rest(c, small, large))
    if plan.has("tls"):
        of_python = [one for one in found if "BENCH_CA_FILE" in one.reads]
        in_turns(plan.rounds, of_python, rows, lambda c: connect_by_tls(c, small))
    if plan.has("paced"):
        in_turns(
            plan.rounds,
            found,
            rows,
            lambda c: {"µs per message, paced 10,000/s": paced(c, 1000, 10_000, seconds)},
        )
    if plan.has("flood"):
        in_turns(
            plan.rounds,
            found,
            rows,
            lambda c: {"µs per message, flood": flooded(c, 100, 500 if plan.quick else 2000)},
        )
    if plan.has("flat"):
        sizes = (100, 1000) if plan.quick else (100, 1000, 10_000)
        in_turns(
            plan.rounds,
            found[:of_guestd],
            rows,
            lambda c: {
                f"µs paced over {sessions:,} sessions": paced(c, sessions, 10_000, seconds)
                for sessions in sizes
            },
        )
    if plan.has("idle"):
        many, seconds = (2000, 20.0) if plan.quick else (10_000, 30.0)
        in_turns(plan.rounds, found[:of_guestd], rows, lambda c: idle(c, many, seconds))
    print(file=sys.stderr)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    ratios = rows[0].get("ratio", {})
    names = list(
        dict.fromkeys(key for row in rows for key in row if key not in ("client", "ratio"))
    )
    head = ["", *(row["client"] for row in rows), f"guestd / {rows[1]['client']}"]
    lines = [head]
    for name in names:
        cells = [f"{row[name]:.3g}" if name in row else "-" for row in rows]
        lines.append([name, *cells, f"{ratios[name]:.2f}" if name in ratios else "-"])
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if n else cell.ljust(w)
            for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--quick", action="store_true", help="one short run of each: a look, not a figure"
    )
    options.add_argument("--json", action="store_true")
    options.add_argument(
        "--node-home", type=Path, default=HERE / "results" / "node", help="where ws is installed"
    )
    options.add_argument(
        "--against", metavar="COMMIT", help="guestd at that commit instead of other clients"
    )
    options.add_argument("--rounds", type=int, help="how often each figure is taken (5; quick 1)")
    options.add_argument("--only", choices=FIGURES, help="one figure of them all")
    chosen = options.parse_args()
    plan = Plan(chosen.rounds or (1 if chosen.quick else 5), chosen.quick, chosen.only)
    if chosen.against:
        with tempfile.TemporaryDirectory(prefix="guestd-bench-") as home:
            rows = measure(plan, guestd_twice(chosen.against, Path(home)), 2)
    else:
        rows = measure(plan, contenders(chosen.node_home.resolve()), 1)
    print(json.dumps(rows, indent=2, ensure_ascii=False) if chosen.json else table(rows))


if __name__ == "__main__":
    main()
