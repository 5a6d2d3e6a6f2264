"""The log: JSON lines on standard error, or plain lines where a person looks on. Never the reason that anything waits.

One handler for the house. Records go through a bounded queue to a thread that writes them: a blocked reader blocks that thread,
and what does not fit the queue is counted and said later. A line that repeats a thousand times in ten seconds is written once
and counted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import sys
import time
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

QUEUE_MAX = 10_000
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
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Journald(_Json):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITY.get(record.levelname, 6)}>{super().format(record)}"


class _Dropping(QueueHandler):
    """Drops when the queue is full, and says so with the next record that fits."""

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            return
        if self.dropped:
            lost, self.dropped = self.dropped, 0
            note = logging.LogRecord("guestd", logging.WARNING, "", 0, f"{lost} log records were dropped", None, None)
            with contextlib.suppress(queue.Full):
                self.queue.put_nowait(note)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.message = record.getMessage()
        return record


def configure_logging(level: str, form: str, stream: TextIO | None = None) -> QueueListener:
    """Set up the house's one logger. `form` is auto, json or text; auto is text on a terminal, JSON elsewhere."""
    stream = stream or sys.stderr
    writer = logging.StreamHandler(stream)
    is_text = form == "text" or (form == "auto" and stream.isatty())
    writer.setFormatter(_Text() if is_text else _Journald() if "JOURNAL_STREAM" in os.environ else _Json())
    waiting: queue.Queue[Any] = queue.Queue(QUEUE_MAX)
    listener = QueueListener(waiting, writer)
    listener.start()
    logger = logging.getLogger("guestd")
    logger.setLevel(level.upper())
    handler = _Dropping(waiting)
    handler.addFilter(_Once())
    logger.handlers = [handler]
    logger.propagate = False
    return listener
