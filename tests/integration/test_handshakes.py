"""Handshakes of WebSockets over real sockets: what a client may send before it is answered, and how
often it may come."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from guestd.api import handshakes
from guestd.api.memory_trimming import GONE_MIN, MemoryTrimmer

from ..soak.hostile_clients import KEY, RESUME, Target, connected, frame, header, request

SILENT = {"agent": "silent", "limits": {"strict": False}}
UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)


def head(stack, *headers: str) -> bytes:
    return request(Target("127.0.0.1", stack.http.port), "/?guest=ana", *(headers or UPGRADE))


async def answered(stack, *pieces: bytes) -> bytes:
    """The head of the answer to these bytes, sent one piece after the other."""
    async with connected(Target("127.0.0.1", stack.http.port)) as own, asyncio.timeout(30.0):
        for piece in pieces:
            await own.send(piece)
            await asyncio.sleep(0)
        return await own.reader.readuntil(b"\r\n\r\n")


async def test_frames_that_come_with_the_head_are_refused_unread(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        assert b" 400 " in await answered(stack, head(stack) + RESUME * 100)
        assert stack.metrics.http_refused == {"early_bytes": 1}
        await stack.until(lambda: stack.metrics.http_connections == 0)
        assert stack.metrics.watchers == 0


async def test_early_frames_are_refused_behind_another_request_as_well(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        first = request(Target("127.0.0.1", stack.http.port), "/healthz")
        async with connected(Target("127.0.0.1", stack.http.port)) as own, asyncio.timeout(30.0):
            await own.send(first + head(stack) + RESUME * 100)
            assert b"early" not in await own.reader.readuntil(b"\r\n\r\n")
            assert b" 400 " in await own.read_until_closed()


async def test_a_few_bytes_that_come_with_the_head_are_worked_on(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        early = frame(b'{"action": "send", "text": "hello", "command_id": "c1"}')
        async with connected(Target("127.0.0.1", stack.http.port)) as own, asyncio.timeout(30.0):
            await own.send(head(stack) + early)
            assert b" 101 " in await own.reader.readuntil(b"\r\n\r\n")
            await own.reader.readuntil(b'"command_id":"c1"')


async def test_a_message_too_large_that_comes_with_the_head_is_refused(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        assert b" 400 " in await answered(stack, head(stack) + header(1_048_577))
        assert stack.metrics.http_refused == {"early_bytes": 1}


async def test_a_message_too_large_whose_first_part_came_with_the_head_is_answered(new_stack):
    part = b"\x01" + header(1000)[1:] + bytes(1000)
    last = b"\x80" + header(1_048_576)[1:] + bytes(1_048_576)
    async with new_stack(emulator=SILENT) as stack:
        async with connected(Target("127.0.0.1", stack.http.port)) as own, asyncio.timeout(30.0):
            await own.send(head(stack) + RESUME + part)
            assert b" 101 " in await own.reader.readuntil(b"\r\n\r\n")
            await own.send(last + frame(b'{"action": "send", "text": "hello", "command_id": "c1"}'))
            await own.reader.readuntil(b"the message has 1049576 bytes")
            await own.reader.readuntil(b'"command_id":"c1"')


async def test_a_long_head_is_not_taken_for_early_frames(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        long = [f"X-Cookie-{number}: {'x' * 1000}" for number in range(7)]
        assert b" 101 " in await answered(stack, head(stack, *UPGRADE, *long))


async def test_a_handshake_that_is_none_ends_its_connection(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        async with connected(Target("127.0.0.1", stack.http.port)) as own, asyncio.timeout(30.0):
            await own.send(head(stack, "Upgrade: websocket", "Connection: Upgrade"))
            assert b" 400 " in await own.reader.readuntil(b"\r\n\r\n")
            await own.read_until_closed()


@pytest.fixture
def small_pace(monkeypatch):
    """No handshake after the burst, and no waiting for one."""
    monkeypatch.setattr(handshakes, "PER_S", 0.001)
    monkeypatch.setattr(handshakes, "WAIT_MAX_S", 0.0)


async def test_an_address_that_comes_too_often_is_told_when_to_come_again(new_stack, small_pace):
    async with new_stack(emulator=SILENT, api={"frontends_per_address_max": 3}) as stack:
        answers = [await answered(stack, head(stack)) for _ in range(5)]
        assert [b" 101 " in answer for answer in answers] == [True, True, True, False, False]
        assert b" 429 " in answers[-1] and b"Retry-After: 1\r\n" in answers[-1]
        assert stack.metrics.http_refused == {"handshakes": 2}
        async with connected(Target("127.0.0.1", stack.http.port)) as own, asyncio.timeout(30.0):
            await own.send(request(Target("127.0.0.1", stack.http.port), "/healthz"))
            assert b" 200 " in await own.reader.readuntil(b"\r\n\r\n"), (
                "other requests are not meant"
            )


async def test_the_memory_of_many_who_have_gone_is_given_back(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        given_back = []
        stack.http._connections._trimmer = MemoryTrimmer(
            lambda: given_back.append(stack.metrics.http_connections)
        )
        async with AsyncExitStack() as clients:
            for _ in range(GONE_MIN):
                await clients.enter_async_context(connected(Target("127.0.0.1", stack.http.port)))
            await stack.until(lambda: stack.metrics.http_connections == GONE_MIN)
            assert not given_back
        await stack.until(lambda: given_back)
        assert given_back == [0], "all have gone, and it is seen to nevertheless"
