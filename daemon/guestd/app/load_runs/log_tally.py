"""What guestd's log has to say while a run lasts: counted, and not written, because a screen is
drawn on the same terminal, or a program reads JSON lines there.

A load run expects most of it: where the platform loses many connections, each makes a warning.
Lines alike are one kind, whatever guest they name; the counts are shown with the run and stand in
its report. An error with a traceback may be a bug, so the first of them are written when the run is
over."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Any

from ...load.measure.partial import WarningTally
from ...observe.log import Log
from ...observe.redaction import redacted

#: Kinds between two looks, and kinds whose words are known.
KINDS_MAX = 200
OTHER = "other lines of the log"
#: Errors that are written after the run.
ERRORS_MAX = 20


class LogTally:
    """Takes the log's records as long as its block lasts. `log` None: there is none to take."""

    def __init__(self, log: Log | None = None) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._words: dict[tuple[str, ...], str] = {}
        self._errors: list[logging.LogRecord] = []

    def __enter__(self) -> LogTally:
        if self._log is not None:
            self._log.divert(self.take)
        return self

    def __exit__(self, *error: object) -> None:
        if self._log is not None:
            self._log.divert(None)
            for record in self._errors:
                logging.getLogger(record.name).handle(record)

    def take(self, record: logging.LogRecord) -> None:
        """Called in any thread."""
        with self._lock:
            what = self._kind(record)
            if what not in self._counts and len(self._counts) >= KINDS_MAX:
                what = OTHER
            self._counts[what] += _fields(record).get("count", 1)
            if record.levelno >= logging.ERROR and len(self._errors) < ERRORS_MAX:
                self._errors.append(record)

    def drain(self) -> list[WarningTally]:
        """Since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return [WarningTally(what=what, count=count) for what, count in sorted(counts.items())]

    def _kind(self, record: logging.LogRecord) -> str:
        """A line of a guest session by its event and cause, so that the sum of lines that were left
        out counts as those do; any other by what it said the first time."""
        found = _fields(record)
        event, cause = str(found.get("event", "")), str(found.get("cause", ""))
        key = (event, cause) if event else (record.name, str(record.lineno), str(record.msg))
        if (words := self._words.get(key)) is not None:
            return words
        if len(self._words) >= KINDS_MAX:
            return OTHER
        if event:
            words = str(record.msg).split("%")[0].rstrip(" :") or event.replace("_", " ")
            words = f"{words}: {cause}" if cause else words
        else:
            error = record.exc_info[0] if record.exc_info else None
            said = redacted(record.getMessage())
            words = f"{said}: {error.__name__}" if error is not None else said
        self._words[key] = words
        return words


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, "fields", {})
    return found
