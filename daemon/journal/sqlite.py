"""The journal on disk: one thread owns the connection, and what waits while it commits is its next transaction.

There is no linger and no timer: under load the queue grows while the disk works, and the next transaction takes all of
it. That is the whole group commit. `done` is called on the loop, in the order the commits were given.

A full disk is waited out: the same transaction is tried again until it fits, nothing after it passes it, and
`storage_full` tells the intake to refuse; `storage_low` says before that that nothing new should begin. Any other error of the
file ends the process (exit 74): after a failed fsync the kernel may have dropped the pages that a retry would seem to write.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from ..model.errors import JournalError
from ..model.ports import Commit, Kept, Replay, SavedSession
from ..model.work import DeliveryRecord, OperationRecord
from . import store
from .lock import DirectoryLock
from .reader import Reader
from .retention import DELETE_MAX, Retention
from .room import Room
from .settings import JournalSettings
from .writer import Writer

logger = logging.getLogger("guestd.journal")

ROWS_MAX = 20_000  # events in one transaction, so that the first of them does not wait for ever
IDLE_S = 1.0
RETRY_FULL_S = 0.25
LOOK_S = 1.0  # between looks at the room that is left

#: A full disk, by SQLite's names: the second is the memory its connections share, a file as well.
FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")

_Work = tuple[Commit, Callable[[], None]]


class SqliteJournal:
    """The Journal port on `directory`. `start`, use, `stop`. `failed` hears of an error that ends the process."""

    def __init__(
        self,
        directory: Path,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[JournalError], None],
        settings: JournalSettings | None = None,
    ) -> None:
        self._directory = directory
        self._loop = loop
        self._failed = failed
        self._settings = settings = settings or JournalSettings()
        self._retention = Retention(int(settings.retention_s * 1000), int(settings.dead_retention_s * 1000))
        self._lock = DirectoryLock(directory)
        self._room = Room(directory, settings)
        self._look_at = 0.0
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._given_at: deque[float] = deque()  # of each commit that is not durable yet
        self._thread: threading.Thread | None = None
        self._writer: Writer
        self._reader: Reader
        self._acknowledged = 0
        self._cursors: dict[str, int] = {}
        self._asked_for: set[str] = set()
        self._told: list[Callable[[], None]] = []
        self._retire_at = 0.0
        self._unretired = 0  # rows written since retention last had a turn
        self.storage_full = False
        self.storage_low = False

    def start(self) -> None:
        """Lock, open, check, begin to write. Raises ConfigError or JournalError."""
        if self._directory.is_dir():
            self._lock.take()
        try:
            connection = store.open_for_writing(self._directory, self._settings.create == "auto")
            self._writer = Writer(connection)
            self._reader = Reader(store.open_for_reading(self._directory), self._failed)
            self._cursors = self._reader.cursors()
        except BaseException:
            self._lock.release()
            raise
        self._acknowledged = self._writer.offset
        self._room.look()
        self._low(self._room.is_low)
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
        self._given_at.append(time.monotonic())
        self._work.put((commit, done))

    def read(self, session_id: str, after_seq: int, limit: int) -> Replay:
        return self._reader.read(session_id, after_seq, limit, self._acknowledged)

    def forget(self, session_id: str) -> None:
        """Nothing to do: the session is marked as over with its last event, and retention takes it later."""

    def recover(self) -> list[SavedSession]:
        found = self._reader.recover()
        self._write_down_aside()
        return found

    def identities(self, session_id: str, limit: int) -> list[tuple[str, str]]:
        try:
            return self._reader.identities(session_id, limit)
        finally:
            self._write_down_aside()

    def accepted_seq(self, session_id: str, command_id: str) -> int:
        return self._reader.accepted_seq(session_id, command_id)

    def last_seq(self, session_id: str) -> int:
        return self._reader.last_seq(session_id)

    def read_on(self, after_offset: int, limit: int, kinds: Sequence[str] = ()) -> list[Kept]:
        return self._reader.read_on(after_offset, limit, self._acknowledged, kinds)

    def cursor(self, name: str) -> int:
        """The first question in a life is written down: a new reader's beginning, or that an old one still reads."""
        found = self._cursors.setdefault(name, self._acknowledged)
        if name not in self._asked_for:
            self._asked_for.add(name)
            self.commit(Commit(cursors=[(name, found)]), lambda: None)
        return found

    def on_durable(self, told: Callable[[], None]) -> None:
        self._told.append(told)

    def operation(self, operation_id: str) -> OperationRecord | None:
        return self._reader.operation(operation_id)

    def operations(self) -> list[OperationRecord]:
        return self._reader.operations()

    def deliveries(self, status: str, after_id: str = "", limit: int = 1000) -> list[DeliveryRecord]:
        return self._reader.deliveries(status, after_id, limit)

    @property
    def damaged_rows(self) -> int:
        return self._reader.damaged_rows

    def _write_down_aside(self) -> None:
        if aside := self._reader.take_aside():
            self.commit(Commit(aside=aside), lambda: None)

    def oldest_wait_s(self) -> float:
        try:
            return max(0.0, time.monotonic() - self._given_at[0])
        except IndexError:
            return 0.0

    # ------------------------------------------------------------------ the writer's thread

    def _run(self, connection: sqlite3.Connection) -> None:
        try:
            while (works := self._take()) is not None:
                if works:
                    self._write(works)
                    self._unless_full(self._retire_in_passing)
                    self._unless_full(self._writer.checkpoint_if_large)
                else:
                    self._unless_full(self._use_the_pause)
                self._look_for_room()
            self._unless_full(self._writer.checkpoint)
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
                if not _is_full(error):
                    raise
                self._tell(self._full, True)
                self._room.release()
                threading.Event().wait(RETRY_FULL_S)
        for _ in works:
            self._given_at.popleft()
        self._unretired += sum(len(commit.rows) for commit in commits)
        self._tell(self._written, works, offset, self._room.is_short)

    def _retire_in_passing(self) -> None:
        """A journal that is never idle must not grow for ever: as many rows as come may go."""
        if self._unretired >= DELETE_MAX and time.monotonic() >= self._retire_at:
            self._unretired = 0
            if not self._writer.retire(self._retention):
                self._retire_at = time.monotonic() + IDLE_S

    def _use_the_pause(self) -> None:
        self._writer.checkpoint()
        while self._work.empty() and self._writer.retire(self._retention):
            continue

    def _unless_full(self, tidy: Callable[[], None]) -> None:
        """Tidying up needs room as well; without it, it is for later."""
        try:
            tidy()
        except sqlite3.OperationalError as error:
            if not _is_full(error):
                raise

    def _look_for_room(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_S
        was_low, was_short = self._room.is_low, self._room.is_short
        self._room.look()
        if was_low != self._room.is_low:
            self._tell(self._low, self._room.is_low)
        if was_short and not self._room.is_short:
            self._tell(self._full, False)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:
            return  # the loop is gone, and everybody with it who could want to know

    # ------------------------------------------------------------------ on the loop

    def _written(self, works: list[_Work], offset: int, is_short: bool) -> None:
        self._full(self.storage_full and is_short)
        self._acknowledged = offset
        for commit, _ in works:
            for name, reached in commit.cursors:
                self._cursors[name] = max(reached, self._cursors.get(name, 0))
        for _, done in works:
            done()
        for told in self._told:
            told()

    def _full(self, full: bool) -> None:
        if full != self.storage_full:
            self.storage_full = full
            logger.error("the disk is full: intake stops, sockets stay up") if full else logger.warning(
                "there is room again"
            )

    def _low(self, low: bool) -> None:
        if low != self.storage_low:
            self.storage_low = low
            logger.warning("the disk is nearly full: no new guest sessions") if low else logger.warning(
                "there is room enough again"
            )


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in FULL
