"""The log: secrets masked, one line per record, a flood shortened, and never a reason to wait."""

from __future__ import annotations

import io
import json
import logging
import threading

import pytest

from daemon.observe.log import configure_logging, redacted


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Bearer abc.def.ghi", "abc.def"),
        ('{"token": "c3a6e0a2-0000-4000-8000-000000000001"}', "c3a6e0a2"),
        ("via http://user:p4ss@proxy:3128", "p4ss"),
        ('"jwt":"eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbiI6IngifQ.c2ln"', "eyJ0b2tlbi"),
        ("it was eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbiI6IngifQ.c2ln again", "eyJ0b2tlbi"),
        ("https://host/__storage/a?sig=0123456789abcdef", "0123456789"),
        ("password=hunter2", "hunter2"),
    ],
)
def test_secrets_are_masked(text, hidden):
    assert hidden not in redacted(text)


def test_what_is_no_secret_stays():
    for text in (
        "guest session 12ab lost its link",
        "connected to http://localhost:3000/",
        "the upgrade was answered with 429",
    ):
        assert redacted(text) == text


@pytest.fixture
def written():
    """Gives a function that logs through the whole chain and returns the lines written."""
    loggers = [logging.getLogger(name) for name in ("guestd", "")]
    before = [(one, one.handlers, one.level, one.propagate) for one in loggers]
    hook = threading.excepthook

    def write(form, *calls):
        stream = io.StringIO()
        listener = configure_logging("info", form, stream)
        for call in calls:
            call(loggers[0])
        listener.stop()
        return stream.getvalue().splitlines()

    yield write
    for one, handlers, level, propagate in before:
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)
    threading.excepthook = hook
    logging.captureWarnings(False)
    logging.raiseExceptions = True


def test_a_record_is_one_json_line(written):
    def fail(logger):
        try:
            raise ValueError("token=abc123")
        except ValueError:
            logger.exception("two\nlines")

    (line,) = written("json", fail)
    record = json.loads(line)
    assert record["level"] == "error" and record["message"] == "two\nlines"
    assert "ValueError" in record["exception"] and "abc123" not in record["exception"]


def test_a_line_that_repeats_is_written_once(written):
    lines = written("text", *[lambda logger: logger.warning("again")] * 1000)
    assert len(lines) == 1


def test_debug_is_left_out_unless_asked_for(written):
    assert written("text", lambda logger: logger.debug("quiet")) == []


def test_a_text_from_outside_forges_no_line_and_commands_no_terminal(written):
    said = "bye\n12:00:00 ERROR forged \x1b]0;title\x07\x1b[2J \x9b2J \u202e"
    for form in ("text", "json"):
        (line,) = written(form, lambda logger: logger.warning("closed: %s", said))
        assert not set(line) & set("\x1b\x07\x9b\u202e") and "forged" in line


def test_a_stack_with_a_line_end_in_its_message_stays_below_its_record(written):
    def fail(logger):
        try:
            raise ValueError("x\n12:00:00 ERROR forged")
        except ValueError:
            logger.exception("failed")

    first, *stack = written("text", fail)
    assert first.endswith("ERROR failed") and all(line.startswith("    ") for line in stack)


def test_what_aiohttp_could_not_read_is_not_quoted(written):
    def fail(_):
        try:
            raise ValueError("Authorization: canary")
        except ValueError:
            logging.getLogger("aiohttp.server").exception("canary in the message")

    (line,) = written("text", fail)
    assert "canary" not in line and "ValueError" in line


def test_warnings_and_foreign_loggers_go_the_same_way(written):
    (line,) = written("text", lambda _: logging.getLogger("asyncio").error("foreign"))
    assert line.endswith("ERROR foreign")
