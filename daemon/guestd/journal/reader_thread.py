"""Reading from the file on a thread of its own, so that a long transcript never holds up the loop.

The thread has the one connection that reads and answers a question at a time, in the order of
asking: an answer cannot overtake one that was asked for before it. Each question is one read
transaction of one page, so that no snapshot outlives it and the log can be emptied in between.

Bound: `ASKED_MAX` questions are with the thread; who asks when there are as many waits for its
turn, first come first served. How many can wait is bounded by those who ask: each client, guest
session and reader has at most one question open.

An I/O error or a damaged file ends the process, as an error of the writer does. What is found
damaged in a single row is only the asker's concern.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..model.errors import JournalError
from ..model.journal import EndedSession, Replay, SavedSession, SetAside, StoredCommand, StoredEvent
from ..model.records import DeliveryRecord, OperationRecord
from .reader import Reader

#: Far more than the loop asks for in one turn, and at about a millisecond each a quarter of a
#: second of work.
ASKED_MAX = 256

_Question = tuple[Callable[[Reader], Any], "asyncio.Future[Any]"]
_Found = TypeVar("_Found")


class ReadsOnThread:
    """The verbs of the Journal port that read, for a journal that writes elsewhere.

    `acknowledged` is the offset up to which the loop was told that events are durable, as it stands
    when a question is asked: what becomes durable after that is not in the answer.

    On the loop, `fail` hears of an error that must end the process, and `set_aside` of guest
    sessions found damaged, which are to be written down; `is_full` says whether an error only means
    that the disk is full."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fail: Callable[[JournalError], None],
        is_full: Callable[[sqlite3.Error], bool],
        set_aside: Callable[[list[SetAside]], None],
    ) -> None:
        self._loop = loop
        self._fail_by_reading = fail
        self._is_full_by = is_full
        self._set_aside = set_aside
        self._reader: Reader
        self._acknowledged = 0
        self._error: JournalError | None = None
        self._asked: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._places = asyncio.Semaphore(ASKED_MAX)
        self._reading: threading.Thread | None = None

    # ------------------------------------------------------------------ the Journal port

    @property
    def damaged_rows(self) -> int:
        """How many were found by reading, since the start."""
        return self._reader.damaged_rows

    async def read(
        self, session_id: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> Replay:
        end = self._acknowledged
        return await self._ask(
            lambda reader: reader.read(session_id, after_seq, limit, end, bytes_max)
        )

    async def recover(self) -> list[SavedSession]:
        """Guest sessions that are found damaged are written down as such, so that they stay
        aside."""
        return await self._ask(lambda reader: self._noting(reader, reader.recover))

    async def ended(self, limit: int) -> list[EndedSession]:
        return await self._ask(lambda reader: reader.ended(limit))

    async def identities(self, session_id: str, limit: int) -> list[tuple[str, str]]:
        return await self._ask(
            lambda reader: self._noting(reader, lambda: reader.identities(session_id, limit))
        )

    async def command(self, session_id: str, command_id: str) -> StoredCommand | None:
        end = self._acknowledged
        return await self._ask(lambda reader: reader.command(session_id, command_id, end))

    async def was_shown(self, session_id: str, identity: str, time: str) -> bool:
        return await self._ask(lambda reader: reader.was_shown(session_id, identity, time))

    async def last_seq(self, session_id: str) -> int:
        return await self._ask(lambda reader: reader.last_seq(session_id))

    async def read_on(
        self, after_offset: int, limit: int, kinds: Sequence[str] = ()
    ) -> list[StoredEvent]:
        end = self._acknowledged
        return await self._ask(lambda reader: reader.read_on(after_offset, limit, end, kinds))

    async def operation(self, operation_id: str) -> OperationRecord | None:
        return await self._ask(lambda reader: reader.operation(operation_id))

    async def operations(self) -> list[OperationRecord]:
        return await self._ask(lambda reader: reader.operations())

    async def operations_over(self, limit: int) -> list[OperationRecord]:
        return await self._ask(lambda reader: reader.operations_over(limit))

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        return await self._ask(lambda reader: reader.delivery(delivery_id))

    async def deliveries(
        self,
        status: str,
        after_id: str = "",
        limit: int = 1000,
        target: str = "",
        other_than: Sequence[str] = (),
    ) -> list[DeliveryRecord]:
        return await self._ask(
            lambda reader: reader.deliveries(status, after_id, limit, target, other_than)
        )

    # ------------------------------------------------------------------ asking, on the loop

    async def _ask(self, question: Callable[[Reader], _Found]) -> _Found:
        """Raises JournalError, and Damaged where the question says so."""
        self._check_open()
        await self._places.acquire()
        try:
            self._check_open()
        except JournalError:
            self._places.release()
            raise
        answer: asyncio.Future[_Found] = self._loop.create_future()
        self._asked.put((question, answer))
        return await answer

    def _check_open(self) -> None:
        if self._error is not None:
            raise JournalError(str(self._error))

    def _answered(
        self, answer: asyncio.Future[Any], found: object, error: BaseException | None
    ) -> None:
        """A failure ends the process whether or not its asker still waits."""
        self._places.release()
        if error is not None:
            error = self._judged(error)
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def _judged(self, error: BaseException) -> BaseException:
        if isinstance(error, JournalError):
            self._fail_by_reading(error)
        elif isinstance(error, sqlite3.Error):
            problem = JournalError(f"the journal cannot be read: {named(error)}")
            problem.__cause__ = error
            is_io = getattr(error, "sqlite_errorname", "").startswith(IO_ERROR)
            if is_io and not self._is_full_by(error):
                self._fail_by_reading(problem)
            return problem
        return error

    # ------------------------------------------------------------------ the reader's thread

    def _start_reading(self, reader: Reader) -> None:
        self._reader = reader
        self._reading = threading.Thread(target=self._read_all, name="journal-reader", daemon=True)
        self._reading.start()

    async def _stop_reading(self, within_s: float) -> bool:
        """Answer what was asked, then end; False if the disk does not let it. Nothing may be asked
        any more."""
        if self._reading is None:
            return True
        self._asked.put(None)
        await asyncio.to_thread(self._reading.join, within_s)
        if self._reading.is_alive():
            return False
        self._reading = None
        return True

    def _read_all(self) -> None:
        while (asked := self._asked.get()) is not None:
            question, answer = asked
            found: object = None
            problem: BaseException | None = None
            try:
                found = question(self._reader)
            except BaseException as error:
                problem = error
            self._tell(self._answered, answer, found, problem)
            del asked, question, answer, found, problem  # nothing of it stays until the next

    def _noting(self, reader: Reader, question: Callable[[], _Found]) -> _Found:
        """Whom it sets aside is written down, whatever the answer is."""
        try:
            return question()
        finally:
            if aside := reader.take_aside():
                self._tell(self._set_aside, aside)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:
            return  # the loop is closed, and with it everything that waits for an answer


IO_ERROR = "SQLITE_IOERR"


def named(error: sqlite3.Error) -> str:
    """The error with SQLite's name for it."""
    return f"{error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})"
