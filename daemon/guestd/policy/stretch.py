"""How far apart are heartbeats when the budget of requests is too small for all of them at their
own intervals?

Every interval is stretched by the same factor, so that all of them together want `HEARTBEAT_SHARE`
of the budget and no more. So none is missed while others come in full, and opening one more
session makes all of them a little slower."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

#: The rest is for commands, and for a backlog of heartbeats to shrink.
HEARTBEAT_SHARE = 0.75


class Stretch:
    """`per_minute` gives the budget as it is now. A key joins with the interval it wants, and
    leaves."""

    def __init__(self, per_minute: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._interval_s: dict[Hashable, float] = {}
        self._counts: Counter[float] = (
            Counter()
        )  # as many as there are different intervals: whole durations, a few

    def join(self, key: Hashable, interval_s: float) -> None:
        self.leave(key)
        self._interval_s[key] = interval_s
        self._counts[interval_s] += 1

    def leave(self, key: Hashable) -> None:
        interval_s = self._interval_s.pop(key, None)
        if interval_s is not None:
            self._counts[interval_s] -= 1
            if not self._counts[interval_s]:
                del self._counts[interval_s]

    @property
    def wanted_per_minute(self) -> float:
        """Heartbeats a minute at everybody's own interval."""
        return sum(60.0 * count / interval_s for interval_s, count in self._counts.items())

    @property
    def factor(self) -> float:
        """By how much every interval is longer; 1 where the budget is enough."""
        return factor(self.wanted_per_minute, self._per_minute())


def factor(wanted_per_minute: float, budget_per_minute: float) -> float:
    return max(1.0, wanted_per_minute / (HEARTBEAT_SHARE * budget_per_minute))
