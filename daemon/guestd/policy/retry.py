"""Is a call that failed to be made again, and when? (HTTP-1)

Two questions are kept apart. *May it pass?* 429, 502, 503, 504 and a broken way there are the moods
of a minute; other 4xx are opinions and stay; 500 is retried only for calls marked so. *May it be
repeated?* A call that is idempotent, by its verb or by an
`Idempotency-Key`, always; any other only where the failure itself proves that nothing was done: a
429, or a request that never left us.

Rests double from `base_s` up to `cap_s`, with jitter, so that those who failed together do not come
back together; the first is never shorter than `base_s`, unless the jitter is `full`. A Retry-After
is obeyed instead, but never beyond
`retry_after_cap_s`; and no rest is begun that would end after the deadline.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, Self

from ..model.errors import CUT_OFF, PlatformError

PASSING = (502, 503, 504)

Jitter = Literal["equal", "full"]


@dataclass(slots=True, frozen=True)
class Outcome:
    """How one attempt failed. `status` None: no answer came; `sent` False: the request never left
    us."""

    status: int | None = None
    sent: bool = True
    retry_after_s: float | None = None

    @classmethod
    def of(cls, error: PlatformError) -> Self:
        """A success that broke off before its end is as good as no answer."""
        is_cut_off = error.cause in CUT_OFF
        return cls(None if is_cut_off else error.status, error.acted, error.retry_after_s)


@dataclass(slots=True, frozen=True)
class RetryPolicy:
    """`attempts_max` counts the first attempt. `deadline_s` is for the whole call: attempts, rests,
    waiting in line."""

    attempts_max: int = 3
    base_s: float = 1.0
    cap_s: float = 5.0
    jitter: Jitter = "equal"
    retry_after_cap_s: float = 10.0
    deadline_s: float = 30.0

    def next(
        self,
        attempt: int,
        outcome: Outcome,
        now: float,
        deadline: float,
        rng: Random,
        *,
        repeatable: bool,
        retry_500: bool = False,
    ) -> float | None:
        """Seconds to rest after failed attempt number `attempt` (1 is the first), or None: give
        up."""
        if attempt >= self.attempts_max or not self._is_retried(outcome, repeatable, retry_500):
            return None
        rest_s = self._rest_s(attempt, outcome.retry_after_s, rng)
        return rest_s if now + rest_s < deadline else None

    @staticmethod
    def _is_retried(outcome: Outcome, repeatable: bool, retry_500: bool) -> bool:
        match outcome.status:
            case 429:
                return True
            case None:
                return repeatable or not outcome.sent
            case status if status in PASSING:
                return repeatable
            case status:
                return repeatable and retry_500 and status >= 500

    def _rest_s(self, attempt: int, retry_after_s: float | None, rng: Random) -> float:
        if retry_after_s is not None:
            spread = rng.uniform(0.0, min(self.base_s, retry_after_s))
            return min(retry_after_s + spread, self.retry_after_cap_s)
        whole = min(self.base_s * 2.0 ** min(attempt - 1, 60), self.cap_s)
        if self.jitter == "full":
            return rng.uniform(0.0, whole)
        least_s = min(
            whole, max(self.base_s, self.cap_s / 1.5)
        )  # at the cap the jitter goes down from it
        return rng.uniform(least_s, min(1.5 * whole, max(self.cap_s, least_s)))
