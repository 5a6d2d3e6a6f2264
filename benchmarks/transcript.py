"""Does a long transcript hold the others up? A transcript of 100,000 events is read over `/v1`, page
after page and again and again, while a thousand guest sessions talk.

    .venv/bin/python benchmarks/transcript.py [--guests 1000] [--rounds 10] [--events 100000] [--json]

Three daemons before one emulator, each in a process of its own, all with the same transcript in
their journal. It is read from one of them; the two others are not read from, and how far they are
apart is what the machine itself does to such figures. The rounds take turns; each guest says one
thing per round, evenly spaced, and is measured from the sending to the moment at which its frontend
is shown the message. CPU time is the daemon's own per round. The ratios are medians over the
rounds.

One client reads, as fast as it is answered: from the first event to the last, one request after the
other, and begins anew if the round lasts longer. What it takes itself is not the daemon's, and must
not be in the figures: it is a process of its own, so that it does not delay the guests' sockets,
which are measured in this one; it has the lowest priority (nice 19), so that on a machine with as
few cores it takes what is left over; and it parses only the end of an answer."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import aiohttp
import orjson
from crm import COMMON, Guest, one_round, percentile, settle, start

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.journal import database
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord

SIDES = ("without", "read", "twin")
READ = "--read"
ARCHIVE = "archive"
PAGE = 1000
COMMIT_ROWS = 5000


class Reading:
    """The client that reads, as the round sees it. Each `begin` begins at the first event."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, __file__, READ, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(self._child.wait)
        stack.callback(self._child.kill)
        self.events = 0
        self.took_s = 0.0

    def begin(self) -> None:
        self._tell("begin")

    def end(self) -> None:
        """Waits for the answer under way."""
        self._tell("end")
        assert self._child.stdout is not None
        found = json.loads(self._child.stdout.readline())
        self.events += found["events"]
        self.took_s += found["took_s"]

    def _tell(self, word: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{word}\n")
        self._child.stdin.flush()


def read_when_told(url: str) -> None:
    """In the client's process: reads from one word on standard input to the next, and says what."""
    os.nice(19)
    address = urlsplit(url)
    server = HTTPConnection(address.hostname or "", address.port)
    while sys.stdin.readline():
        events = after = 0
        began = time.perf_counter()
        while not select.select([sys.stdin], [], [], 0.0)[0]:
            server.request("GET", f"/v1/sessions/{ARCHIVE}/events?after={after}&limit={PAGE}")
            answer = server.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            end = json.loads(b"{" + body[body.rindex(b'"next":') :])
            events += end["next"] - after
            after = end["next"] if end["more"] else 0
        sys.stdin.readline()
        took_s = time.perf_counter() - began
        print(json.dumps({"events": events, "took_s": took_s}), flush=True)


def write_transcript(folder: Path, events: int) -> None:
    """Of a guest session that has ended just now."""
    folder.mkdir()
    connection = database.create_or_open(folder)
    writer = Writer(connection)
    now_ms = time.time_ns() // 1_000_000
    record = SessionRecord(ARCHIVE, ARCHIVE, "token", "", {}, {}, now_ms, now_ms + 1000)
    writer.write([Commit(opened=[record], at_ms=now_ms)])
    for start_seq in range(1, events + 1, COMMIT_ROWS):
        seqs = range(start_seq, min(start_seq + COMMIT_ROWS, events + 1))
        writer.write([Commit(rows=[_row(seq) for seq in seqs], at_ms=now_ms)])
    writer.write([Commit(over=[ARCHIVE], at_ms=now_ms)])
    writer.checkpoint()
    writer.close()


def _row(seq: int) -> EventRow:
    event = {
        "seq": seq,
        "id": f"m{seq}",
        "time": "2027-01-15T08:00:00.000Z",
        "direction": "Outbound",
        "text": f"what was said as number {seq}, and a little more",
        "kind": "message",
    }
    if seq == 1:
        event = {"seq": 1, "state": "live", "read_only": False, "reason": "", "kind": "session"}
    key = "" if seq == 1 else f"m{seq}"
    return EventRow(ARCHIVE, seq, str(event["kind"]), orjson.dumps(event), key, b"")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children() -> set[int]:
    return {int(one) for one in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


async def measure(
    folder: Path, guests: int, rounds: int, per_s: float, events: int
) -> dict[str, float]:
    latencies: dict[str, list[list[float]]] = {side: [] for side in SIDES}
    cpu: dict[str, list[float]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        base = start(stack, "emulate", "--port", "0", "--no-limits", "--agent", "silent")
        urls, pids = {}, {}
        for side in SIDES:
            write_transcript(folder / side, events)
            config = folder / f"{side}.toml"
            config.write_text(
                COMMON.format(
                    journal=folder / side, base=base[4:], deployment=DEFAULT_DEPLOYMENT_ID
                )
            )
            before = children()
            urls[side] = start(stack, "serve", "-c", str(config))
            [pids[side]] = children() - before
        client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        try:
            who: dict[str, list[Guest]] = {
                side: await settle(urls[side], guests, client) for side in SIDES
            }
            reading = Reading(stack, urls["read"])
            for number in range(-1, rounds):
                for at in range(len(SIDES)):
                    side = SIDES[(at + number) % len(SIDES)]
                    if side == "read":
                        reading.begin()
                    used = cpu_s(pids[side])
                    found = await one_round(who[side], number, per_s)
                    used = cpu_s(pids[side]) - used
                    if side == "read":
                        reading.end()
                    if number >= 0:  # the first is for warming up
                        latencies[side].append(found)
                        cpu[side].append(used)
        finally:
            await client.close()
    return figures(latencies, cpu, reading, events)


def figures(
    latencies: dict[str, list[list[float]]],
    cpu: dict[str, list[float]],
    reading: Reading,
    events: int,
) -> dict[str, float]:
    p50, p99 = (
        {side: [percentile(one, share) for one in latencies[side]] for side in SIDES}
        for share in (0.50, 0.99)
    )

    def ratio(of: dict[str, list[float]], side: str) -> float:
        return median(a / b for a, b in zip(of[side], of["without"], strict=True))

    found = {}
    for side in SIDES:
        found[f"{side}_p50_ms"] = median(p50[side])
        found[f"{side}_p99_ms"] = median(p99[side])
        found[f"{side}_cpu_s"] = median(cpu[side])
    for side in ("read", "twin"):
        found[f"{side}_p50_ratio"] = ratio(p50, side)
        found[f"{side}_p99_ratio"] = ratio(p99, side)
        found[f"{side}_cpu_ratio"] = ratio(cpu, side)
    found["events_read_per_s"] = reading.events / reading.took_s
    found["transcripts_read"] = reading.events / events
    return found


def main() -> None:
    if sys.argv[1:2] == [READ]:
        read_when_told(sys.argv[2])
        return
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--guests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--per-second", type=float, default=200.0)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(
            measure(Path(folder), given.guests, given.rounds, given.per_second, given.events)
        )
    if given.json:
        print(json.dumps(found))
        return
    for name, figure in found.items():
        sys.stdout.write(f"{name:20} {figure:10.2f}\n")


if __name__ == "__main__":
    main()
