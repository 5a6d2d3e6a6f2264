"""The journal on disk: one thread owns the connection, and what waits while it commits is its next
transaction.

There is no linger and no timer: under load the queue grows while the disk works, and the next
transaction takes all of it. That is the whole group commit. `done` is called on the loop, in the
order the commits were given.

A full disk is waited out: the same transaction is tried again until it fits, nothing after it
passes it, and
`storage_full` tells the intake to refuse; `storage_low` says before that that nothing new should
begin. Any other error of the file ends the process (exit 74): after a failed fsync the kernel may
have dropped the pages that a retry would seem to write."""

from __future__ import annotations

import asyncio
import errno
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ..model.errors import JournalError, StorageFull
from ..model.journal import Commit, DiskFigures, SetAside
from ..observe.log import fields
from ..runtime.system_errors import in_words
from . import database
from .disk_reserve import DiskReserve
from .file_watch import FileWatch
from .lock import DirectoryLock
from .reader import Reader
from .reader_thread import IO_ERROR, ReadsOnThread, named
from .retention import Retention
from .retire_pace import RetirePace
from .settings import JournalSettings
from .writer import Writer

logger = logging.getLogger("guestd.journal")

ROWS_MAX = 20_000  # events in one transaction, so that the first of them does not wait for ever
IDLE_S = 1.0
RETRY_FULL_S = 0.25
LOOK_S = 1.0  # between looks at the room that is left, and at whether the files are still there
STOP_MAX_S = (
    15.0  # a disk that hangs for longer is left alone: nothing that waits for it was acknowledged
)
START_BYTES = 1 << 20  # less is free than a start takes: an I/O error then means a full disk

FULL = "SQLITE_FULL"
#: The memory that SQLite's connections share is a file, too. It could not grow: for want of room,
#: or because the disk failed.
SHARED_FAILED = "SQLITE_IOERR_SHMSIZE"

_Work = tuple[Commit, Callable[[], None]]


