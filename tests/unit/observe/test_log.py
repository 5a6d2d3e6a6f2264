"""The log: secrets masked, one line per record, a flood shortened, and never a reason to wait."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading

import pytest

from guestd.observe.log import configure_logging, log_loop_error
from guestd.observe.redaction import redacted


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
        "guest session 12ab lost its connection",
        "connected to http://localhost:3000/",
        "the upgrade was answered with 429",
        "oauth.token: no bearer token could be had",
    ):
        assert redacted(text) == text


@pytest.fixture
def written():
    """Gives a function that logs through the whole chain and returns the lines written."""
    logger = logging.getLogger("guestd")
    root, hooks = logging.getLogger(), (sys.unraisablehook, threading.excepthook)
    before = logger.handlers, logger.level, logger.propagate
    root_before = root.handlers, root.level

    def write(form, *calls):
        stream = io.StringIO()
        log = configure_logging("info", form, stream)
        for call in calls:
            call(logger)
        log.close()
        return stream.getvalue().splitlines()

    yield write
    logger.handlers, logger.level, logger.propagate = before
    root.handlers, root.level = root_before
    sys.unraisablehook, threading.excepthook = hooks
    logging.captureWarnings(False)


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


def test_a_control_character_neither_forges_a_line_nor_reaches_the_terminal(written):
    reason = "bye\n12:00:00 ERROR forged\x1b]0;title\x07\x9b2J\x7f\u202egnp\u2028\ud800"
    for form in ("text", "json"):
        (line,) = written(form, lambda logger: logger.warning("the platform closed: %s", reason))
        assert all(char.isprintable() for char in line), form
    assert written("text", lambda logger: logger.warning("%s", reason))[0].endswith(
        r"bye\n12:00:00 ERROR forged\u001b]0;title\u0007\u009b2J\u007f\u202egnp\u2028\ud800"
    )


def test_a_traceback_in_the_text_form_cannot_be_taken_for_lines_of_the_log(written):
    def fail(logger):
        try:
            raise ValueError("x\n12:00:00 ERROR forged")
        except ValueError:
            logger.exception("broke")

    first, *more = written("text", fail)
    assert first.endswith("ERROR broke") and more and all(line.startswith("  | ") for line in more)


def test_another_packages_exception_is_written_without_what_it_says(written):
    def fail(_logger):
        try:
            raise ValueError("canary-of-a-request")
        except ValueError:
            logging.getLogger("asyncio").exception("Task exception was never retrieved")

    (line,) = written("json", fail)
    assert "canary" not in line and "ValueError" in line and "test_log.py" in line


def test_a_callbacks_arguments_are_left_out(written):
    context = {"message": "Exception in callback send('canary')", "exception": ValueError("canary")}
    (line,) = written("json", lambda _logger: log_loop_error(None, context))
    assert "canary" not in line and "Exception in callback send" in line
