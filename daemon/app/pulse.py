"""The loop's pulse: how late does it run what is due? Feeds the metric, and the watchdog only while it is healthy."""

from __future__ import annotations

import asyncio

from ..observe.metrics import Histogram
from .systemd import Notifier

BEAT_S = 0.1
UNHEALTHY_S = 5.0


class Pulse:
    """One timer. `start` and `stop` it on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lag: Histogram, notifier: Notifier) -> None:
        self._loop = loop
        self._lag = lag
        self._notifier = notifier
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._alive_at = -float("inf")

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
        watchdog_s = self._notifier.watchdog_s
        if watchdog_s is not None and late_s < UNHEALTHY_S and now >= self._alive_at + watchdog_s / 3:
            self._alive_at = now
            self._notifier.alive()
        self._due = now + BEAT_S
        self._handle = self._loop.call_at(self._due, self._beat)
