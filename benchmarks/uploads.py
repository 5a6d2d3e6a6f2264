"""What files cost: memory for one that is larger than memory should be, and the loop's patience
while a hundred go at once.

    .venv/bin/python benchmarks/uploads.py [--gib 2] [--files 100] [--megabytes 10]

The platform is the emulator in a process of its own; only the daemon's side is measured. Each file
goes the whole way: spooled to disk, a place asked for, the PUT, the platform's event, the message,
its echo."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import orjson
import uvloop

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.emulator.settings import Deployment, EmulatorLimits
from guestd.journal.memory import MemoryJournal
from guestd.model.commands import Attach
from guestd.model.effects import SessionCounter
from guestd.model.journal import EventRow
from guestd.model.ports import DialTarget, OpenGuest
from guestd.observe.metrics import Metrics
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http
from guestd.runtime.clock import LoopClock
from guestd.session.settings import AttachmentSettings, HeartbeatSettings, SessionSettings
from guestd.spool.reading import open_copy
from guestd.spool.spool import Spool
from guestd.supervisor.settings import AdmissionSettings, SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.upload import FileUploader
from guestd.wire.webmessaging import WebMessaging

MIB = 1024 * 1024
PIECE = os.urandom(MIB)
LOOK_S = 0.002


async def platform() -> None:
    """The other process: an emulator without limits, until its standard input ends."""
    settings = EmulatorSettings(
        agent="silent",
        limits=EmulatorLimits().off(),
        deployments=(Deployment(file_kilobytes_max=64 * MIB),),
        upload_bytes_max=64 * 1024 * MIB,
        journal_entries_max=100_000,
    )
    async with Emulator(settings) as emulator:
        print(emulator.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Watch:
    """Counts the files whose message was confirmed."""

    confirmed = 0

    def offer(self, row: EventRow) -> None:
        if row.kind == "delivery":
            assert orjson.loads(row.payload)["status"] == "confirmed", row.payload
            self.confirmed += 1

    def over(self) -> None: ...


class Daemon:
    def __init__(self, base: str, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        self.metrics = Metrics()
        large = AttachmentSettings(file_bytes_max=64 * 1024 * MIB, spool_bytes_max=64 * 1024 * MIB)
        self.spool = Spool(folder, large, durable=True)
        self.spool.start()
        self.http = Http()
        self.uploader = FileUploader(open_copy)
        dialect = WebMessaging(DEFAULT_DEPLOYMENT_ID)
        self.fleet = Supervisor(
            SupervisorSettings(admission=AdmissionSettings(burst=500)),
            SessionSettings(
                heartbeat=HeartbeatSettings(interval_s=2.0),
                attachments=AttachmentSettings(file_bytes_max=64 * 1024 * MIB),
            ),
            dialect,
            WebsocketDialer(),
            DialTarget(dialect.url("ws" + base[4:])),
            MemoryJournal(),
            WebMessagingHistory(self.http, base),
            LoopClock(loop),
            Random(1),
            self.metrics,
            loop,
            uploader=self.uploader,
            discard_copy=self.spool.discard,
            uncommitted_max=20_000,
        )
        self.watch = Watch()

    async def open(self, count: int) -> list[str]:
        before = self.metrics.sessions.get("live", 0)
        opened = [self.fleet.open(OpenGuest(f"g{before + n}")) for n in range(count)]
        for session_id in opened:
            self.fleet.watch(session_id, self.watch)
        while self.metrics.sessions.get("live", 0) < before + count:
            await asyncio.sleep(0.01)
        return opened

    async def spooled(self, size: int) -> Attach:
        kept = await self.spool.spool(pieces(size))
        return Attach(
            kept.path.name, "a.bin", "application/octet-stream", kept.size_bytes, str(kept.path)
        )

    async def confirmed(self, count: int) -> None:
        while self.watch.confirmed < count:
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.fleet.stop()
        await self.uploader.close()
        await self.http.close()


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MIB):
        yield PIECE


class Look:
    """Every two milliseconds: how late is the loop, how large is the process?"""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self.rss = rss()

    async def __aenter__(self) -> Look:
        self.task = asyncio.ensure_future(self._look())
        return self

    async def __aexit__(self, *error: object) -> None:
        self.task.cancel()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.lag_s = max(self.lag_s, loop.time() - due)
            self.rss = max(self.rss, rss())


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measure(base: str, folder: Path, gib: float, files: int, megabytes: int) -> None:
    daemon = Daemon(base, folder)
    (first,) = await daemon.open(1)
    daemon.fleet.give(first, await daemon.spooled(MIB), lambda answer: None)
    await daemon.confirmed(1)

    before, started = rss(), time.perf_counter()
    async with Look() as look:
        command = await daemon.spooled(int(gib * 1024) * MIB)
        spooled_s = time.perf_counter() - started
        daemon.fleet.give(first, command, lambda answer: None)
        await daemon.confirmed(2)
    took_s = time.perf_counter() - started
    print(
        f"one file of {gib:g} GiB: the process grew by {(look.rss - before) / MIB:.1f} MiB at most,"
    )
    print(
        f"    {spooled_s:.1f} s to spool, {took_s - spooled_s:.1f} s to upload, largest loop lag"
        f" {look.lag_s * 1e3:.0f} ms"
    )

    sessions = await daemon.open(files)
    async with Look() as quiet:
        await asyncio.sleep(3.0)
    commands = [await daemon.spooled(megabytes * MIB) for _ in sessions]
    beats = daemon.metrics.session_counts.get(SessionCounter.HEARTBEAT_SENT, 0)
    before, started, most = rss(), time.perf_counter(), 0
    async with Look() as look:
        for session_id, command in zip(sessions, commands, strict=True):
            daemon.fleet.give(session_id, command, lambda answer: None)
        while daemon.watch.confirmed < 2 + files:
            most = max(most, len(daemon.fleet._uploads))
            await asyncio.sleep(0.01)
    took_s = time.perf_counter() - started
    counts = daemon.metrics.session_counts
    print(f"{files} files of {megabytes} MiB at once ({most} PUTs under way): {took_s:.1f} s,")
    print(
        f"    largest loop lag {look.lag_s * 1e3:.0f} ms (idle {quiet.lag_s * 1e3:.0f} ms), grew by"
    )
    print(
        f"    {(look.rss - before) / MIB:.1f} MiB, heartbeats sent"
        f" {counts.get(SessionCounter.HEARTBEAT_SENT, 0) - beats},"
    )
    print(
        f"    lost {counts.get(SessionCounter.HEARTBEAT_LOST, 0)}, connections lost"
        f" {sum(daemon.metrics.reconnects.values())}"
    )
    await daemon.close()


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--gib", type=float, default=2.0)
    options.add_argument("--files", type=int, default=100)
    options.add_argument("--megabytes", type=int, default=10)
    options.add_argument("--platform", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.platform:
        asyncio.run(platform())
        return
    other = subprocess.Popen(
        [sys.executable, __file__, "--platform"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None and other.stdin is not None
    base = other.stdout.readline().strip()
    try:
        with tempfile.TemporaryDirectory(prefix="guestd-bench-") as folder:
            uvloop.run(
                measure(base, Path(folder) / "spool", chosen.gib, chosen.files, chosen.megabytes)
            )
    finally:
        other.stdin.close()
        other.wait(30)


if __name__ == "__main__":
    main()
