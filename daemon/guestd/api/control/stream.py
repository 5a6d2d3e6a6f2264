"""Sends a guest session's events to one client as server-sent events, at its own pace and not at
the cost of others.

The events come from a `Feed`: past ones page by page, no faster than the client reads, then new
ones. A client that lags gets a notice; when its queue is full, or one write takes longer than
`write_timeout_s`, the stream is closed with the seq to resume from. A comment line every
`heartbeat_s` tells a dead client from a quiet conversation."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import orjson
from aiohttp import web

from ...observe.metrics import Metrics
from ..feed import Feed, FeedItem, abort_if_unsent, limit_send_buffers


@dataclass(slots=True, frozen=True)
class StreamBounds:
    events_max: int
    bytes_max: int
    write_timeout_s: float
    heartbeat_s: float


class EventStream:
    """`run` answers the request and returns when the client is gone, too slow, or the guest session
    has ended."""

    def __init__(self, feed: Feed, bounds: StreamBounds, metrics: Metrics) -> None:
        self.feed = feed
        self._bounds = bounds
        self._metrics = metrics
        self._response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )

    def stop(self, reason: str) -> None:
        self.feed.stop(reason)

    async def run(self, request: web.Request, after_seq: int) -> web.StreamResponse:
        await self._response.prepare(request)
        limit_send_buffers(request)
        try:
            self.feed.start(after_seq)
            await self._write_all(request)
            await self._say_goodbye(request)
        except TimeoutError:
            self._metrics.watchers_closed_slow += 1
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass
        finally:
            self.feed.close()
        return self._response

    async def _write_all(self, request: web.Request) -> None:
        while True:
            try:
                async with asyncio.timeout(self._bounds.heartbeat_s):
                    entry = await self.feed.next()
            except TimeoutError:
                await self._write(b": beat\n\n", request)
                continue
            if entry is None:
                return
            await self._write(_encoded(entry), request)
            self.feed.sent_seq = entry.seq or self.feed.sent_seq

    async def _say_goodbye(self, request: web.Request) -> None:
        seq = self.feed.sent_seq
        if self.feed.is_too_slow:
            self._metrics.watchers_closed_slow += 1
            farewell = _closed("too slow", seq)
        elif self.feed.stopped:
            farewell = _closed(self.feed.stopped, seq)
        else:
            farewell = _notice("over", {"kind": "over", "seq": seq})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._response.write(farewell)
                await self._response.write_eof()
                await request.writer.drain()
        abort_if_unsent(request)

    async def _write(self, data: bytes, request: web.Request) -> None:
        async with asyncio.timeout(self._bounds.write_timeout_s):
            await self._response.write(data)
            await request.writer.drain()


def _encoded(entry: FeedItem) -> bytes:
    """A notice has no id, so that Last-Event-ID stays unchanged."""
    kind = entry.kind.encode()
    if entry.is_event:
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.seq, kind, entry.data)
    return b"event: %s\ndata: %s\n\n" % (kind, entry.data)


def _notice(kind: str, frame: dict[str, object]) -> bytes:
    return _encoded(FeedItem(0, kind, orjson.dumps(frame)))


def _closed(reason: str, seq: int) -> bytes:
    return _notice(
        "closed", {"kind": "closed", "reason": f"{reason}; resume after {seq}", "seq": seq}
    )
