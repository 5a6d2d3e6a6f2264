"""The daemon's own log while a target runs: through the whole chain, into memory."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading

from guestd.observe.log import configure_logging


class LogWatch:
    """`start`, then `lines` as often as wanted, then `stop`, which puts the loggers back as they
    were."""

    def start(self) -> None:
        loggers = [logging.getLogger(name) for name in ("guestd", "")]
        self._before = [(one, one.handlers, one.level, one.propagate) for one in loggers]
        self._hooks = threading.excepthook, sys.unraisablehook
        self._stream = io.StringIO()
        self._log = configure_logging("info", "json", self._stream)

    def lines(self) -> list[str]:
        """What was written since the last call."""
        self._log.flush()
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return text.splitlines()

    def stop(self) -> None:
        self._log.close()
        for one, handlers, level, propagate in self._before:
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(level)
        threading.excepthook, sys.unraisablehook = self._hooks
        logging.captureWarnings(False)


def assert_quiet(lines: list[str], secret: bytes) -> None:
    """No line tells of a bug of ours, and none repeats `secret`."""
    for line in lines:
        reported = json.loads(line)
        assert "exception" not in reported and reported["level"] not in ("error", "critical"), line
        assert "Traceback" not in line, line
        assert secret.decode().lower() not in line.lower(), line
