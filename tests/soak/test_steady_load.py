"""Guest sessions that talk for an hour with a short retention: after a warm-up nothing grows.

The daemon and the emulator are processes of their own. Sessions are opened at a steady rate and
live for five minutes each, so that about as many end as are opened, and retention always has
something to delete. They begin with a peak, of which nothing may be seen after the warm-up.
Samples are written as JSON lines.

    TEST_STEADY_S=3600 TEST_STEADY_SESSIONS=2000 \
        .venv/bin/python -m pytest -m soak -s tests/soak/test_steady_load.py
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median

import aiohttp
import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from .watching import LATE_MAX_S, JournalFiles, look_at_process

STEADY_S = float(os.environ.get("TEST_STEADY_S", "3600"))
SESSIONS = int(os.environ.get("TEST_STEADY_SESSIONS", "2000"))
LIFE_S = min(300.0, STEADY_S / 8)
RETENTION_S = min(120.0, STEADY_S / 20)
#: Of one guest who talks; with what that causes, 2,000 guests make some 140 events a second.
MESSAGES_PER_S = 0.019
#: In the first moments the few guests there are speak this many times as much as all will later.
PEAK = 3.0
PEAK_S = LIFE_S / 2
#: Until who spoke in the peak has ended and is deleted, and the file is smaller; ten minutes of an
#: hour.
WARM_UP_S = max(STEADY_S / 6, PEAK_S + LIFE_S + RETENTION_S + LATE_MAX_S)
SAMPLE_S = min(15.0, STEADY_S / 60)
SAMPLES_PER_LINE = 4
LINES_PER_COPY = 5
MIB = 1024 * 1024
#: The write-ahead log is cut back to 4 MiB; while this test reads the whole file it may be longer.
WAL_BYTES_MAX = 8 * MIB

pytestmark = [pytest.mark.soak, pytest.mark.timeout(STEADY_S + 600)]

CONFIG = f"""
[platform]
guest_socket_url = "{{ws}}"
api_url = "{{http}}"
cdn_url = "{{http}}"
deployment_id = "{DEFAULT_DEPLOYMENT_ID}"
[journal]
directory = "{{folder}}"
retention_s = {RETENTION_S}
[limits]
max_sessions = {SESSIONS * 2}
[sessions]
duration_s = {LIFE_S}
[admission]
connects_per_minute = 1000000
[drain]
sessions = "end"
grace_s = 120
[log]
level = "warning"
"""


@contextmanager
def child(log: Path, *arguments: str):
    """A process of `guestd`, and the address of its ready line."""
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "guestd", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        ready = process.stdout.readline().strip()
        assert ready.startswith("ready "), log.read_text()
        yield process, ready.removeprefix("ready ")
    finally:
        process.terminate()
        try:
            process.wait(180.0)
        finally:
            process.kill()
            process.stdout.close()


class Guests:
    """Opens sessions at a steady rate and speaks through them, over the control API."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._rng = Random(5)
        self._peak_until = time.monotonic() + PEAK_S
        self._opened_at: dict[str, float] = {}
        self.answers: Counter[str] = Counter()

    async def keep_opening(self) -> None:
        async for turn in paced(lambda: SESSIONS / LIFE_S):
            name = f"guest-{turn}"
            if await self._post("/v1/sessions", {"name": name}) == 201:
                self._opened_at[name] = time.monotonic()

    async def keep_talking(self) -> None:
        async for turn in paced(self._messages_per_s):
            if names := self._those_who_talk():
                text = f"message {turn}: " + "where is my parcel? " * self._rng.randrange(1, 8)
                await self._post(f"/v1/sessions/{self._rng.choice(names)}/messages", {"text": text})

    def _messages_per_s(self) -> float:
        if time.monotonic() < self._peak_until:
            return PEAK * MESSAGES_PER_S * SESSIONS
        return MESSAGES_PER_S * max(1, len(self._those_who_talk()))

    def _those_who_talk(self) -> list[str]:
        """Neither those still being connected nor those about to end."""
        now = time.monotonic()
        for name in [name for name, at in self._opened_at.items() if now - at > LIFE_S * 0.9]:
            del self._opened_at[name]
        return [name for name, at in self._opened_at.items() if now - at > LIFE_S * 0.1]

    async def _post(self, path: str, body: dict[str, str]) -> int:
        async with self._http.post(path, json=body) as answer:
            await answer.read()
        self.answers[f"{path.rsplit('/', 1)[-1]} {answer.status}"] += 1
        return answer.status

    def share_taken(self) -> float:
        taken = self.answers["sessions 201"] + self.answers["messages 202"]
        return taken / max(1, self.answers.total())


