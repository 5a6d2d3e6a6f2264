"""What is read of a frontend before its listener had a turn, on the loop that the daemon runs
on."""

from __future__ import annotations

import asyncio
import socket
import time

import uvloop

from guestd.api.byte_limit import SharedByteLimit
from guestd.api.frame_skipper import FrameSkipper
from guestd.api.rate_limiting import LoopRateLimiter
from guestd.api.throttled_protocol import (
    CHUNK_BYTES,
    FRAME_COST_BYTES,
    FREE_BYTES,
    QUIET_BYTES_PER_S,
    ThrottledProtocol,
    new_read_limiter,
)

FLOOD_BYTES = 65_536
LARGE_BYTES = 10 * CHUNK_BYTES


class Messages(asyncio.Protocol):
    """Stands where aiohttp's protocol does: a message is complete when `message_bytes` came."""

    def __init__(self, message_bytes: int, reads: LoopRateLimiter | None = None) -> None:
        self._reads = reads or new_read_limiter()
        self._message_bytes = message_bytes
        self.received_bytes = 0
        self.transport: asyncio.Transport
        self.intake: ThrottledProtocol
        self.closed = asyncio.get_running_loop().create_future()
        self.message = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.intake = ThrottledProtocol(
            transport, SharedByteLimit(1_048_576), self._reads, FrameSkipper(FLOOD_BYTES)
        )
        self.intake.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self.received_bytes >= self._message_bytes and not self.message.done():
            self.message.set_result(None)


async def received_for_one_message(message_bytes: int) -> int:
    """How many bytes were read, of a flood that lies in the kernel, when the listener has its first
    message."""
    messages = Messages(message_bytes)
    server = await asyncio.get_running_loop().create_server(lambda: messages, "127.0.0.1", 0)
    async with server:
        with socket.create_connection(server.sockets[0].getsockname()) as flood:
            flood.sendall(bytes(FLOOD_BYTES))
            async with asyncio.timeout(30.0):
                await messages.message
            messages.intake.take()
            received_bytes = messages.received_bytes
            messages.transport.abort()
            await messages.closed
    return received_bytes


def test_a_flood_is_read_one_chunk_at_a_time():
    assert uvloop.run(received_for_one_message(35)) == CHUNK_BYTES


def test_a_message_larger_than_a_chunk_is_read_to_its_end_and_no_further():
    assert uvloop.run(received_for_one_message(LARGE_BYTES)) == LARGE_BYTES


async def received_with_few_limiter(turns: int, flood_bytes: bytes = bytes(FLOOD_BYTES)) -> int:
    """How many bytes of a flood were read when the reads that all frontends share are used up."""
    reads = LoopRateLimiter(8, per_s=0.001, burst=float(turns))
    messages = Messages(FLOOD_BYTES, reads)
    server = await asyncio.get_running_loop().create_server(lambda: messages, "127.0.0.1", 0)
    async with server:
        with socket.create_connection(server.sockets[0].getsockname()) as flood:
            flood.sendall(flood_bytes)
            async with asyncio.timeout(30.0):
                while (
                    not reads.waiting
                    or reads._bucket.tokens(asyncio.get_running_loop().time()) >= 1.0
                ):
                    await asyncio.sleep(0)
            received_bytes = messages.received_bytes
            messages.transport.abort()
            await messages.closed
    return received_bytes


def test_what_is_over_the_quiet_bytes_is_read_in_the_turns_of_all_frontends():
    begun_at = time.monotonic()
    received_bytes = uvloop.run(received_with_few_limiter(5))
    came_back_bytes = (time.monotonic() - begun_at) * QUIET_BYTES_PER_S
    over_bytes = received_bytes - FREE_BYTES - 5 * CHUNK_BYTES
    assert 0 <= over_bytes < came_back_bytes + CHUNK_BYTES


def test_a_chunk_of_many_small_frames_is_paid_with_several_limiter():
    """A text whose parts are empty, so that no message comes of it."""
    flood_bytes = b"\x01\x00" + b"\x00\x00" * (FLOOD_BYTES // 2)
    turns_per_chunk = CHUNK_BYTES // 2 * FRAME_COST_BYTES // CHUNK_BYTES
    assert (
        uvloop.run(received_with_few_limiter(2 * turns_per_chunk, flood_bytes)) == 3 * CHUNK_BYTES
    )
