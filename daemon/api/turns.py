"""Turns of the event loop, given one at a time: what many clients may ask for must not be done for all of them at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """At most one caller goes on per turn of the loop, in the order of asking.

    Between two of them the loop looks at every socket and timer once. A waiting caller costs one future; how many can
    wait is bounded by the bound on clients, because a client waits in one place at a time.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    async def take(self) -> None:
        """Return when it is the caller's turn: at once if nobody had this turn of the loop yet."""
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._give_next)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _give_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else its caller was cancelled
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._give_next)
                return
        self._is_taken = False
