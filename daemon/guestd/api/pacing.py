"""Rate limits for frames of frontends, so that a flood of them slows only its sender.

Each frontend has a rate of its own. Frames beyond it wait, and its socket is not read until then.
Within that rate a few frames a second are processed at once; the rest of all frontends share a
rate, in order of arrival, so that a thousand frontends at their own rate do not block the loop.

Large frames are processed one at a time, and for a tenth of the time at most, as measured, because
parsing cannot be interrupted: 1 MiB of base64 takes about 4 ms, 32 Ki values up to 35 ms. A thread
would not help: the parser holds the interpreter's lock. While a frame waits its frontend's socket
is not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .rate_limiting import BorrowingBucket, LoopRateLimiter

#: A guest types, sends and answers: a frame or two a second, which do not wait. A frame costs
#: about 60 µs of the loop: five hundred hostile frontends, as many as one address may have, take a
#: twentieth of it at this rate.
QUIET_PER_S = 2.0
QUIET_BURST = 20.0

#: Of one frontend: a bot that pastes many messages, or a load test that speaks for one guest, sends
#: dozens at once. The platform takes a few a second of a guest.
FRAMES_PER_S = 100.0
FRAMES_BURST = 200.0

#: Of all frontends, what is over their quiet rate: a twentieth of the loop, and a millisecond at
#: most without a look at anything else.
SHARED_PER_S = 600.0
SHARED_BURST = 300.0
SHARED_PER_TURN = 8

#: A frame is large from that many bytes or values on; parsing any other takes at most a fifth of a
#: millisecond.
LARGE_BYTES = 8192
LARGE_VALUES = 256

#: Time off per time spent on large frames, and at most: a machine that stalled once must not
#: cause a long rest.
LARGE_REST = 9.0
LARGE_REST_MAX_S = 0.5

#: A file in a frame is written and synced on the disk that has the journal as well, and most of a
#: flood are refused by their guest session only after that. What is more than a few files goes over
#: HTTP.
FILE_BYTES_PER_S = 4_194_304.0
FILE_BYTES_BURST = 16_777_216.0

#: Of one frame, counted by its commas. A file as a Node.js Buffer has one value per byte.
VALUES_MAX = 32_768


class FramePace:
    """The rates that all frontends share."""

    def __init__(self) -> None:
        self._shared = LoopRateLimiter(SHARED_PER_TURN, SHARED_PER_S, SHARED_BURST)
        self._large = asyncio.Lock()
        self._large_at = 0.0
        self._file = asyncio.Lock()
        self._file_bytes = BorrowingBucket(FILE_BYTES_PER_S, FILE_BYTES_BURST)

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
                self._large_at = ended_at + min(
                    LARGE_REST_MAX_S, LARGE_REST * (ended_at - begun_at)
                )

    @asynccontextmanager
    async def file(self, size_bytes: int) -> AsyncIterator[None]:
        """Around the writing of a file that came in a frame: one at a time, at a rate in bytes."""
        async with self._file:
            await asyncio.sleep(self._file_bytes.owe(asyncio.get_running_loop().time(), size_bytes))
            yield

    async def share(self) -> None:
        """Return when one more frame over the quiet rates may be worked on."""
        await self._shared.acquire()


class FrameRate:
    """The rate of one frontend."""

    __slots__ = ("_own", "_pace", "_quiet")

    def __init__(self, pace: FramePace) -> None:
        self._pace = pace
        self._quiet = BorrowingBucket(QUIET_PER_S, QUIET_BURST)
        self._own = BorrowingBucket(FRAMES_PER_S, FRAMES_BURST)

    async def admit(self) -> None:
        """Return when the next frame may be worked on."""
        now = asyncio.get_running_loop().time()
        if self._quiet.take(now):
            return
        await asyncio.sleep(self._own.owe(now))
        await self._pace.share()


def is_large(text: str) -> bool:
    return len(text) >= LARGE_BYTES or text.count(",") >= LARGE_VALUES


def has_too_many_values(text: str) -> bool:
    """Counted without parsing, so commas within strings count as well."""
    return text.count(",") > VALUES_MAX
