"""The status line of a receiver is its answer; what follows it is read for a moment and then let go
(SYNC-1, RFC 9110 §15.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from guestd.model.records import DeliveryRecord
from guestd.webhooks.delivery_client import (
    RETRY_AFTER_S_MAX,
    DeliveryClient,
    DeliveryOutcome,
    DeliveryTarget,
)
from guestd.webhooks.ssrf_guard import SsrfGuard

RECORD = DeliveryRecord("id-1", "crm", "lane", "session.connected", b"{}")

#: Longer than any test may take: an outcome that had to wait for the end of the body would fail the
#: test.
TIME_OUT_S = 600.0

#: Turns of the loop, which the client shares, between two parts: they come to it one by one.
TURNS = 50

KEEP, HANG_UP, RESET, FLOOD = "keep open", "hang up", "reset", "never stop sending"


class RawReceiver:
    """Answers each request with the same bytes, then does `then`. `left` counts connections the
    other side has closed."""

    def __init__(self, parts: Sequence[bytes], then: str) -> None:
        self._parts, self._then = parts, then
        self.requests = self.connections = self.left = 0

    async def came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n{}"):
                self.requests += 1
                await self._answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            self.left += 1
        finally:
            writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        for part in self._parts:
            writer.write(part)
            await writer.drain()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        if self._then == RESET:
            writer.transport.abort()
        elif self._then == HANG_UP:
            writer.close()
        while self._then == FLOOD:
            writer.write(b"x" * 65_536)
            await writer.drain()


@asynccontextmanager
async def receiving(
    parts: Sequence[bytes], then: str = KEEP
) -> AsyncIterator[tuple[RawReceiver, DeliveryTarget]]:
    receiver = RawReceiver(parts, then)
    server = await asyncio.start_server(receiver.came, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield (
            receiver,
            DeliveryTarget(f"http://127.0.0.1:{port}/", (), TIME_OUT_S, SsrfGuard(["127.0.0.1"])),
        )
    finally:
        server.close()
        await server.wait_closed()


async def deliver(to: DeliveryTarget, times: int = 1) -> list[DeliveryOutcome]:
    client = DeliveryClient()
    try:
        async with asyncio.timeout(30):
            return [await client.deliver(RECORD, to, 1) for _ in range(times)]
    finally:
        await client.close()


OK = b"HTTP/1.1 200 OK\r\n"
ACCEPTED_ANSWERS = {
    "no length, the body never ends": ([OK + b"\r\n"], KEEP),
    "shorter than its Content-Length, then silence": (
        [OK + b"Content-Length: 100\r\n\r\n", b"short"],
        KEEP,
    ),
    "shorter than its Content-Length, then the end": (
        [OK + b"Content-Length: 100\r\n\r\n", b"short"],
        HANG_UP,
    ),
    "reset after the head": ([OK + b"Content-Length: 100\r\n\r\n"], RESET),
    "a body without an end": ([OK + b"\r\n"], FLOOD),
    "a chunk that is not one": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"no chunk\r\n"],
        KEEP,
    ),
    "100 and 103 before it": (
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", OK + b"\r\n"],
        KEEP,
    ),
    "204 with the connection closed": (
        [b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"],
        HANG_UP,
    ),
    "299": ([b"HTTP/1.1 299 Strange\r\n\r\n"], KEEP),
}


@pytest.mark.parametrize("answer", ACCEPTED_ANSWERS)
async def test_sync_1_a_2xx_head_is_a_receipt_whatever_becomes_of_the_body(answer):
    async with receiving(*ACCEPTED_ANSWERS[answer]) as (receiver, to):
        assert await deliver(to) == [DeliveryOutcome(reached=True)]
    assert receiver.requests == 1


async def test_a_connection_with_an_unfinished_body_is_not_used_again():
    async with receiving([OK + b"Content-Length: 100\r\n\r\n", b"short"]) as (receiver, to):
        assert await deliver(to, times=2) == [DeliveryOutcome(reached=True)] * 2
    assert (receiver.requests, receiver.connections) == (2, 2)


async def test_a_connection_whose_body_has_ended_is_used_again():
    async with receiving([OK + b"Content-Length: 100\r\n\r\n", b"x" * 50, b"x" * 50]) as (
        receiver,
        to,
    ):
        assert await deliver(to, times=3) == [DeliveryOutcome(reached=True)] * 3
    assert (receiver.requests, receiver.connections) == (3, 1)


async def test_a_refusal_with_a_slow_body_is_a_refusal_and_says_which():
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\n"
    async with receiving([head, b"short"]) as (_, to):
        [outcome] = await deliver(to)
    assert (outcome.reason, outcome.host_failed, outcome.reached) == ("answered 503", True, True)
    assert outcome.retry_after_s == 7.0
    async with receiving([b"HTTP/1.1 410 Gone\r\n\r\n"]) as (_, to):
        [outcome] = await deliver(to)
    assert (outcome.reason, outcome.final) == ("answered 410", True)


async def test_a_reset_before_the_head_is_no_receipt():
    async with receiving([b"HTTP/1.1 200 OK\r\nContent-"], RESET) as (_, to):
        [outcome] = await deliver(to)
    assert outcome.host_failed and not outcome.reached and "broke" in outcome.reason


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (b"86400", RETRY_AFTER_S_MAX),
        (b"9" * 400, RETRY_AFTER_S_MAX),
        (b"\xc2\xb2", None),
        (b"-1", None),
        (b"Fri, 31 Dec 2099 23:59:59 GMT", RETRY_AFTER_S_MAX),
        (b"Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
    ],
)
async def test_a_pause_that_a_receiver_asks_for_is_bounded(header, wait_s):
    date = b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    head = (
        b"HTTP/1.1 429 Slower\r\nContent-Length: 0\r\n"
        + date
        + b"Retry-After: "
        + header
        + b"\r\n\r\n"
    )
    async with receiving([head]) as (_, to):
        [outcome] = await deliver(to)
    assert outcome.retry_after_s == wait_s
