"""Turns of the event loop, given a few at a time: what many clients may ask for must not be done
for all of them at once.

A bound on a turn keeps the turns short, so that every other client is looked at between two of
them. A bound on a second keeps part of the loop free, however many ask and however fast they come
back."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable


class BorrowingBucket:
    """Tokens that come back at `per_s` in a second, `burst` at most. The times given are of one
    clock and do not go back."""

    __slots__ = ("_at", "_burst", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._tokens = burst
        self._at = 0.0

    def tokens(self, now: float) -> float:
        """How many there are; less than 0 if some are owed."""
        if self._tokens < self._burst:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        return self._tokens

    def take(self, now: float) -> bool:
        """Take one if there is one."""
        if self.tokens(now) < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def owe(self, now: float, count: float = 1.0) -> float:
        """Take `count` in any case; the seconds until as many have come back as are owed then."""
        left = self.tokens(now) - count
        self._tokens = left
        return max(0.0, -left / self._per_s)

    def is_full(self, now: float) -> bool:
        return self.tokens(now) >= self._burst


class LoopRateLimiter:
    """At most `per_turn` callers go on per turn of the loop and `per_s` in a second, in the order
    of asking.

    Between two turns the loop looks at every socket and timer once. A waiting caller costs one
    entry; how many can wait is bounded by the bound on clients, because a client waits in one place
    at a time. `burst`: how many may go on at once, turn after turn, after a quiet time.
    """

    def __init__(self, per_turn: int = 1, per_s: float = math.inf, burst: float = 1.0) -> None:
        self._per_turn = per_turn
        self._per_s = per_s
        self._bucket = None if per_s == math.inf else BorrowingBucket(per_s, burst)
        self._waiting: deque[Callable[[], bool]] = deque()
        self._is_scheduled = False

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waiting)

    async def acquire(self) -> None:
        """Return when it is the caller's turn: at once if this turn and second have one left."""
        if not self._is_scheduled and self._may_run():
            self._schedule(0.0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(lambda: _resolve(future))
        await future

    def submit(self, go: Callable[[], bool]) -> None:
        """As `acquire`: `go` is called when it is its turn, maybe at once, and returns whether it
        used the turn."""
        self._waiting.append(go)
        if not self._is_scheduled:
            self._run_waiting()

    def _may_run(self) -> bool:
        return self._bucket is None or self._bucket.take(asyncio.get_running_loop().time())

    def _run_waiting(self) -> None:
        self._is_scheduled = True
        given = 0
        while self._waiting and given < self._per_turn:
            if not self._may_run():
                break
            given += self._run_one()
        self._is_scheduled = False
        if self._waiting or given:
            self._schedule(0.0 if given else 1.0 / self._per_s)

    def _run_one(self) -> int:
        """Give one turn to the first who makes use of it; 0 if nobody does."""
        while self._waiting:
            if self._waiting.popleft()():
                return 1
        return 0

    def _schedule(self, after_s: float) -> None:
        self._is_scheduled = True
        loop = asyncio.get_running_loop()
        if after_s:
            loop.call_later(max(_PAUSE_MIN_S, after_s), self._run_waiting)
        else:
            loop.call_soon(self._run_waiting)


#: Waiting callers are looked at no more often than that: several of them then share one wake-up.
_PAUSE_MIN_S = 0.002


def _resolve(future: asyncio.Future[None]) -> bool:
    if future.done():  # its caller was cancelled
        return False
    future.set_result(None)
    return True
