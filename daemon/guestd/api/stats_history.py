"""The figures of the last minutes and of the last day: a row a second, and a row a minute, in
memory that is taken once. One timer for all who watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ..observe.metrics import Metrics
from ..observe.periods import COLUMNS, Period, ProcessFigures
from ..observe.row_ring import RowRing

#: A quarter of an hour by seconds, a day by minutes: about 700 kB.
SECONDS_KEPT = 900
MINUTES_KEPT = 1440
WINDOW_MAX_S = MINUTES_KEPT * 60

Row = Mapping[str, float]


class StatsHistory:
    """`start` it on the loop, `close` it. `process` reads the figures of this process."""

    def __init__(
        self, metrics: Metrics, now_ms: Callable[[], int], process: Callable[[], ProcessFigures]
    ) -> None:
        self._now_ms = now_ms
        self._process = process
        self._second, self._minute = Period(metrics), Period(metrics)
        self._seconds = RowRing(COLUMNS, SECONDS_KEPT)
        self._minutes = RowRing(COLUMNS, MINUTES_KEPT)
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._watchers: set[StatsSubscription] = set()

    def start(self) -> None:
        if self._timer is None:
            self._due = asyncio.get_running_loop().time()
            self._beat()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for watcher in list(self._watchers):
            watcher.close()

    def window(self, window_s: int) -> tuple[int, dict[str, list[float]]]:
        """How many seconds a row stands for, and the columns, oldest first."""
        if window_s <= SECONDS_KEPT:
            return 1, self._seconds.last(window_s)
        return 60, self._minutes.last(-(-window_s // 60))

    def subscribe(self) -> StatsSubscription:
        watcher = StatsSubscription(self)
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: StatsSubscription) -> None:
        self._watchers.discard(watcher)

    def tick(self) -> None:
        """A second is over."""
        at_ms, process = self._now_ms(), self._process()
        row = self._second.row(at_ms, process)
        self._seconds.add(row)
        self._count += 1
        if self._count % 60 == 0:
            self._minutes.add(self._minute.row(at_ms, process))
        for watcher in self._watchers:
            watcher.offer(row)

    def _beat(self) -> None:
        """What is late by a second and more is one longer row, not several empty ones."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self.tick()
        self._due = max(self._due + 1.0, loop.time())
        self._timer = loop.call_at(self._due, self._beat)


class StatsSubscription:
    """One watcher: take `next` until None, `close` it. One that is slower than a row a second is
    given the newest."""

    def __init__(self, history: StatsHistory) -> None:
        self._history = history
        self._row: Row | None = None
        self._wake = asyncio.Event()
        self._is_closed = False

    async def next(self) -> Row | None:
        """The next row; None: closed. May be cancelled: nothing is lost by it."""
        while not self._is_closed:
            if self._row is not None:
                row, self._row = self._row, None
                return row
            self._wake.clear()
            await self._wake.wait()
        return None

    def offer(self, row: Row) -> None:
        self._row = row
        self._wake.set()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._wake.set()
            self._history.leave(self)
