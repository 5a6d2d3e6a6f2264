"""Rate limits for work that many clients may request at once, in the order of their requests.

A limit per iteration of the event loop keeps iterations short, so that every other client is served
between two of them. A limit per second keeps part of the loop free, however many clients ask, and
however fast they come back."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable


class BorrowingBucket:
    """A token bucket that may be overdrawn: `per_s` tokens come back each second, up to `burst`.
    Times are of one clock and do not go back."""

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
        """Take `count` even if they are missing; the seconds until that debt is paid back."""
        left = self.tokens(now) - count
        self._tokens = left
        return max(0.0, -left / self._per_s)

    def is_full(self, now: float) -> bool:
        return self.tokens(now) >= self._burst


class LoopRateLimiter:
    """Admits at most `per_turn` callers per loop iteration and `per_s` per second, in the order of
    their requests.

    Between two iterations the loop serves every socket and timer once. A waiting caller costs one
    entry; their number is bounded by the bound on clients, because a client waits in one place at a
    time. `burst`: how many may go on without waiting after a quiet time.
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

    def charge(self, count: float) -> None:
        """What was admitted costs so many more turns of its second: the next wait for them."""
        if self._bucket is not None:
            self._bucket.owe(asyncio.get_running_loop().time(), count)

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
            self._schedule(0.0 if given else self._pause_s())

    def _pause_s(self) -> float:
        """Until the next may go on."""
        if self._bucket is None:
            return 0.0
        return (1.0 - self._bucket.tokens(asyncio.get_running_loop().time())) / self._per_s

    def _run_one(self) -> int:
        """Call waiting callbacks until one uses its turn: 1; 0 if none does."""
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


#: The shortest pause between two wake-ups: several waiting callers then share one.
_PAUSE_MIN_S = 0.002


def _resolve(future: asyncio.Future[None]) -> bool:
    if future.done():  # its caller was cancelled
        return False
    future.set_result(None)
    return True
