"""Time as the calls see it, and the one budget of requests that all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from ..model.errors import BudgetSpent
from ..policy.buckets import SlidingCount


@dataclass(slots=True, frozen=True)
class Pace:
    """Monotonic seconds, how to wait, and chance for the jitter; all three may be make-believe."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: Random = field(default_factory=Random, repr=False)


class Budget:
    """So many requests in any minute, first come, first served.

    A caller is told at once when its turn is, because a sliding count knows that in advance; turns are given in the order of
    asking and never earlier than the one before. Who cannot be served before its deadline takes no turn and does not wait. A
    caller that is cancelled in line leaves its turn unused.
    """

    def __init__(self, per_minute: int, pace: Pace) -> None:
        self._per_minute = per_minute
        self._count = SlidingCount(per_minute, 60.0)
        self._pace = pace

    async def spend(self, deadline: float) -> None:
        """Wait for a turn. Raises BudgetSpent if there is none before `deadline`."""
        now = self._pace.now()
        at = self._count.ready_at(now)
        if at > now and at >= deadline:
            raise BudgetSpent(
                f"{self._per_minute} requests a minute are used up, and no turn is free for {at - now:.1f} s",
                platform_code="budget",
                retry_after_s=at - now,
                remedy="wait, or raise rest.requests_per_minute if the platform allows your org more",
            )
        self._count.take(at)
        if at > now:
            await self._pace.sleep(at - now)
