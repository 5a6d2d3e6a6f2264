"""May one more dial start now? One budget for all sessions of a deployment.

After the platform drops ten thousand connections at once, every session's own backoff is polite and
their sum is a stampede: the platform allows a thousand new connections a minute, refuses the rest,
and each refusal costs another try. So no session dials by itself: it asks here, and what shapes the
return is this budget.

- Never more than `per_minute` admissions within any 60 seconds: the platform may cut its minutes
  where it likes.
- Spread: a steady rate with a small `burst`, not a thousand at the top of each minute.
- At most `inflight_max` dials are under way, so that a slow platform slows us down.
- First those with unsent commands (priority 0), then first come, first served.
- Storm brake: when an upgrade is refused with 429 or 503 the rate halves, and recovers a tenth of
  the full rate for each
  `RECOVERY_S` without another refusal; a Retry-After stops all dials until then, up to
  `retry_after_max_s`: one header must not keep every guest of a deployment away for longer than we
  would rest by ourselves.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from .buckets import SlidingCount, TokenBucket

Key = TypeVar("Key")

RECOVERY_S = 5.0
BRAKE_EVERY_S = 1.0  # a burst of refusals is one sign, not a hundred
SLOWEST = 0.05  # the brake never goes below this share of the full rate


class Admission(Generic[Key]):
    """`ask` → `admit` → `finished`. Keys are compared by equality; one place in line each."""

    def __init__(
        self,
        per_minute: int = 1000,
        burst: int = 50,
        inflight_max: int = 100,
        retry_after_max_s: float = 30.0,
    ) -> None:
        self._full_rate_per_s = per_minute / 60.0
        self._burst = min(burst, per_minute)
        self._minute = SlidingCount(per_minute, 60.0)
        self._bucket = TokenBucket(self._full_rate_per_s, self._burst)
        self._inflight_max = inflight_max
        self._inflight: set[Key] = set()
        self._lines: tuple[OrderedDict[Key, None], OrderedDict[Key, None]] = (
            OrderedDict(),
            OrderedDict(),
        )
        self._retry_after_max_s = retry_after_max_s
        self._share = 1.0
        self._braked_at = -float("inf")
        self._closed_until = -float("inf")

    def __len__(self) -> int:
        return len(self._lines[0]) + len(self._lines[1])

    @property
    def inflight(self) -> int:
        return len(self._inflight)

    def ask(self, key: Key, now: float, priority: int = 1) -> None:
        self._lines[priority][key] = None

    def cancel(self, key: Key) -> None:
        for line in self._lines:
            line.pop(key, None)

    def admit(self, now: float) -> list[Key]:
        """Those who may dial now. Each stays in flight until `finished`."""
        admitted: list[Key] = []
        self._recover(now)
        while len(self) and len(self._inflight) < self._inflight_max and self._ready_at(now) <= now:
            self._minute.take(now)
            self._bucket.take(now, self._cost())
            line = self._lines[0] or self._lines[1]
            key, _ = line.popitem(last=False)
            self._inflight.add(key)
            admitted.append(key)
        return admitted

    def finished(self, key: Key) -> None:
        self._inflight.discard(key)

    def refused(self, now: float, retry_after_s: float | None = None) -> None:
        """The platform refused an upgrade with 429 or 503."""
        if now >= self._braked_at + BRAKE_EVERY_S:
            self._share = max(SLOWEST, self._share / 2.0)
            self._braked_at = now
        if retry_after_s:
            wait_s = min(retry_after_s, self._retry_after_max_s)
            self._closed_until = max(self._closed_until, now + wait_s)

    def next_at(self, now: float) -> float | None:
        """When `admit` may have something, or None: none waits, or only a `finished` can help."""
        if not len(self) or len(self._inflight) >= self._inflight_max:
            return None
        return self._ready_at(now)

    @property
    def minute(self) -> SlidingCount:
        """What was admitted within a minute; to be asked, not to be taken from."""
        return self._minute

    def ahead_of(self, key: Key) -> int | None:
        """How many are before it; None if it does not wait. Looks at all who wait."""
        first, second = self._lines
        if key in first:
            return list(first).index(key)
        return len(first) + list(second).index(key) if key in second else None

    def turn_at(self, ahead: int, now: float) -> float:
        """About when one with so many before it is admitted, as the rate is now."""
        return self._ready_at(now) + ahead * self._cost() / self._full_rate_per_s

    def _ready_at(self, now: float) -> float:
        return max(
            self._closed_until, self._minute.ready_at(now), self._bucket.ready_at(now, self._cost())
        )

    def _cost(self) -> float:
        """Tokens per dial: braking makes a dial dearer, so that the one bucket serves every
        rate."""
        return min(1.0 / self._share, float(self._burst))

    def _recover(self, now: float) -> None:
        while self._share < 1.0 and now >= self._braked_at + RECOVERY_S:
            self._share = min(1.0, self._share + 0.1)
            self._braked_at += RECOVERY_S
