"""The log: JSON lines on standard error, or plain lines where a person looks on. Never the reason that anything waits.

One handler for every logger: ours, aiohttp's, asyncio's, the root's. Records become lines in the thread of `output.py`. A line
that repeats a thousand times in ten seconds is written once and counted.

What a stranger sent is never quoted: aiohttp's complaints of a request it could not read carry its headers and its body, so
only the kind of error and the place in the code are kept of them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
import traceback
from typing import Any, TextIO

from .output import Output, install

REPEAT_S = 10.0
REPEAT_KINDS_MAX = 256

#: systemd's priorities, understood as a prefix of each line when standard error is the journal's.
_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}

_SECRETS = re.compile(
    r"(?i)(\b(?:token|jwt|secret|password|authorization|sig|code)\b[\"']?\s*[=:]\s*[\"']?)(?:bearer\s+|basic\s+)?[^\s\"'&,}]+"
    r"|(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+"
    r"|(://[^/\s:@]*:)[^/\s@]+(?=@)"
)


def redacted(text: str) -> str:
    """What looks like a secret is taken out, wherever it came from."""
    return _SECRETS.sub(lambda found: f"{found.group(1) or found.group(2) or found.group(3) or ''}…", text)


#: What a terminal takes for a command, or shows otherwise than it stands: C0, DEL, C1, line ends, changes of direction.
_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")


def visible(text: str) -> str:
    """Control characters as their escapes, so that a text from outside is one line and commands no terminal."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class _Once(logging.Filter):
    """Lets a line through once in REPEAT_S seconds; the next one says how often it would have come."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR or record.levelno <= logging.DEBUG:
            return True
        key = (record.name, record.lineno, str(record.msg))
        last, missed = self._seen.get(key, (-REPEAT_S, 0))
        if record.created - last < REPEAT_S:
            self._seen[key] = (last, missed + 1)
            return False
        if len(self._seen) >= REPEAT_KINDS_MAX:
            self._seen.clear()
        self._seen[key] = (record.created, 0)
        if missed:
            record.msg = f"{record.msg} (and {missed} more like it)"
        return True


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return visible(json.dumps(line, ensure_ascii=False))


class _Text(logging.Formatter):
    """For people: one line a record; a stack below it, moved in, so that nothing in it can pass for a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        when = self.formatTime(record, self.datefmt)
        lines = [f"{when} {record.levelname} {visible(redacted(record.getMessage()))}"]
        if record.exc_info:
            stack = redacted(self.formatException(record.exc_info))
            lines += [f"    {visible(line)}" for line in stack.split("\n")]
        return "\n".join(lines)


class _Journald(_Json):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITY.get(record.levelname, 6)}>{super().format(record)}"


class _NoContent(logging.Filter):
    """aiohttp says of a request that it could not read all that was in it. Of that, the kind of error stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            where = traceback.extract_tb(error.__traceback__)[-1:]
            place = f" at {os.path.basename(where[0].filename)}:{where[0].lineno}" if where else ""
            record.msg, record.args = "an HTTP request failed: %s%s", (type(error).__name__, place)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


class _Queued(logging.Handler):
    """Hands each record to the output's thread, which makes the line of it."""

    def __init__(self, output: Output, formatter: logging.Formatter) -> None:
        super().__init__()
        self._output = output
        self._formatter = formatter

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None  # what it speaks of may change until it is written
        self._output.line(lambda: self._formatter.format(record))


def configure_logging(level: str, form: str, stream: TextIO | None = None) -> Output:
    """Every logger of the process writes through one bounded queue, as does `output.say`. `form` is auto, json or text; auto is
    text on a terminal, JSON elsewhere."""
    output = Output(stream)
    is_text = form == "text" or (form == "auto" and output.is_terminal)
    formatter = _Text() if is_text else _Journald() if "JOURNAL_STREAM" in os.environ else _Json()
    handler = _Queued(output, formatter)
    handler.addFilter(_Once())
    for name, least in (("", "WARNING"), ("guestd", level.upper())):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(least)
    logging.getLogger("guestd").propagate = False
    for name in ("aiohttp.server", "aiohttp.web", "aiohttp.access"):
        if not logging.getLogger(name).filters:
            logging.getLogger(name).addFilter(_NoContent())
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    threading.excepthook = _thread_broke
    install(output)
    return output


def _thread_broke(given: threading.ExceptHookArgs) -> None:
    name = given.thread.name if given.thread is not None else "unknown"
    found = (given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback)
    logging.getLogger("guestd").error("the thread %s ended by an error", name, exc_info=found)