class SqliteJournal(ReadsOnThread):
    """The Journal port on `directory`. `start`, use, `stop`. `failed` hears of an error that ends
    the process; from then on, and after `stop`, reading raises JournalError. The loop closes both
    connections when their threads have ended: none is ever closed while it is in use."""

    def __init__(
        self,
        directory: Path,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[JournalError], None],
        settings: JournalSettings | None = None,
    ) -> None:
        super().__init__(loop, self._fail, self._is_full, self._write_down_aside)
        self._directory = directory
        self._failed = failed
        self._settings = settings = settings or JournalSettings(ballast_bytes=0)
        self._retention = Retention(
            int(settings.retention_s * 1000), int(settings.dead_retention_s * 1000)
        )
        self._lock = DirectoryLock(directory)
        self._reserve = DiskReserve(directory, settings)
        self._watch: FileWatch
        self._look_at = 0.0
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._given_at: deque[float] = deque()  # of each commit that is not durable yet
        self._thread: threading.Thread | None = None
        self._ended_well = False
        self._writer: Writer
        self._cursors: dict[str, int] = {}
        self._asked_for: set[str] = set()
        self._durable_callbacks: list[Callable[[], None]] = []
        self._pace = RetirePace()
        self.storage_full = False
        self.storage_low = False

    def start(self) -> None:
        """Lock, open, check, begin to write. Raises ConfigError, JournalError, or StorageFull if
        there is no room."""
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            raise self._not_started(error) from error
        except JournalError as error:
            if isinstance(error.__cause__, sqlite3.Error | OSError) and self._has_no_room(
                error.__cause__
            ):
                raise self._not_started(error.__cause__) from error
            raise

    def _open(self) -> None:
        opened: list[sqlite3.Connection] = []
        try:
            if self._directory.is_dir():
                self._lock.take()
            opened.append(
                database.open_for_writing(self._directory, self._settings.create == "auto")
            )
            self._writer = Writer(opened[0])
            opened.append(database.open_for_reading(self._directory))
            reader = Reader(opened[1])
            self._cursors = reader.cursors()
            self._watch = FileWatch(self._directory / database.NAME)
            self._watch.look()
            self._reserve.look()
        except BaseException:
            for connection in opened:
                connection.close()
            self._lock.release()
            raise
        self._acknowledged = self._writer.offset
        self._low(self._reserve.is_low)
        self._start_reading(reader)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def _not_started(self, error: sqlite3.Error | OSError) -> JournalError:
        """With the ballast given back, if the disk is full: the next try may find room."""
        why = in_words(error)
        if not self._has_no_room(error):
            return JournalError(f"the journal in {self._directory} cannot be opened: {why}")
        self._reserve.release()
        return StorageFull(
            f"the disk of {self._directory} is full: the journal cannot be opened ({why}); free"
            " some space"
        )

    def _has_no_room(self, error: Exception) -> bool:
        """Full by its own words; or an I/O error where nothing is free, which is how SQLite says it
        of the files beside it."""
        if isinstance(error, OSError):
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        name = getattr(error, "sqlite_errorname", "")
        return name == FULL or (
            name.startswith(IO_ERROR) and self._reserve.free_bytes() < START_BYTES
        )

    def _is_full(self, error: sqlite3.Error) -> bool:
        """While running. Any other I/O error may have lost what was written, and ends the
        process."""
        name = getattr(error, "sqlite_errorname", "")
        return name == FULL or (name == SHARED_FAILED and self._reserve.free_bytes() < START_BYTES)

    async def stop(self) -> None:
        """Commit what waits, write the WAL back, let go of the directory. Raises JournalError if
        the disk hangs or stays full for STOP_MAX_S, or if the journal fails only now."""
        if self._thread is None:
            return
        failed_before = self._error is not None
        self._work.put(None)
        await asyncio.to_thread(self._thread.join, STOP_MAX_S)
        if self._thread.is_alive():
            raise JournalError(self._hung())
        failed = self._error is not None and not failed_before
        self._error = self._error or JournalError("the journal is closed")
        if not await self._stop_reading(STOP_MAX_S):
            raise JournalError(self._hung())
        self._thread = None
        self._close()
        self._lock.release()
        if failed:
            raise self._error

    def _hung(self) -> str:
        problem = "has been full" if self.storage_full else "has not answered"
        return (
            f"the disk of {self._directory} {problem} for {STOP_MAX_S:.0f} s while the journal was"
            " being closed; what was acknowledged is on it, and what waited was never acknowledged"
        )

    def _close(self) -> None:
        """On the loop, when both threads have ended: nothing is being read or written. The last
        connection to close writes the WAL back; after a failure the one that only reads is the
        last, so that the file is not touched again."""
        first, last = (
            (self._reader, self._writer) if self._ended_well else (self._writer, self._reader)
        )
        first.close()
        last.close()

    # ------------------------------------------------------------------ the Journal port

    def commit(self, commit: Commit, done: Callable[[], None]) -> None:
        self._given_at.append(time.monotonic())
        self._work.put((commit, done))

    def forget(self, session_id: str) -> None:
        """Nothing to do: the session is marked as over with its last event, and retention takes it
        later."""

    def cursor(self, name: str) -> int:
        """The first question in a life is written down: a new reader's beginning, or that an old
        one still reads."""
        found = self._cursors.setdefault(name, self._acknowledged)
        if name not in self._asked_for:
            self._asked_for.add(name)
            self.commit(Commit(cursors=[(name, found)]), lambda: None)
        return found

    def on_durable(self, callback: Callable[[], None]) -> None:
        self._durable_callbacks.append(callback)

    def _write_down_aside(self, aside: list[SetAside]) -> None:
        self.commit(Commit(aside=aside), lambda: None)

    def disk_figures(self) -> DiskFigures:
        """As the writer's thread saw them at its last look, a second ago: asking does not wait for
        the disk."""
        return DiskFigures(self._watch.bytes, self._reserve.last_free_bytes)

    def oldest_wait_s(self) -> float:
        try:
            return max(0.0, time.monotonic() - self._given_at[0])
        except IndexError:
            return 0.0

    # ------------------------------------------------------------------ the writer's thread

    def _run(self) -> None:
        try:
            while (works := self._take()) is not None:
                if works:
                    self._write(works)
                    self._unless_full(self._retire_in_passing)
                    self._unless_full(self._tidy_in_passing)
                else:
                    self._unless_full(self._when_idle)
                self._look_around()
            self._unless_full(self._writer.checkpoint)
        except sqlite3.Error as error:
            problem = f"the journal failed: {named(error)}; the file was not touched again"
            self._tell(self._fail, JournalError(problem))
        except JournalError as error:
            self._tell(self._fail, error)
        except OSError as error:
            self._tell(
                self._fail,
                JournalError(f"the journal's directory cannot be looked at: {in_words(error)}"),
            )
        except Exception as error:
            logger.exception("the journal's writer broke: our bug")
            self._tell(self._fail, JournalError(f"the journal's writer broke: {error}"))
        else:
            self._ended_well = True

    def _take(self) -> list[_Work] | None:
        """All that waits, up to ROWS_MAX; an empty list after a pause; None when it is time to
        stop."""
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
                if not self._is_full(error):
                    raise
                self._tell(self._full, True)
                self._reserve.release()
                threading.Event().wait(RETRY_FULL_S)
                self._watch_files()
        for _ in works:
            self._given_at.popleft()
        self._pace.written(sum(_rows_of(commit) for commit in commits))
        self._tell(self._written, works, offset, self._reserve.is_short)

    def _retire_in_passing(self) -> None:
        """A journal that is never idle must not grow for ever; see retire_pace.py."""
        while self._pace.is_due(time.monotonic()):
            self._pace.swept(self._writer.retire(self._retention), time.monotonic())

    def _tidy_in_passing(self) -> None:
        self._writer.shrink(in_pause=False)
        self._writer.erase(in_pause=False)
        self._writer.checkpoint_if_large()

    def _when_idle(self) -> None:
        self._writer.checkpoint()
        while self._work.empty() and self._writer.retire(self._retention):
            continue
        while self._work.empty() and self._writer.shrink(in_pause=True):
            self._writer.checkpoint_if_large()
        self._writer.erase(in_pause=True)

    def _unless_full(self, tidy: Callable[[], None]) -> None:
        """Tidying up needs room as well; without it, it is for later."""
        try:
            tidy()
        except sqlite3.OperationalError as error:
            if not self._is_full(error):
                raise

    def _look_around(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_S
        self._watch_files()
        was_low, was_short = self._reserve.is_low, self._reserve.is_short
        self._reserve.look()
        if was_low != self._reserve.is_low:
            self._tell(self._low, self._reserve.is_low)
        if was_short and not self._reserve.is_short:
            self._tell(self._full, False)

    def _watch_files(self) -> None:
        """Raises JournalError if a file is not the one that was opened."""
        if (gone := self._watch.look()) is not None:
            raise JournalError(
                f"the journal's file {gone} was deleted or replaced while guestd used it: nothing"
                " more is accepted, and what was written since the last checkpoint may be lost;"
                " put the file back or restore a backup with `guestd journal restore`, keep other"
                " programs away from that directory, then start again"
            )

    # ------------------------------------------------------------------ on the loop

    def _written(self, works: list[_Work], offset: int, is_short: bool) -> None:
        self._full(self.storage_full and is_short)
        self._acknowledged = offset
        for commit, _ in works:
            for name, reached in commit.cursors:
                self._cursors[name] = max(reached, self._cursors.get(name, 0))
        for _, done in works:
            done()
        for callback in self._durable_callbacks:
            callback()

    def _fail(self, error: JournalError) -> None:
        if self._error is None:
            self._error = error
            self._failed(error)

    def _full(self, full: bool) -> None:
        if full != self.storage_full:
            self.storage_full = full
            if full:
                text = "the disk is full: intake stops, sockets stay up"
                logger.error(text, extra=fields(event="storage_full"))
            else:
                logger.warning("there is room again", extra=fields(event="storage_full_over"))

    def _low(self, low: bool) -> None:
        if low != self.storage_low:
            self.storage_low = low
            if low:
                text = "the disk is nearly full: no new guest sessions"
                logger.warning(text, extra=fields(event="storage_low"))
            else:
                logger.warning("there is room enough again", extra=fields(event="storage_low_over"))


def _rows_of(commit: Commit) -> int:
    """What retention will have to delete one day."""
    return len(commit.rows) + len(commit.opened) + len(commit.operations) + len(commit.deliveries)
