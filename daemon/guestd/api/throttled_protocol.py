"""Reads what a frontend sends no faster than it is processed, and counts what waits.

aiohttp parses a WebSocket's bytes as they come: a chunk of 256 KiB may hold thousands of small
messages, and the parts of a message that is never finished lie there for as long as the connection
lives. So from the upgrade on the connection's protocol is this one, which passes bytes on to
aiohttp's and differs in two ways: it reads `CHUNK_BYTES` per loop iteration, and not before the
listener waits for the next message. Reading pauses after each chunk, because uvloop reads a socket
up to 32 times in one turn, and the listener learns of a message only in the next.

A chunk costs the loop a few tens of microseconds, and more only if it holds many tiny frames. So a
frontend that sends more than guests do reads its chunks from a rate that all such frontends share
(`new_read_limiter`), and such a chunk counts as several.

It also knows how many bytes came that were not taken as messages yet. It is an upper bound: bytes
of frames within a message are not told apart from the message's own, and are forgiven when it is
complete. What is over `FREE_BYTES` counts against the limit for all frontends
(`SharedByteLimit`); when that is reached, the frontend whose frame has been under way for the
longest time is evicted.

Messages that are too large do not reach aiohttp (`FrameSkipper`): what is skipped is read at the
same rates as everything else, but not counted, because it is not kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from .byte_limit import SharedByteLimit
from .frame_skipper import FrameSkipper, Oversize
from .rate_limiting import BorrowingBucket, LoopRateLimiter

#: As small as a usual frame: the messages of one or two chunks may wait for the listener, and each
#: costs about 400 bytes.
CHUNK_BYTES = 2048

#: Not counted and never a reason to evict: what every frontend may have incomplete. At least two
#: chunks.
FREE_BYTES = 16_384

#: What one frontend may send without waiting for others, after a burst of `FREE_BYTES`: a message
#: of the greatest length that the platform takes, each second.
QUIET_BYTES_PER_S = 4096.0

#: A frame counts as that many bytes at least: reading its header takes as long as passing them on.
FRAME_COST_BYTES = 64

#: Of all other chunks, 8 MiB/s: about a tenth of the loop.
READS_PER_S = 4000.0
READS_BURST = 512.0
READS_PER_TURN = 8

#: The loop reads one connection at a time, and what was read is passed on before the next read.
_BUFFER = bytearray(CHUNK_BYTES)


def new_read_limiter() -> LoopRateLimiter:
    """The rate at which all frontends together are read that send more than guests do."""
    return LoopRateLimiter(READS_PER_TURN, READS_PER_S, READS_BURST)


class ThrottledProtocol(asyncio.BufferedProtocol):
    """Takes the place of the protocol of `transport`. `on_evict` is called once if the frontend
    is evicted.

    Before the first `wait` one chunk is read at most: a refused frontend is not read."""

    def __init__(
        self,
        transport: asyncio.Transport,
        held: SharedByteLimit,
        reads: LoopRateLimiter,
        skipper: FrameSkipper,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._inner = cast(asyncio.Protocol, transport.get_protocol())
        self._held = held
        self._reads = reads
        self._skipper = skipper
        self._quiet = BorrowingBucket(QUIET_BYTES_PER_S, float(FREE_BYTES))
        self.on_evict: Callable[[], None] = transport.abort
        self._is_waiting = self._is_paused = self._is_resuming = self._is_gone = False
        self._pending = 0
        self._turns_owed = 0
        self._last_chunks = (0, 0)
        self._over_since = 0.0
        transport.set_protocol(self)

    @property
    def pending_bytes(self) -> int:
        return self._pending

    @property
    def refused(self) -> deque[Oversize]:
        """The messages that were left out and that the listener has not come to yet."""
        return self._skipper.refused

    # ------------------------------------------------------------------ the listener's side

    def wait(self) -> None:
        """The listener asks for a message now; if there is none yet, read on."""
        self._is_waiting = True
        self._plan_resume()

    def take(self) -> None:
        """The listener has a message, and is not to be given more."""
        self._is_waiting = False

    def done(self, message_bytes: int) -> None:
        """That message was worked on. What may still lie here came with it or after it."""
        left = max(0, self._pending - message_bytes - _header_bytes(message_bytes))
        self._pending = min(left, sum(self._last_chunks))
        self._count()

    def close(self) -> None:
        self._is_gone = True
        self._held.remove(self)

    def _plan_resume(self) -> None:
        if self._is_paused and not self._is_resuming:
            self._is_resuming = True
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        """Not at once: while messages lie ready the listener has one before this is called."""
        if self._is_waiting and not self._is_gone and self._quiet.tokens(self._loop.time()) <= 0.0:
            self._reads.submit(self._use_turn)
        else:
            self._read_on()

    def _use_turn(self) -> bool:
        """For what the last chunk cost beside its own turn, and then to read on."""
        if not self._turns_owed or not self._is_waiting or self._is_gone:
            return self._read_on()
        self._turns_owed -= 1
        self._reads.submit(self._use_turn)
        return True

    def _read_on(self) -> bool:
        """Whether it reads on now; not if the listener has a message, or has gone."""
        self._is_resuming = False
        if not (self._is_waiting and self._is_paused) or self._is_gone:
            return False
        self._is_paused = False
        self._transport.resume_reading()
        return True

    # ------------------------------------------------------------------ the transport's side

    def get_buffer(self, sizehint: int) -> bytearray:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        frames = self._skipper.frames
        passed_on = self._skipper.pass_on(bytes(_BUFFER[:nbytes]))
        cost_bytes = max(nbytes, (self._skipper.frames - frames) * FRAME_COST_BYTES)
        self._last_chunks = (self._last_chunks[1], len(passed_on))
        self._pending += len(passed_on)
        self._spend(cost_bytes)
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if passed_on:
            self._inner.data_received(passed_on)
        if self._is_waiting:
            self._plan_resume()
        self._count()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    # ------------------------------------------------------------------ counting

    def burden(self) -> float:
        """Seconds since more than `FREE_BYTES` wait."""
        return self._loop.time() - self._over_since + 1e-9

    def evict(self) -> None:
        self.close()
        self._is_paused = True
        self._transport.pause_reading()
        self.on_evict()

    def _spend(self, nbytes: int) -> None:
        """Of the quiet bytes, or turns. A large message must not cause long waits after
        it."""
        self._turns_owed = max(0, nbytes - 1) // CHUNK_BYTES
        now = self._loop.time()
        if self._quiet.tokens(now) > 0.0:
            self._quiet.owe(now, nbytes)

    def _count(self) -> None:
        if self._is_gone:
            return
        over = max(0, self._pending - FREE_BYTES)
        if over and not self._held.of(self):
            self._over_since = self._loop.time()
        self._held.set(self, over)


def _header_bytes(message_bytes: int) -> int:
    """Of a masked frame (RFC 6455, 5.2)."""
    if message_bytes < 126:
        return 6
    return 8 if message_bytes < 65_536 else 14
