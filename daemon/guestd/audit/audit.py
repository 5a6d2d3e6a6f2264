"""The audit: a view of the journal in files that outlive it, complete after any crash (AUDIT-1).

The journal holds the truth; this reader copies what matters into a chain of lines, a page at a
time, in a thread, and moves its cursor when the page is synced. A page that was written but whose
cursor did not move is recognised line by line after the restart. When the disk refuses, the page is
tried again until it is taken: nothing is passed over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..model.journal import Commit, EventReader, StoredEvent
from ..model.ports import Clock
from ..observe.log import fields
from ..observe.metrics import Metrics
from ..runtime.callback import committed
from ..runtime.journal_follower import PAGE, JournalFollower
from .day_files import AuditFiles
from .entries import KINDS, entry
from .settings import AuditSettings

Found = TypeVar("Found")

logger = logging.getLogger("guestd.audit")

CURSOR = "audit"
RETRY_S = 2.0

#: Between two looks whether the files are still there: as soon as those of the journal are missed.
CHECK_S = 1.0

#: Events without a line after which the cursor moves all the same, and the longest it stays behind,
#: in seconds.
MOVED_MAX = 5000
BEHIND_S = 30.0


class Audit:
    """`start` raises ConfigError for a directory that cannot be used. `stop` writes what the
    journal has, then leaves."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        journal: EventReader,
        directory: Path,
        settings: AuditSettings,
        metrics: Metrics,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._journal = journal
        self._settings = settings
        self._metrics = metrics
        self._files = AuditFiles(directory, settings, remembers=2 * PAGE)
        self._follower = JournalFollower(
            loop, journal, CURSOR, KINDS, settings.linger_s, self._take
        )
        self._marked, self._marked_at = 0, clock.now()
        self._turn = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._files.open(self._clock.epoch_ms())
        self._count()
        self._follower.start()
        self._watch = self._loop.create_task(self._watch_files(), name="audit files")

    async def stop(self) -> None:
        await self._follower.stop()
        await self._close()

    async def abandon(self) -> None:
        await self._follower.abandon()
        await self._close()

    async def _close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._files.close()

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                await self._in_thread(self._files.check, self._clock.epoch_ms())
            except OSError as error:
                self._cannot_be_written(error)
                await asyncio.sleep(RETRY_S)

    async def _take(self, page: Sequence[StoredEvent]) -> None:
        settings = self._settings
        found = (entry(kept, settings.bodies, settings.retention_days) for kept in page)
        entries = [one for one in found if one is not None]
        now, last = self._clock.now(), page[-1].offset
        if entries:
            await self._write(entries)
        elif last - self._marked < MOVED_MAX and now - self._marked_at < BEHIND_S:
            return
        self._marked, self._marked_at = last, now
        cursor = (CURSOR, last)
        await committed(self._journal, Commit(cursors=[cursor], at_ms=self._clock.epoch_ms()))

    async def _write(self, entries: list[dict[str, object]]) -> None:
        while True:
            try:
                self._metrics.audit_lines += await self._in_thread(
                    self._files.append, entries, self._clock.epoch_ms()
                )
                return
            except OSError as error:
                self._cannot_be_written(error)
                await asyncio.sleep(RETRY_S)

    async def _in_thread(self, work: Callable[..., Found], *given: object) -> Found:
        """One thread at a time has the files. To its end, also if the caller is cancelled
        meanwhile: a thread cannot be called back, and the files are closed after it."""
        async with self._turn:
            working = asyncio.ensure_future(asyncio.to_thread(work, *given))
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                await asyncio.wait({working})
                raise
            finally:
                self._count()

    def _count(self) -> None:
        self._metrics.audit_breaks = self._files.breaks
        self._metrics.audit_files_retired_early = self._files.retired_early

    def _cannot_be_written(self, error: OSError) -> None:
        self._metrics.audit_failures += 1
        logger.error(
            "the audit cannot be written (%s); it is tried again, nothing is passed over",
            error.strerror,
            extra=fields(event="audit_failed"),
        )
