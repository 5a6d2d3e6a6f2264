"""Writes server-sent events to one client: bounded in what the transport may hold and in how long a
write may take."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from aiohttp import web

from ..feed import abort_if_unsent, limit_send_buffers
from .stream import StreamBounds

MEDIA_TYPE = "text/event-stream"

FAREWELL_S = 1.0


class EventWriter:
    """`async with` it, `write` events, `beat` when there was nothing to write for `heartbeat_s`.
    A client that is gone or does not read ends the block, without an error."""

    def __init__(self, request: web.Request, bounds: StreamBounds) -> None:
        self._request = request
        self._bounds = bounds
        self.is_slow = False
        self.response = web.StreamResponse(
            headers={
                "Content-Type": MEDIA_TYPE,
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )

    async def __aenter__(self) -> Self:
        await self.response.prepare(self._request)
        limit_send_buffers(self._request)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, TimeoutError):
            self.is_slow = True
            if self._request.transport is not None:
                self._request.transport.abort()
        return isinstance(error, TimeoutError | ConnectionError)

    async def write(self, kind: str, data: bytes, event_id: str = "") -> None:
        """Raises TimeoutError if the client does not read."""
        head = f"id: {event_id}\n" if event_id else ""
        await self._send(f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n")

    async def write_encoded(self, events: bytes) -> None:
        """As `write`, of events that are written out already."""
        await self._send(events)

    async def beat(self) -> None:
        await self._send(b": beat\n\n")

    async def farewell(self, kind: str, data: bytes) -> None:
        """The last event; a client that does not take it is not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.response.write(f"event: {kind}\ndata: ".encode() + data + b"\n\n")
                await self.response.write_eof()
                await self._request.writer.drain()
        abort_if_unsent(self._request)

    async def _send(self, data: bytes) -> None:
        async with asyncio.timeout(self._bounds.write_timeout_s):
            await self.response.write(data)
            await self._request.writer.drain()
