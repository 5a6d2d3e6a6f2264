"""While a run lasts its log is counted, and not written into the screen."""

from __future__ import annotations

import io
import json
import logging

import pytest

from guestd.app.load_runs.live_display import LiveDisplay
from guestd.app.load_runs.log_tally import LogTally
from guestd.observe.log import configure_logging, counted_elsewhere

LOGGER = logging.getLogger("guestd.sessions")


@pytest.fixture
def log_on():
    """Gives a log that writes to a stream; the process's own is back at the end."""
    loggers = [logging.getLogger("guestd"), logging.getLogger()]
    before = [(one, one.handlers, one.level, one.propagate) for one in loggers]
    made = []

    def on(stream):
        made.append(configure_logging("warning", "text", stream))
        return made[-1]

    yield on
    for log in made:
        log.close()
    for one, handlers, level, propagate in before:
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def lost(guest, cause="unanswered"):
    LOGGER.warning(
        "guest session lost its connection: %s",
        guest,
        extra=counted_elsewhere(event="session_lost", cause=cause, guest=guest),
    )


def test_lines_alike_are_one_kind_and_their_sum_counts_as_they_do(log_on):
    stream = io.StringIO()
    log = log_on(stream)
    tally = LogTally(log)

    with tally:
        for number in range(5):
            lost(f"guest-{number}")
        lost("guest-7", "lost")
        LOGGER.warning(
            "%d more guest sessions lost their connection: unanswered",
            95,
            extra=counted_elsewhere(event="session_lost", cause="unanswered", count=95),
        )
        first = {one.what: one.count for one in tally.drain()}
        for _ in range(3):
            logging.getLogger("aiohttp").warning("slow")

    assert first == {
        "guest session lost its connection: unanswered": 100,
        "guest session lost its connection: lost": 1,
    }
    assert {one.what: one.count for one in tally.drain()} == {"slow": 3}
    lost("guest-9")
    log.close()
    assert stream.getvalue().count("\n") == 1 and "guest-9" in stream.getvalue()


def test_an_error_is_written_when_the_run_is_over(log_on):
    stream = io.StringIO()
    log = log_on(stream)

    with LogTally(log) as tally:
        try:
            raise ValueError("of our own")
        except ValueError:
            LOGGER.exception("it failed")
        log.flush()
        assert stream.getvalue() == ""

    assert [(one.what, one.count) for one in tally.drain()] == [("it failed: ValueError", 1)]
    log.close()
    assert "it failed" in stream.getvalue() and "of our own" in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_is_told_meanwhile_stands_below_the_screen_or_is_a_json_line(is_terminal):
    stream = Terminal() if is_terminal else io.StringIO()
    display = LiveDisplay(stream)
    assert not display.tell("guestd: too early")

    display.begin()
    assert display.tell("guestd: worker 0 ended")
    meanwhile = stream.getvalue()
    display.end()

    if is_terminal:
        assert "worker 0" not in meanwhile
        assert stream.getvalue().endswith("\x1b[?1049lguestd: worker 0 ended\n")
    else:
        assert json.loads(meanwhile) == {"note": "guestd: worker 0 ended"}