async def paced(per_s: Callable[[], float]):
    """Turns at the rate of the moment; of a stop no more than a second is made up for."""
    due, turn = time.monotonic(), 0
    while True:
        now = time.monotonic()
        due = max(due + 1 / per_s(), now - 1.0)
        await asyncio.sleep(max(0.0, due - now))
        yield turn
        turn += 1


class Watch:
    """Takes the samples, keeps them, and shows a line of the table now and then."""

    def __init__(
        self, pid: int, http: aiohttp.ClientSession, journal: JournalFiles, out: Path
    ) -> None:
        self._pid, self._http, self._journal, self._out = pid, http, journal, out
        self._started = time.monotonic()
        self.samples: list[dict[str, float]] = []

    async def run(self) -> None:
        print(f"\nsamples: {self._out}\n{HEAD}")
        while (age_s := time.monotonic() - self._started) < STEADY_S:
            sample = await self._take(age_s)
            self.samples.append(sample)
            with self._out.open("a") as out:
                out.write(json.dumps(sample) + "\n")
            if "events" in sample:
                print(self._line(sample), flush=True)
            await asyncio.sleep(SAMPLE_S)

    async def _take(self, age_s: float) -> dict[str, float]:
        file_bytes, wal_bytes = self._journal.sizes_bytes()
        sample = {"at_s": round(age_s, 1), "file_bytes": file_bytes, "wal_bytes": wal_bytes}
        sample |= await self._metrics() | dataclasses.asdict(look_at_process(self._pid))
        lines, rest = divmod(len(self.samples), SAMPLES_PER_LINE)
        if rest == 0:
            sample |= dataclasses.asdict(await asyncio.to_thread(self._journal.rows))
            if lines % LINES_PER_COPY == 0:
                sample["kept_bytes"] = await asyncio.to_thread(self._journal.kept_bytes)
        return sample

    async def _metrics(self) -> dict[str, float]:
        async with self._http.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        states = [key for key in found if key.startswith("guestd_sessions{")]
        return {
            "living": sum(float(found[key]) for key in states),
            "live": float(found.get('guestd_sessions{state="live"}', 0)),
            "commits": float(found["guestd_journal_commit_seconds_count"]),
            "commits_s": float(found["guestd_journal_commit_seconds_sum"]),
            "cpu_s": float(found["process_cpu_seconds_total"]),
        }

    def _line(self, now: dict[str, float]) -> str:
        zero = dict.fromkeys((*now, "newest_offset"), 0)
        before = next((one for one in reversed(self.samples[:-1]) if "newest_offset" in one), zero)
        age_s = max(now["at_s"] - before["at_s"], 1.0)
        commits = max(now["commits"] - before["commits"], 1)
        kept = f"{now['kept_bytes'] / MIB:9.1f}" if "kept_bytes" in now else " " * 9
        return (
            f"{now['at_s'] / 60:6.1f} {now['live']:6.0f} {now['rss_bytes'] / MIB:7.1f}"
            f" {now['descriptors']:6.0f} {now['threads']:7.0f}"
            f" {now['file_bytes'] / MIB:8.1f} {now['wal_bytes'] / MIB:7.1f}"
            f" {now['free_bytes'] / MIB:8.2f} {kept}"
            f" {now['events']:8.0f} {now['sessions_over']:6.0f} {now['late_s']:7.1f}"
            f" {(now['newest_offset'] - before['newest_offset']) / age_s:8.0f}"
            f" {(now['commits_s'] - before['commits_s']) / commits * 1000:9.2f}"
            f" {(now['cpu_s'] - before['cpu_s']) / age_s * 100:6.1f}"
        )


