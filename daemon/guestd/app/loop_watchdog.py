"""The loop's pulse: how late does it run what is due? Feeds the metric, and the watchdog only while
loop and disk are healthy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..observe.metrics import Histogram
from .journal_watch import JournalWatch
from .systemd import Notifier

BEAT_S = 0.1
UNHEALTHY_S = 5.0


class LoopWatchdog:
    """One timer. `start` and `stop` it on the loop. `oldest_wait_s` is what `journal` is to look
    at."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        lag: Histogram,
        notifier: Notifier,
        journal: JournalWatch,
        oldest_wait_s: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._lag = lag
        self._notifier = notifier
        self._journal = journal
        self._oldest_wait_s = oldest_wait_s
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
        self._journal.look(self._oldest_wait_s())
        self._notifier.retry()
        watchdog_s = self._notifier.watchdog_s
        is_healthy = late_s < UNHEALTHY_S and not self._journal.is_hung
        if watchdog_s is not None and is_healthy and now >= self._alive_at + watchdog_s / 3:
            self._alive_at = now
            self._notifier.alive()
        self._due = now + BEAT_S
        self._handle = self._loop.call_at(self._due, self._beat)
