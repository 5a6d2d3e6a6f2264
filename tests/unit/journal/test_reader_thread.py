"""Questions to the reader's thread: in order, bounded, and answered or refused to the very end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from guestd.journal import reader_thread
from guestd.journal.reader_thread import ReadsOnThread
from guestd.model.errors import Damaged, JournalError


class FakeReader:
    """`gate` holds the next answers back; `error` is raised by the next question."""

    damaged_rows = 0

    def __init__(self):
        self.asked = []
        self.threads = set()
        self.gate = threading.Event()
        self.gate.set()
        self.error = None

    def last_seq(self, session_id):
        self.threads.add(threading.current_thread().name)
        self.asked.append(session_id)
        self.gate.wait(10.0)
        if self.error is not None:
            raise self.error
        return len(self.asked)

    def take_aside(self):
        return []


class Reads(ReadsOnThread):
    def __init__(self):
        self.failures = []
        super().__init__(
            asyncio.get_running_loop(),
            self.failures.append,
            lambda error: False,
            lambda aside: None,
        )
        self.reader = FakeReader()
        self._start_reading(self.reader)

    async def stop(self):
        self._error = self._error or JournalError("the journal is closed")
        assert await self._stop_reading(10.0)


@pytest.fixture
async def reads():
    found = Reads()
    yield found
    found.reader.gate.set()
    await found.stop()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_questions_are_answered_on_another_thread_in_the_order_of_asking(reads):
    found = await asyncio.gather(*(reads.last_seq(str(n)) for n in range(50)))
    assert found == list(range(1, 51)) and reads.reader.asked == [str(n) for n in range(50)]
    assert reads.reader.threads == {"journal-reader"}


async def test_the_loop_goes_on_while_the_disk_does_not_answer(reads):
    reads.reader.gate.clear()
    asked = asyncio.ensure_future(reads.last_seq("a"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not asked.done()
    reads.reader.gate.set()
    assert await asked == 1


async def test_who_asks_when_the_thread_has_its_fill_waits_for_a_turn(reads, monkeypatch):
    most = reader_thread.ASKED_MAX
    reads.reader.gate.clear()
    asked = [asyncio.ensure_future(reads.last_seq(str(n))) for n in range(most + 20)]
    await settle()
    assert reads._asked.qsize() + len(reads.reader.asked) <= most
    reads.reader.gate.set()
    assert await asyncio.gather(*asked) == list(range(1, most + 21))


async def test_an_asker_that_went_away_costs_the_others_nothing(reads):
    reads.reader.gate.clear()
    asked = [asyncio.ensure_future(reads.last_seq(str(n))) for n in range(3)]
    await settle()
    asked[1].cancel()
    reads.reader.gate.set()
    assert (await asked[0], await asked[2]) == (1, 3)
    assert reads._places._value == reader_thread.ASKED_MAX


async def test_a_failing_disk_ends_the_process_even_if_the_asker_went_away(reads):
    reads.reader.gate.clear()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_READ"
    reads.reader.error = error
    asked = asyncio.ensure_future(reads.last_seq("a"))
    await settle()
    asked.cancel()
    reads.reader.gate.set()
    async with asyncio.timeout(30.0):
        while not reads.failures:
            await asyncio.sleep(0.001)
    assert "cannot be read" in str(reads.failures[0])


async def test_a_damaged_row_is_only_its_askers_concern(reads):
    reads.reader.error = Damaged("that row")
    with pytest.raises(Damaged):
        await reads.last_seq("a")
    reads.reader.error = None
    assert await reads.last_seq("b") == 2 and not reads.failures


async def test_what_was_asked_before_the_end_is_answered_and_what_waits_is_refused(reads):
    most = reader_thread.ASKED_MAX
    reads.reader.gate.clear()
    asked = [asyncio.ensure_future(reads.last_seq(str(n))) for n in range(most + 5)]
    await settle()
    stopping = asyncio.ensure_future(reads.stop())
    await settle()
    reads.reader.gate.set()
    await stopping
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found[:most] == list(range(1, most + 1))
    assert all(isinstance(one, JournalError) for one in found[most:])
    with pytest.raises(JournalError, match="closed"):
        await reads.last_seq("late")