HEAD = (
    "minute   live RSS MiB    fds threads file MiB WAL MiB free MiB  kept MiB"
    "   events   over  late s events/s commit ms  CPU %"
)


def examine(samples: list[dict[str, float]]) -> None:
    """What happens after the warm-up is compared with what was there at its end; the file also with
    what is kept in it, so that a file that never became smaller after the peak is found."""
    steady = [one for one in samples if one["at_s"] >= WARM_UP_S]
    window = max(1, len(steady) // 10)
    first, last = steady[:window], steady[-window:]

    def column(rows: list[dict[str, float]], name: str) -> list[float]:
        return [one[name] for one in rows if name in one]

    def swing(name: str) -> float:
        return max(column(steady, name)) - min(column(steady, name))

    assert median(column(steady, "live")) >= SESSIONS * 0.9, "too few sessions to say anything"
    rss_before, rss_after = (median(column(some, "rss_bytes")) for some in (first, last))
    assert rss_after < rss_before * 1.1, f"memory grew by {(rss_after - rss_before) / MIB:.1f} MiB"
    others = [one["descriptors"] - one["living"] for one in steady]
    assert max(others) - min(others) <= 50, "descriptors beside those of the sessions"
    assert swing("threads") <= 2
    file_before = median(column(first, "file_bytes"))
    assert max(column(steady, "file_bytes")) <= file_before * 1.3, "the journal grows"
    assert max(column(steady, "wal_bytes")) <= WAL_BYTES_MAX
    shares = [one["file_bytes"] / one["kept_bytes"] for one in steady if "kept_bytes" in one]
    peak = max(one["file_bytes"] for one in samples if one["at_s"] < WARM_UP_S)
    print(
        f"file / kept: {min(shares):.2f} to {max(shares):.2f}; file at its peak"
        f" {peak / MIB:.1f} MiB"
    )
    assert max(shares) <= 1.3, "unused room in the file"
    assert max(column(steady, "sessions_over")) > 0, "nothing to retire"
    assert max(column(steady, "sessions_overdue")) == 0, "kept longer than promised"


async def test_nothing_grows_under_a_steady_load(tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = tmp_path / "journal"
    folder.mkdir()
    config, log = tmp_path / "guestd.toml", tmp_path / "guestd.log"
    emulate = ("emulate", "--port", "0", "--no-limits", "--agent", "echo")
    with child(tmp_path / "emulator.log", *emulate) as (_, platform):
        config.write_text(CONFIG.format(http=platform, ws="ws" + platform[4:], folder=folder))
        with child(log, "serve", "-c", str(config), "--port", "0") as (daemon, url):
            journal = JournalFiles(folder, RETENTION_S)
            connector = aiohttp.TCPConnector(limit=4)
            async with aiohttp.ClientSession(url, connector=connector) as http:
                guests = Guests(http)
                watch = Watch(daemon.pid, http, journal, tmp_path / "samples.jsonl")
                load = [asyncio.create_task(guests.keep_opening())]
                load += [asyncio.create_task(guests.keep_talking())]
                try:
                    await watch.run()
                    assert not any(task.done() for task in load), "the load stopped"
                finally:
                    for task in load:
                        task.cancel()
                    failed = await asyncio.gather(*load, return_exceptions=True)
            print(f"{dict(guests.answers)}, load ended by {failed}")
            orphans = journal.orphans()
    assert daemon.returncode == 0
    assert "Traceback" not in log.read_text()
    assert orphans == 0
    assert guests.share_taken() > 0.99, guests.answers
    examine(watch.samples)
