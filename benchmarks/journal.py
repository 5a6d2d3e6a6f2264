"""The journal on disk beside one transaction per event, by sqlite3 and by aiosqlite, in the same
run.

    .venv/bin/python benchmarks/journal.py [--rows 1000000] [--json]

Ratios count; absolute figures belong to the disk and its neighbours. All rivals are measured twice:
on the disk as it is, and on one whose sync takes a millisecond, as real ones do. `--rows` is how
far the growth is measured, with 100 guest sessions and with 5,000: CPU of the whole process, so
that neighbours cost it little. 10,000,000 rows take some 8 GB beside this file. Latencies are those
of the best of several runs, with the median run beside it: a neighbour only ever adds."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
import uvloop
from slow_disk import slow_disk

from guestd.journal.memory import MemoryJournal
from guestd.journal.sqlite import SqliteJournal
from guestd.model.events import MessageEvent
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.observe.metrics import Metrics
from guestd.runtime.clock import LoopClock
from guestd.supervisor.commits import CommitBatcher
from guestd.supervisor.hub import Hub

SESSIONS = 100
START_S = 1_800_000_000
TEXT = "Your parcel left the depot this morning and should be with you before the evening."
HEAD = '{"seq":%d,"id":"%s","direction":"Outbound","type":"Text","text":"' + TEXT + '",'
SCHEMA = (
    "CREATE TABLE events (id INTEGER PRIMARY KEY, session TEXT, seq INTEGER, kind TEXT, key TEXT,"
    " payload BLOB)"
)
INSERT = "INSERT INTO events (session, seq, kind, key, payload) VALUES (?, ?, ?, ?, ?)"


class Messages:
    """Messages as the platform sends them: random identities, times that go on, guest sessions in
    no order."""

    def __init__(self, sessions: int = SESSIONS) -> None:
        self.records = [
            SessionRecord(f"s{n}", f"g{n}", f"t{n}", "", {}, {}, 0, 0) for n in range(sessions)
        ]
        self._rng = random.Random(1)
        self._seqs = [0] * sessions
        self._ms = 0

    def rows(self, count: int) -> list[Any]:
        return [self._row() for _ in range(count)]

    def lasts(self, count: int) -> list[tuple[str, int]]:
        """Some guest sessions and the seq each has come to."""
        return [(f"s{n}", self._seqs[n]) for n in range(min(count, len(self._seqs)))]

    def _row(self) -> Any:
        n = self._rng.randrange(len(self._seqs))
        self._seqs[n] += 1
        self._ms += self._rng.randrange(2)
        reported = datetime.fromtimestamp(START_S + self._ms / 1000, UTC).isoformat(
            timespec="milliseconds"
        )[:23]
        key = f"{self._rng.getrandbits(128):032x}"
        payload = (
            HEAD % (self._seqs[n], key) + f'"time":"{reported}Z","sender":"Ann","kind":"message"}}'
        )
        return EventRow(f"s{n}", self._seqs[n], "message", payload.encode(), key, b"")


async def opened(folder: str, messages: Messages) -> SqliteJournal:
    os.makedirs(folder, exist_ok=True)
    journal = SqliteJournal(Path(folder), asyncio.get_running_loop(), lambda error: print(error))
    journal.start()
    await committed(journal, Commit(opened=messages.records))
    return journal


async def committed(journal: Any, commit: Commit) -> None:
    done = asyncio.get_running_loop().create_future()
    journal.commit(commit, lambda: done.set_result(None))
    await done


async def crowd(journal: Any, messages: Messages, events: int, waiting: int) -> float:
    """`waiting` askers, each with one event under way; events per second."""
    rows = iter(messages.rows(events))
    started = time.perf_counter()

    async def ask() -> None:
        for _ in range(events // waiting):
            await committed(journal, Commit(rows=[next(rows)]))

    await asyncio.gather(*(ask() for _ in range(waiting)))
    return events / (time.perf_counter() - started)


def one_by_one(folder: str, events: int) -> float:
    connection = sqlite3.connect(f"{folder}/plain.sqlite3", isolation_level=None)
    connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {SCHEMA};")
    rows, started = Messages().rows(events), time.perf_counter()
    for session, seq, kind, payload, key, _ in rows:
        connection.execute("BEGIN")
        connection.execute(INSERT, (session, seq, kind, key, payload))
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.close()
    return events / elapsed


async def by_aiosqlite(folder: str, events: int) -> float:
    async with aiosqlite.connect(f"{folder}/aio.sqlite3", isolation_level=None) as connection:
        await connection.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {SCHEMA};"
        )
        rows, started = Messages().rows(events), time.perf_counter()
        for session, seq, kind, payload, key, _ in rows:
            await connection.execute("BEGIN")
            await connection.execute(INSERT, (session, seq, kind, key, payload))
            await connection.execute("COMMIT")
        return events / (time.perf_counter() - started)


async def latency(journal: Any, messages: Messages, per_s: int, seconds: float) -> dict[str, float]:
    """Milliseconds from giving a commit to its being durable, while so many events a second
    arrive."""
    loop = asyncio.get_running_loop()
    found: list[float] = []
    rows = messages.rows(int(per_s * seconds) + per_s)
    started, given = loop.time(), 0
    while (elapsed := loop.time() - started) < seconds:
        due = int(elapsed * per_s) - given
        if due > 0:
            at = time.perf_counter()
            journal.commit(
                Commit(rows=rows[given : given + due]),
                lambda at=at: found.append(time.perf_counter() - at),
            )
            given += due
        await asyncio.sleep(0.001)
    await committed(journal, Commit(rows=rows[given:]))  # else there would be a hole in each stream
    cuts = statistics.quantiles(found, n=100)
    return {"p50 ms": cuts[49] * 1000, "p99 ms": cuts[98] * 1000}


async def loop_cpu(journal: Any, messages: int) -> float:
    """CPU of the loop's own thread per message through the pipeline, in microseconds; the writer's
    thread is not in it."""
    loop = asyncio.get_running_loop()
    pipeline = CommitBatcher(
        loop, LoopClock(loop), journal, Hub(), Metrics(), 10**9, lambda full: None
    )
    events = [
        MessageEvent(
            n // SESSIONS + 1, f"x{n}", "Outbound", "Text", TEXT, "2027-05-31T09:00:00.000Z"
        )
        for n in range(messages)
    ]
    cpu = time.thread_time()
    for n, event in enumerate(events):
        pipeline.record(None, f"s{n % SESSIONS}", event)  # type: ignore[arg-type]
        if n % 50 == 49:
            await asyncio.sleep(0)
    while pipeline.uncommitted:
        await asyncio.sleep(0.001)
    return (time.thread_time() - cpu) / messages * 1e6


async def rivals(folder: str, events: int) -> dict[str, Any]:
    """Everything whose figure hangs on the disk."""
    found: dict[str, Any] = {}
    found["one transaction per event, events/s"] = one_by_one(folder, events)
    found["aiosqlite, events/s"] = await by_aiosqlite(folder, events)
    messages = Messages()
    journal = await opened(f"{folder}/a", messages)
    for waiting in (100, 1000):
        found[f"guestd, {waiting} waiting, events/s"] = await crowd(
            journal, messages, 100_000, waiting
        )
    best = max(found["one transaction per event, events/s"], found["aiosqlite, events/s"])
    found["guestd / the better of the others"] = found["guestd, 1000 waiting, events/s"] / best
    found.update(await latencies(journal, messages))
    await journal.stop()
    return found


async def latencies(journal: Any, messages: Messages) -> dict[str, float]:
    gc.collect()
    gc.freeze()  # as the daemon does
    runs = [await latency(journal, messages, 20_000, 2.0) for _ in range(7)]
    gc.unfreeze()
    found = {}
    for key in runs[0]:
        figures = [run[key] for run in runs]
        found[f"20,000 events/s, {key}, best run"] = min(figures)
        found[f"20,000 events/s, {key}, median run"] = statistics.median(figures)
    return found


def rivals_on_a_slow_disk(folder: str) -> dict[str, Any]:
    environment = slow_disk(Path(folder))
    if environment is None:
        return {"a sync of 1 ms: skipped, there is no C compiler here": 0.0}
    command = [sys.executable, __file__, "--rivals-only"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {f"sync of 1 ms: {key}": value for key, value in json.loads(done.stdout).items()}


async def loop_cpus(folder: str) -> dict[str, Any]:
    memory = [await loop_cpu(MemoryJournal(), 50_000) for _ in range(3)]
    disk = []
    for n in range(3):
        other = await opened(f"{folder}/cpu{n}", Messages())
        disk.append(await loop_cpu(other, 50_000))
        await other.stop()
    return {
        "loop CPU, µs per message, memory": statistics.median(memory),
        "loop CPU, µs per message, disk": statistics.median(disk),
    }


async def growth(folder: str, sessions: int, rows_max: int) -> dict[str, Any]:
    """What an event costs when so many are there already."""
    found: dict[str, Any] = {}
    messages = Messages(sessions)
    journal, total = await opened(f"{folder}/{sessions}", messages), 0
    for target in (1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        if target > rows_max:
            break
        while total < target:
            step = min(20_000, target - total)
            await committed(journal, Commit(rows=messages.rows(step)))
            total += step
        found[f"{sessions:,} sessions, µs per event at {target:,} rows"] = await cost(
            journal, messages
        )
        found[f"{sessions:,} sessions, µs to read 100 from the middle at {target:,} rows"] = (
            reading(journal, messages)
        )
        total += 3 * 20 * 500
    await journal.stop()
    return found


async def measure(rows_max: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="guestd-bench-", dir=".") as folder:
        found = await rivals(folder, 3000)
        found.update(rivals_on_a_slow_disk(folder))
        found.update(await loop_cpus(folder))
        for sessions in (SESSIONS, 5000):
            found.update(await growth(folder, sessions, rows_max))
    return found


async def measure_rivals() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="guestd-bench-", dir=".") as folder:
        return await rivals(folder, 1000)


async def cost(journal: Any, messages: Messages) -> float:
    """CPU of the whole process per event, in commits of 500: the least of three turns, for a
    neighbour only ever adds."""
    found = []
    for _ in range(3):
        batches = [Commit(rows=messages.rows(500)) for _ in range(20)]
        used = time.process_time()
        for batch in batches:
            await committed(journal, batch)
        found.append((time.process_time() - used) / 10_000 * 1e6)
    return min(found)


async def reading(journal: Any, messages: Messages) -> float:
    """What a watcher who comes back in the middle costs the loop, in microseconds: the median of
    many guest sessions."""
    found = []
    for session_id, last in messages.lasts(200):
        began = time.perf_counter()
        await journal.read(session_id, last // 2, 100)
        found.append(time.perf_counter() - began)
    return statistics.median(found) * 1e6


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--json", action="store_true")
    options.add_argument(
        "--rivals-only", action="store_true", help="what hangs on the disk, as JSON"
    )
    chosen = options.parse_args()
    found = uvloop.run(measure_rivals() if chosen.rivals_only else measure(chosen.rows))
    if chosen.json or chosen.rivals_only:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for key, value in found.items():
            print(f"{key:60s} {value:12,.1f}")


if __name__ == "__main__":
    main()
