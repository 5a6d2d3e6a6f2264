"""The journal from its opening to its closing, and who is to blame while that takes long."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

from ..journal.memory import MemoryJournal
from ..journal.sqlite import SqliteJournal
from ..model.errors import JournalError, StorageFull
from ..model.journal import Journal
from ..observe.metrics import Metrics
from .config import Config
from .systemd import Notifier
from .wiring.storage import journal_directory

logger = logging.getLogger("guestd")

#: Between two looks at a disk that has no room for the start.
ROOM_WAIT_S = 2.0

#: A commit that waits longer waits for the disk.
DISK_WAIT_S = 1.0


class JournalAtDisk:
    """`open` once, `close` at the end. `failed` gets the error that ends the process; from then on
    `has_failed`."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        notifier: Notifier,
        metrics: Metrics,
        failed: Callable[[JournalError], None],
    ) -> None:
        self._config = config
        self._loop = loop
        self._notifier = notifier
        self._metrics = metrics
        self._failed = failed
        self._journal: SqliteJournal | None = None
        self._is_under_way = False
        self.has_failed = False

    async def open(self) -> Journal:
        """On disk where a directory is configured, in memory where not. Raises ConfigError or
        JournalError."""
        directory = journal_directory(self._config, os.environ)
        if directory is None:
            return MemoryJournal(
                self._config.journal.events_per_session_max, self._config.journal.events_max
            )
        journal = SqliteJournal(directory, self._loop, self._journal_failed, self._config.journal)
        self._metrics.journal_damaged_rows = lambda: journal.damaged_rows
        self._metrics.disk_figures = journal.disk_figures
        self._journal = journal
        self._is_under_way = True
        await self._begin(journal)
        self._is_under_way = False
        return journal

    async def close(self) -> None:
        """Also of a journal whose opening failed or was cancelled."""
        if self._journal is not None:
            self._is_under_way = True
            await self._journal.stop()
            self._is_under_way = False

    @property
    def is_waited_for(self) -> bool:
        """Whether the process waits for the disk just now: to open, to close, or for a commit."""
        return self._is_under_way or self._metrics.journal_oldest_wait_s() > DISK_WAIT_S

    async def _begin(self, journal: SqliteJournal) -> None:
        """A disk without room for the start is said and waited for."""
        while True:
            try:
                return await uninterrupted(asyncio.to_thread(journal.start))
            except StorageFull as error:
                logger.warning("%s; the start waits for that", error)
                self._notifier.extend(ROOM_WAIT_S + 30.0)
                self._notifier.status(str(error))
            await asyncio.sleep(ROOM_WAIT_S)

    def _journal_failed(self, error: JournalError) -> None:
        self.has_failed = True
        self._failed(error)


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """To its end, also if the caller is cancelled meanwhile: what a thread has begun cannot be
    called back."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
