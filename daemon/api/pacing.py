"""How fast frames of frontends are worked on, so that a flood of them slows only the one who sends it.

Small frames within a frontend's own rate are worked on at once. What is over the rate waits for its turn: one such frame
of all frontends per turn of the loop. Large frames are worked on one at a time, and for a tenth of the time at most, as
measured, because parsing cannot be interrupted: 1 MiB of base64 takes about 4 ms, 32 Ki values up to 35 ms. A thread would
not help: the parser holds the interpreter's lock. While a frame waits its frontend's socket is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .turns import Turns

#: A guest types, sends and answers: a few frames a second. Five hundred hostile frontends at this rate take a fifth of
#: the loop.
FRAMES_PER_S = 5.0
FRAMES_BURST = 10.0

#: A frame is large from that many bytes or values on; parsing any other takes at most a fifth of a millisecond.
LARGE_BYTES = 8192
LARGE_VALUES = 256

#: Time off per time spent on large frames, and at most: a machine that stalled once is no reason to rest for long.
LARGE_REST = 9.0
LARGE_REST_MAX_S = 0.5

#: Of one frame, counted by its commas. A file as a Node.js Buffer has one value per byte.
VALUES_MAX = 32_768


class FramePace:
    """Of all frontends together."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._large = asyncio.Lock()
        self._large_at = 0.0

    @asynccontextmanager
    async def large(self) -> AsyncIterator[None]:
        """Around the parsing of one large frame, which must not suspend."""
        loop = asyncio.get_running_loop()
        async with self._large:
            await asyncio.sleep(max(0.0, self._large_at - loop.time()))
            begun_at = loop.time()
            try:
                yield
            finally:
                ended_at = loop.time()
                self._large_at = ended_at + min(LARGE_REST_MAX_S, LARGE_REST * (ended_at - begun_at))

    async def turn(self) -> None:
        await self._turns.take()


class FrameRate:
    """Of one frontend: tokens that come back at `FRAMES_PER_S`."""

    __slots__ = ("_at", "_pace", "_tokens")

    def __init__(self, pace: FramePace) -> None:
        self._pace = pace
        self._tokens = FRAMES_BURST
        self._at = asyncio.get_running_loop().time()

    async def admit(self) -> None:
        """Return when the next frame may be worked on."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(FRAMES_BURST, self._tokens + (now - self._at) * FRAMES_PER_S)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
        else:
            await self._pace.turn()


def is_large(text: str) -> bool:
    return len(text) >= LARGE_BYTES or text.count(",") >= LARGE_VALUES


def has_too_many_values(text: str) -> bool:
    """Counted without parsing, so commas within strings count as well."""
    return text.count(",") > VALUES_MAX
