"""A response of server-sent events, written at the pace of one client and not at the cost of
others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from ...observe.metrics import Metrics
from ..feed import abort_if_unsent, limit_send_buffers
from .stream import StreamBounds

MEDIA_TYPE = "text/event-stream"

Item = TypeVar("Item")

_HEADERS = {
    "Content-Type": MEDIA_TYPE,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


def wants_stream(request: web.Request) -> bool:
    return MEDIA_TYPE in request.headers.get("Accept", "")


def encoded_event(kind: str, data: bytes, event_id: str = "") -> bytes:
    """One event; without an id Last-Event-ID stays what it was."""
    head = b"id: %s\n" % event_id.encode() if event_id else b""
    return b"%sevent: %s\ndata: %s\n\n" % (head, kind.encode(), data)


class EventSourceResponse:
    """`run` writes until `following` gives None, then says `goodbye`. A client that does not take a
    write within `write_timeout_s` is cut off; a comment every `heartbeat_s` tells a dead one from a
    quiet stream."""

    def __init__(self, request: web.Request, bounds: StreamBounds, metrics: Metrics) -> None:
        self._request = request
        self._bounds = bounds
        self._metrics = metrics
        self._response = web.StreamResponse(headers=_HEADERS)

    async def run(
        self,
        following: Callable[[], Awaitable[Item | None]],
        encode: Callable[[Item], bytes],
        goodbye: bytes,
    ) -> web.StreamResponse:
        """`following` may be cancelled while it waits."""
        await self._response.prepare(self._request)
        limit_send_buffers(self._request)
        try:
            while (item := await self._next(following)) is not None:
                await self._write(encode(item))
            await self._finish(goodbye)
        except TimeoutError:
            self._metrics.watchers_closed_slow += 1
            if self._request.transport is not None:
                self._request.transport.abort()
        except ConnectionError:
            pass
        return self._response

    async def _next(self, following: Callable[[], Awaitable[Item | None]]) -> Item | None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._bounds.heartbeat_s):
                    return await following()
            await self._write(b": beat\n\n")

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(self._bounds.write_timeout_s):
            await self._response.write(data)
            await self._request.writer.drain()

    async def _finish(self, goodbye: bytes) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._response.write(goodbye)
                await self._response.write_eof()
                await self._request.writer.drain()
        abort_if_unsent(self._request)
