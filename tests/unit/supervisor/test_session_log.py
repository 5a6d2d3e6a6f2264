"""What the log says of guest sessions, and how little when ten thousand do the same."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest

from guestd.model.endings import Cause, Ending
from guestd.model.ids import Guest
from guestd.session.connection import ConnectionState
from guestd.supervisor.session_log import SessionLog

ANA = Guest("57b85f87699a5502", "ana", "the-secret-token", "ana@example.org")


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    def fields(self, event):
        return [one.fields for one in self.records if one.fields["event"] == event]


@pytest.fixture
def lines():
    logger, found = logging.getLogger("guestd.sessions"), Lines()
    level = logger.level
    logger.addHandler(found)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(found)
    logger.setLevel(level)


def new_log(loop, clock):
    return SessionLog("wss://user:pw@webmessaging.example.com/v1?deploymentId=x", clock, loop)


def lost(attempt=1, ending=None):
    connection = ConnectionState()
    connection.lost(ending or Ending(Cause.CLOSED_BY_PEER, 1006, "reset"), 99.0)
    connection.attempt, connection.step_at = attempt, 104.25
    return connection


async def test_a_lost_connection_is_told_with_cause_host_attempt_and_next_try(lines):
    log = new_log(asyncio.get_running_loop(), SimpleNamespace(now=lambda: 100.0))
    log.rests(ANA, lost(2), had_joined=True)
    (found,) = lines.fields("session_lost")
    assert found == {
        "event": "session_lost",
        "guest": "ana",
        "session_id": "57b85f87699a5502",
        "cause": "closed_by_peer",
        "code": 1006,
        "host": "webmessaging.example.com",
        "attempt": 2,
        "next_try_s": 4.2,
    }
    (record,) = lines.records
    assert record.levelno == logging.WARNING and "ana" in record.getMessage()
    assert "attempt 2 in 4.2 s" in record.getMessage()


async def test_a_connection_that_was_to_be_lost_is_no_warning(lines):
    log = new_log(asyncio.get_running_loop(), SimpleNamespace(now=lambda: 100.0))
    log.rests(ANA, lost(1, Ending(Cause.RECONNECT_ASKED)), had_joined=True)
    (record,) = lines.records
    assert record.levelno == logging.INFO


async def test_each_turn_of_a_session_is_one_line_with_name_and_id(lines):
    log = new_log(asyncio.get_running_loop(), SimpleNamespace(now=lambda: 100.0))
    log.opened(ANA)
    log.live(ANA, is_first=True)
    log.rests(ANA, lost(), had_joined=False)
    log.live(ANA, is_first=False)
    log.ended(ANA, Ending(Cause.FINISHED))
    log.ended(ANA, Ending(Cause.SESSION_EXPIRED, 4006))
    log.refused("ben", "limit", "limit exceeded")
    log.stop()
    told = [(one.fields["event"], one.levelname) for one in lines.records]
    assert told == [
        ("session_opened", "INFO"),
        ("session_joined", "INFO"),
        ("connect_failed", "WARNING"),
        ("session_back", "INFO"),
        ("session_ended", "INFO"),
        ("session_ended", "WARNING"),
        ("session_refused", "WARNING"),
    ]
    for one in lines.records[:-1]:
        assert (one.fields["guest"], one.fields["session_id"]) == ("ana", ANA.session_id)
        assert "secret" not in one.getMessage() + str(one.fields)
        assert "example.org" not in one.getMessage() + str(one.fields)


async def test_ten_thousand_that_fail_for_one_reason_are_five_lines_and_one_sum(lines):
    now = 100.0
    log = new_log(asyncio.get_running_loop(), SimpleNamespace(now=lambda: now))
    for n in range(10_000):
        log.rests(Guest(f"{n:016x}", f"guest-{n}", "t"), lost(), had_joined=True)
    assert len(lines.records) == 5
    now = 110.0
    log.stop()
    assert lines.fields("session_lost")[5:] == [
        {"event": "session_lost", "count": 9_995, "cause": "closed_by_peer"}
    ]
    assert lines.records[-1].getMessage() == (
        "9995 more guest sessions lost their connection: closed_by_peer"
    )
    assert len(lines.records) == 6


async def test_the_sum_comes_by_itself_when_the_window_ends(lines):
    loop = asyncio.get_running_loop()
    log = new_log(loop, SimpleNamespace(now=lambda: loop.time() * 200.0))
    for n in range(8):
        log.opened(Guest(f"{n:016x}", f"guest-{n}", "t"))
    async with asyncio.timeout(30.0):
        while len(lines.records) < 6:
            await asyncio.sleep(0.01)
            log._on_timer()  # the clock of this test runs faster than the loop's
    assert lines.fields("session_opened")[-1] == {"event": "session_opened", "count": 3}
    log.stop()
    assert len(lines.records) == 6
