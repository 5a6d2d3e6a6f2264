"""The loop's pulse: how late does it run what is due, and how long does the disk take?

Feeds the metric, and the watchdog only while both are well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..observe.metrics import Histogram
from .systemd import Notifier

logger = logging.getLogger("guestd")

BEAT_S = 0.1
UNHEALTHY_S = 5.0

#: A commit that waits for so long: not ready any more, and said. A busy disk has hiccups of a second or two.
STALLED_S = 10.0

#: And for so long: no sign of life, so that systemd starts us again, perhaps on a disk that answers. Storage in a network fails
#: over within a minute.
HUNG_S = 120.0


class Pulse:
    """One timer. `start` and `stop` it on the loop. `oldest_wait_s`: the journal's, 0.0 while nothing waits."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        lag: Histogram,
        notifier: Notifier,
        oldest_wait_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._loop = loop
        self._lag = lag
        self._notifier = notifier
        self._oldest_wait_s = oldest_wait_s
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._alive_at = -float("inf")
        self.is_stalled = False

    def start(self) -> None:
        self._due = self._loop.time() + BEAT_S
        self._handle = self._loop.call_at(self._due, self._beat)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _beat(self) -> None:
        now = self._loop.time()
        late_s = now - self._due
        self._lag.observe(late_s)
        wait_s = self._oldest_wait_s()
        self._tell_of_stall(wait_s)
        self._notifier.flush()
        watchdog_s = self._notifier.watchdog_s
        is_well = late_s < UNHEALTHY_S and wait_s < HUNG_S
        if watchdog_s is not None and is_well and now >= self._alive_at + watchdog_s / 3:
            self._alive_at = now
            self._notifier.alive()
        self._due = now + BEAT_S
        self._handle = self._loop.call_at(self._due, self._beat)

    def _tell_of_stall(self, wait_s: float) -> None:
        if (wait_s >= STALLED_S) == self.is_stalled:
            return
        self.is_stalled = not self.is_stalled
        if self.is_stalled:
            logger.error("the journal's disk has not answered for %.0f s; nothing is accepted until it does", wait_s)
        else:
            logger.warning("the journal's disk answers again")
