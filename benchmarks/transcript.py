"""Does a long transcript hold the others up? A transcript of 100,000 events is read over `/v1`, page
after page and again and again, while a thousand guest sessions talk.

    .venv/bin/python benchmarks/transcript.py [--guests 1000] [--rounds 5] [--events 100000] [--json]

Three daemons before one emulator, each in a process of its own, all with the same transcript in
their journal. It is read from one of them; the two others are not read from, and how far they are
apart is what the machine itself does to such figures. The rounds take turns; each guest says one
thing per round, evenly spaced, and is measured from the sending to the moment at which its frontend
is shown the message. CPU time is the daemon's own per round. The ratios are medians over the
rounds."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import aiohttp
import orjson
from crm import COMMON, Guest, one_round, percentile, settle, start

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.journal import database
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord

SIDES = ("without", "read", "twin")
ARCHIVE = "archive"
PAGE = 1000
COMMIT_ROWS = 5000


class Transcript:
    """Reads it from the first event to the last and begins again, until it is cancelled."""

    def __init__(self, url: str, client: aiohttp.ClientSession) -> None:
        self._url = f"{url}/v1/sessions/{ARCHIVE}/events"
        self._client = client
        self.events = 0
        self.times = 0

    async def read(self) -> None:
        after = 0
        while True:
            asked = {"after": str(after), "limit": str(PAGE)}
            async with self._client.get(self._url, params=asked) as answer:
                answer.raise_for_status()
                page = orjson.loads(await answer.read())
            self.events += len(page["events"])
            after = page["next"]
            if not page["more"]:
                after = 0
                self.times += 1


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
            transcript = Transcript(urls["read"], client)
            read_s = 0.0
            for number in range(-1, rounds):
                for at in range(len(SIDES)):
                    side = SIDES[(at + number) % len(SIDES)]
                    reading = asyncio.ensure_future(transcript.read()) if side == "read" else None
                    began, used = time.perf_counter(), cpu_s(pids[side])
                    found = await one_round(who[side], number, per_s)
                    used = cpu_s(pids[side]) - used
                    if reading is not None:
                        if reading.done():
                            reading.result()
                        reading.cancel()
                        await asyncio.gather(reading, return_exceptions=True)
                        read_s += time.perf_counter() - began
                    if number >= 0:  # the first is for warming up
                        latencies[side].append(found)
                        cpu[side].append(used)
        finally:
            await client.close()
    return figures(latencies, cpu, transcript, read_s)


def figures(
    latencies: dict[str, list[list[float]]],
    cpu: dict[str, list[float]],
    transcript: Transcript,
    read_s: float,
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
    found["events_read_per_s"] = transcript.events / read_s
    found["transcripts_read"] = float(transcript.times)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--guests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
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
