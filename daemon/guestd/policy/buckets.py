"""How fast may something happen?

A token bucket allows bursts and holds an average. `SlidingCount` is stricter and what a server that
counts may do: never more than `limit` within *any* window, so we are inside whichever way the other
side cuts its windows."""

from __future__ import annotations

from collections import deque


class TokenBucket:
    """`rate_per_s` tokens flow in, `burst` at most are kept."""

    __slots__ = ("_at", "_burst", "_rate_per_s", "_tokens")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._at = -float("inf")

    def take(self, now: float, n: float = 1.0, keep: float = 0.0) -> bool:
        """Take `n` tokens if at least `keep` remain after that (a reserve for what must not
        wait)."""
        self._flow(now)
        if self._tokens - n < keep - 1e-9:
            return False
        self._tokens -= n
        return True

    def ready_at(self, now: float, n: float = 1.0, keep: float = 0.0) -> float:
        self._flow(now)
        missing = n + keep - self._tokens
        return now if missing <= 1e-9 else now + missing / self._rate_per_s

    def _flow(self, now: float) -> None:
        if now > self._at:
            if self._at > -float("inf"):
                self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_per_s)
            self._at = now


class SlidingCount:
    """Never more than `limit` within any `window_s` seconds. Keeps at most `limit` instants, and
    none before the first."""

    __slots__ = ("_limit", "_taken", "_window_s")

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._taken: deque[float] | None = None

    def take(self, now: float) -> bool:
        if self.ready_at(now) > now:
            return False
        if self._taken is None:
            self._taken = deque(maxlen=self._limit)
        self._taken.append(now)
        return True

    def ready_at(self, now: float) -> float:
        """The earliest instant a `take` succeeds: `now`, or later."""
        taken = self._taken
        if taken is None or len(taken) < self._limit:
            return now
        return max(now, taken[0] + self._window_s)

    def free(self, now: float) -> int:
        """How many takes succeed now, one after the other."""
        taken = self._taken
        while taken and taken[0] + self._window_s <= now:
            taken.popleft()
        return self._limit - len(taken or ())

    def frees_at(self, now: float) -> float | None:
        """When one more take will succeed than now; None if nothing is taken."""
        self.free(now)
        return self._taken[0] + self._window_s if self._taken else None

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def window_s(self) -> float:
        return self._window_s
