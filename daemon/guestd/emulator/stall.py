"""A time in which the emulator answers nothing, and what waits for its end.

Only what the platform would answer waits: guests, REST calls, scripted agents. The admin API goes
on, or nothing could be asked about it. A connection that waits is not read from, so each waits with
one entry at most."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Stall:
    def __init__(self) -> None:
        self.is_on = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._over: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, duration_s: float) -> None:
        self.is_on = True
        self._over = loop.create_future()
        self._timer = loop.call_later(duration_s, self.end)

    def wait(self, do: Callable[[], None]) -> None:
        """Do it when the stall is over, in the order of coming."""
        self._waiting.append(do)

    async def over(self) -> None:
        if self._over is not None:
            await asyncio.shield(self._over)

    def end(self) -> None:
        self.is_on = False
        if self._timer is not None:
            self._timer.cancel()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        while self._waiting and not self.is_on:  # one of these may begin the next
            self._waiting.popleft()()
