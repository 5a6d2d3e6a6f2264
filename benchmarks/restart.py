"""How soon is the daemon ready again with thousands of guest sessions in its journal? From exec to
the ready line.

    .venv/bin/python benchmarks/restart.py [--sessions 5000] [--events 20 200] [--json]

The empty journal beside it shows what of that is Python and its imports. 5,000 guest sessions of
200 events are a million rows; beside the time stands the CPU that the daemon had used by then,
which neighbours on the machine do not stretch."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.journal import database
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord

GUESTD = [sys.executable, "-m", "guestd"]


def fill(folder: Path, sessions: int, events: int) -> None:
    folder.mkdir()
    connection = database.open_for_writing(folder)
    writer = Writer(connection)
    now = time.time_ns() // 1_000_000
    for n in range(sessions):
        name = f"s{n}"
        record = SessionRecord(name, f"g{n}", f"token-{n}", "", {}, {}, now, now + 2_700_000)
        live = b'{"seq":1,"state":"live","reason":"","read_only":false,"kind":"session"}'
        rows = [EventRow(name, 1, "session", live, "", b"")]
        for seq in range(2, events + 1):
            reported = f"2027-05-31T09:{seq // 60:02d}:{seq % 60:02d}.000Z"
            payload = f'{{"seq":{seq},"kind":"message","text":"message {seq}","time":"{reported}"}}'.encode()
            rows.append(EventRow(name, seq, "message", payload, f"m{n}-{seq}", b""))
        writer.write([Commit(opened=[record], rows=rows)])
    writer.checkpoint()
    connection.close()


def until_ready(folder: Path, base: str) -> tuple[float, float]:
    """Seconds that passed, and seconds of CPU."""
    config = folder.with_suffix(".toml")
    config.write_text(
        f'[platform]\nguest_socket_url = "ws{base[4:]}"\ndeployment_id ='
        f' "{DEFAULT_DEPLOYMENT_ID}"\n[journal]\ndirectory = "{folder}"\n[log]\nlevel = "error"\n'
    )
    started = time.perf_counter()
    daemon = subprocess.Popen(
        [*GUESTD, "serve", "-c", str(config), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None and daemon.stdout.readline().startswith("ready ")
    elapsed, used = time.perf_counter() - started, cpu_of(daemon.pid)
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    return elapsed, used


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--sessions", type=int, default=5000)
    options.add_argument("--events", type=int, nargs="+", default=[20, 200])
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    emulator = subprocess.Popen(
        [*GUESTD, "emulate", "--port", "0", "--no-limits"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert emulator.stdout is not None
    base = emulator.stdout.readline().strip().removeprefix("ready ")
    found: list[dict[str, float]] = []
    try:
        with tempfile.TemporaryDirectory(prefix="guestd-bench-") as folder:
            for sessions, events in [
                (0, 0),
                *((chosen.sessions, events) for events in chosen.events),
            ]:
                place = Path(folder) / f"{sessions}-{events}"
                fill(place, sessions, events)
                tries = [until_ready(place, base) for _ in range(3)]
                seconds, cpu_s = (
                    statistics.median(figures) for figures in zip(*tries, strict=True)
                )
                found.append(
                    {"sessions": sessions, "events": events, "ready_s": seconds, "cpu_s": cpu_s}
                )
                if not chosen.json:
                    print(
                        f"{sessions:6d} guest sessions of {events:3d} events: ready after"
                        f" {seconds:.2f} s, {cpu_s:.2f} s CPU"
                    )
        if chosen.json:
            print(json.dumps(found, indent=2))
    finally:
        emulator.terminate()
        emulator.wait()
        emulator.stdout.close()


if __name__ == "__main__":
    main()
