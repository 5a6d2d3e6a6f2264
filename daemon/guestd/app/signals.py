"""Signals, taken by a thread of their own: they are noticed at every moment, also while the event
loop is busy or blocked.

SIGTERM, SIGINT   stop in an orderly way; a second one, more than a second after the first, stops
                  at once (exit 130). Within that second it is the same request: `timeout`, process
                  managers and a terminal signal the process and its group, both
SIGHUP            stops in an orderly way, too; it counts as neither the first nor the second of the
                  others, for a closing terminal sends several, and a service manager one with
                  each SIGTERM (SendSIGHUP=yes), in either order
SIGUSR1, SIGUSR2  have no meaning: a line in the log, nothing else

What does not end in time is ended: a disk that hangs must not keep the process for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable

from ..observe.log import Log
from .entry import HANDLED
from .interrupts import INTERRUPTED

logger = logging.getLogger("guestd.app")

_STOPPING = (signal.SIGTERM, signal.SIGINT)

#: What closing may take after a second signal: enough for sockets and temporary files, and short
#: enough for "at once".
INTERRUPTED_BOUND_S = 2.0


#: After the first SIGTERM or SIGINT: further ones so soon are copies of it. Long enough for what a
#: script sends one after the other, shorter than a person takes who has seen that it drains.
SAME_REQUEST_S = 1.0


class SignalListener:
    """`listen`, and `attach` to the loop. The signals are held since the program began
    (`entry.py`), in all threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._log: Log | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._hurry: asyncio.Event | None = None
        self._is_stopping = False
        self._first_at: float | None = None  # of SIGTERM and SIGINT
        self._is_hurried = False
        self._lock = threading.Lock()
        self._deadline: threading.Timer | None = None
        #: How long an orderly stop may take, in seconds, and the exit code if it takes longer.
        self.stop_bound_s = 60.0
        self.late_code: Callable[[], int] = lambda: 70
        #: The exit code if the second signal's bound is over.
        self.hurried_code: Callable[[], int] = lambda: INTERRUPTED

    def listen(self, log: Log) -> None:
        self._log = log
        threading.Thread(target=self._run, name="signals", daemon=True).start()

    def attach(self, loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Event, asyncio.Event]:
        """Two events of `loop`: stop; stop at once. What came before counts."""
        with self._lock:
            self._loop, self._stop, self._hurry = loop, asyncio.Event(), asyncio.Event()
            self._wake()
            return self._stop, self._hurry

    def end_within(self, seconds: float, code: Callable[[], int]) -> None:
        """End the process with `code` if it is still there after `seconds`, whatever it is
        doing."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = threading.Timer(seconds, self._end, (code,))
        self._deadline.daemon = True
        self._deadline.start()

    # ------------------------------------------------------------------ the listener's thread

    def _run(self) -> None:
        while True:
            self._take(signal.sigwait(HANDLED))

    def _take(self, number: int) -> None:
        if number in (signal.SIGUSR1, signal.SIGUSR2):
            # Formatted here: the log takes two records of one form for the same line.
            logger.warning(f"{signal.Signals(number).name} has no meaning here and is ignored")
            return
        with self._lock:
            is_second = number in _STOPPING and self._is_second()
            if not self._is_stopping:
                self._is_stopping = True
                self.end_within(self.stop_bound_s, self.late_code)
            elif is_second and not self._is_hurried:
                self._is_hurried = True
                self.end_within(INTERRUPTED_BOUND_S, self.hurried_code)
            self._wake()

    def _is_second(self) -> bool:
        now = self._clock()
        if self._first_at is None:
            self._first_at = now
        return now - self._first_at >= SAME_REQUEST_S

    def _wake(self) -> None:
        if (
            self._loop is None
            or self._stop is None
            or self._hurry is None
            or self._loop.is_closed()
        ):
            return
        if self._is_stopping:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._is_hurried:
            self._loop.call_soon_threadsafe(self._hurry.set)

    def _end(self, code: Callable[[], int]) -> None:
        found = code()
        if self._log is not None:
            self._log.failure(f"guestd: did not stop in time and is ended with exit code {found}")
            self._log.close()
        os._exit(found)
