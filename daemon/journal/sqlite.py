"""The journal on disk: one thread owns the connection, and what waits while it commits is its next transaction.

There is no linger and no timer: under load the queue grows while the disk works, and the next transaction takes all of
it. That is the whole group commit. `done` is called on the loop, in the order the commits were given.

A full disk is waited out: the same transaction is tried again until it fits, nothing after it passes it, and
`storage_full` tells the intake to refuse. Any other error of the file ends the process (exit 74): after a failed fsync the
kernel may have dropped the pages that a retry would seem to write.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..model.errors import JournalError
from ..model.ports import Commit, Replay, SavedSession
from . import recovery, store
from .lock import DirectoryLock
from .queries import queries
from .writer import Writer

logger = logging.getLogger("guestd.journal")

ROWS_MAX = 20_000  # events in one transaction, so that the first of them does not wait for ever
IDLE_S = 1.0
RETRY_FULL_S = 0.25

_Work = tuple[Commit, Callable[[], None]]


class SqliteJournal:
    """The Journal port on `directory`. `start`, use, `stop`. `failed` hears of an error that ends the process."""

    def __init__(
        self,
        directory: Path,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[JournalError], None],
        retention_s: float = 86_400.0,
    ) -> None:
        self._directory = directory
        self._loop = loop
        self._failed = failed
        self._retention_ms = int(retention_s * 1000)
        self._lock = DirectoryLock(directory)
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._writer: Writer
        self._reader: sqlite3.Connection
        self._acknowledged = 0
        self.storage_full = False

    def start(self) -> None:
        """Lock, open, check, begin to write. Raises ConfigError or JournalError."""
        if self._directory.is_dir():
            self._lock.take()
        try:
            connection = store.open_for_writing(self._directory)
            self._writer = Writer(connection)
            self._reader = store.open_for_reading(self._directory)
        except BaseException:
            self._lock.release()
            raise
        self._acknowledged = self._writer.offset
        self._thread = threading.Thread(target=self._run, args=(connection,), name="journal", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is waiting, write the WAL back, let go of the directory."""
        if self._thread is None:
            return
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        self._lock.release()

    # ------------------------------------------------------------------ the Journal port

    def commit(self, commit: Commit, done: Callable[[], None]) -> None:
        self._work.put((commit, done))

    def read(self, session_id: str, after_seq: int, limit: int) -> Replay:
        """Only what was acknowledged on the loop: a row that is durable but not yet published is not shown twice."""
        rows = self._reader.execute(queries()["read"], (session_id, after_seq, self._acknowledged, limit)).fetchall()
        first = 1
        if not rows or rows[0][1] != after_seq + 1:
            first = self._reader.execute(queries()["first_kept"], (session_id,)).fetchone()[0]
        return Replay([(*row, b"") for row in rows], first)

    def forget(self, session_id: str) -> None:
        """Nothing to do: the session is marked as over with its last event, and retention takes it later."""

    def recover(self) -> list[SavedSession]:
        return recovery.recover(self._reader)

    def identities(self, session_id: str, limit: int) -> list[tuple[str, str]]:
        return recovery.identities(self._reader, session_id, limit)

    # ------------------------------------------------------------------ the writer's thread

    def _run(self, connection: sqlite3.Connection) -> None:
        try:
            while (works := self._take()) is not None:
                if works:
                    self._write(works)
                    self._writer.checkpoint_if_large()
                else:
                    self._use_the_pause()
            self._writer.checkpoint()
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            self._tell(
                self._failed, JournalError(f"the journal failed: {error} ({name}); the file was not touched again")
            )
        except Exception as error:
            logger.exception("the journal's writer broke: our bug")
            self._tell(self._failed, JournalError(f"the journal's writer broke: {error}"))
        finally:
            self._reader.close()
            connection.close()

    def _take(self) -> list[_Work] | None:
        """All that waits, up to ROWS_MAX; an empty list after a pause; None when it is time to stop."""
        try:
            first = self._work.get(timeout=IDLE_S)
        except queue.Empty:
            return []
        if first is None:
            return None
        works, rows = [first], len(first[0].rows)
        while rows < ROWS_MAX:
            try:
                more = self._work.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._work.put(None)
                break
            works.append(more)
            rows += len(more[0].rows)
        return works

    def _write(self, works: list[_Work]) -> None:
        commits = [commit for commit, _ in works]
        while True:
            try:
                offset = self._writer.write(commits)
                break
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorname", "") != "SQLITE_FULL":
                    raise
                self._tell(self._full, True)
                threading.Event().wait(RETRY_FULL_S)
        self._tell(self._written, works, offset)

    def _use_the_pause(self) -> None:
        self._writer.checkpoint()
        while self._work.empty() and self._writer.retire(time.time_ns() // 1_000_000 - self._retention_ms):
            continue

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:
            return  # the loop is gone, and everybody with it who could want to know

    # ------------------------------------------------------------------ on the loop

    def _written(self, works: list[_Work], offset: int) -> None:
        if self.storage_full:
            self._full(False)
        self._acknowledged = offset
        for _, done in works:
            done()

    def _full(self, full: bool) -> None:
        if full != self.storage_full:
            self.storage_full = full
            logger.error("the disk is full: intake stops, sockets stay up") if full else logger.warning(
                "there is room again"
            )
