"""Time as the calls see it, and the one line of requests that all of them stand in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from ..model.errors import AskedToWait, BudgetSpent
from ..model.instants import NEVER
from ..model.ports import Urgency
from ..model.times import iso
from ..policy.request_line import WINDOW_S, RequestLine, WaitingRequest


@dataclass(slots=True, frozen=True)
class Pace:
    """Monotonic seconds, how to wait, and chance for the jitter; all may be make-believe. `clock`
    measures latencies: the loop's own time stands still within a turn and is rounded to
    milliseconds."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: Random = field(default_factory=Random, repr=False)
    clock: Callable[[], float] = time.perf_counter


def _always(client: int) -> bool:
    return True


class Budget:
    """The line of `policy/request_line.py` on a loop: one sleeper for all who wait, however many
    they are.

    Who cannot be served before its last moment is told at once where that is certain, and else at
    that moment. Who is cancelled takes no turn.
    """

    def __init__(
        self, limits: Sequence[int], pace: Pace, is_usable: Callable[[int], bool] = _always
    ) -> None:
        self._line = RequestLine(limits, is_usable)
        self._pace = pace
        self._waiting: dict[WaitingRequest, tuple[asyncio.Future[int], float]] = {}
        self._sleeper: asyncio.Task[None] | None = None
        self._wakes_at = NEVER

    @property
    def per_minute(self) -> int:
        """Requests a minute of all clients that can be used."""
        return self._line.limit

    async def spend(self, latest: float, urgency: Urgency, only: int | None = None) -> int:
        """Wait for a turn; the client to ask as. Raises BudgetSpent if there is none before
        `latest`."""
        now = self._pace.now()
        at = self._line.earliest(now, only)
        if at > now and at >= latest and at < NEVER:
            raise self._no_turn(at - now, now, only)
        place = self._line.ask(now, urgency, only)
        served: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[place] = served, latest
        self.look()
        try:
            return await served
        finally:
            self._line.leave(place)
            self._waiting.pop(place, None)

    def used(self) -> list[tuple[int, int, float]]:
        """Of each client: requests of the last minute, its limit, in how many seconds one more is
        free."""
        now = self._pace.now()
        return [
            (used, limit, 0.0 if frees_at is None else frees_at - now)
            for used, limit, frees_at in self._line.used(now)
        ]

    def rest(self, client: int, rest_s: float) -> None:
        """That client has been told to wait."""
        self._line.rest(client, self._pace.now() + rest_s)

    def look(self) -> None:
        """Serve whose turn it is, and send away whose last moment has come."""
        now = self._pace.now()
        for place in self._line.serve(now):
            served, _ = self._waiting.pop(place)
            assert place.client is not None
            if not served.done():
                served.set_result(place.client)
        for place, (served, latest) in list(self._waiting.items()):
            if latest <= now and not served.done():
                self._line.leave(place)
                del self._waiting[place]
                wait_s = max(1.0, self._line.earliest(now, place.only) - now)
                served.set_exception(self._no_turn(wait_s, now, place.only))
        self._sleep_until(
            min([self._line.next_at(now), *(latest for _, latest in self._waiting.values())])
        )

    def close(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()

    def _sleep_until(self, at: float) -> None:
        if at >= self._wakes_at or not self._waiting:
            return
        self.close()
        self._wakes_at = at
        self._sleeper = asyncio.get_running_loop().create_task(self._sleep(at), name="request line")

    async def _sleep(self, at: float) -> None:
        await self._pace.sleep(max(0.0, at - self._pace.now()))
        self._wakes_at, self._sleeper = NEVER, None
        self.look()

    def _no_turn(self, wait_s: float, now: float, only: int | None) -> BudgetSpent:
        """A wait that the platform asked for says nothing about our budget."""
        if self._line.is_asked_to_wait(now, only):
            until = datetime.now(UTC) + timedelta(seconds=wait_s)
            return AskedToWait(
                f"the platform asked, by a 429, to wait until {iso(until, 'seconds')}",
                cause="asked_to_wait",
                retry_after_s=wait_s,
                remedy="try again then; if this repeats, lower rest.requests_per_minute",
            )
        return self._spent(wait_s)

    def _spent(self, wait_s: float) -> BudgetSpent:
        wait_s = min(wait_s, WINDOW_S)
        return BudgetSpent(
            f"{self.per_minute} requests a minute are used up, and no turn is free for"
            f" {wait_s:.1f} s",
            cause="budget",
            retry_after_s=wait_s,
            remedy="wait, or raise rest.requests_per_minute if the platform allows your org more",
        )
