"""Writes to one frontend on the simulator's WebSocket, at its own pace and not at the cost of
others.

One task per frontend (which is not a guest session) writes what its `Feed` gives. When the feed's
queue is full, or one write takes longer than `write_timeout_s`, the frontend is closed with 1013
and the cursor to resume from: the last seq that really went out.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal, TypeAlias

from aiohttp import WSCloseCode, web

from ..model.commands import WhenDown
from ..observe.metrics import Metrics
from .feed import Feed, FeedItem, abort_if_unsent, limit_send_buffers
from .frames import Json

#: Its texts are bytes when they come.
Socket: TypeAlias = "web.WebSocketResponse[Literal[False]]"

#: For the close frame to a frontend that has not read for a while, or is hostile.
GOODBYE_S = 1.0

#: What a close frame holds beside its code (RFC 6455 §5.5).
REASON_BYTES_MAX = 123


class Frontend:
    """`run` writes until the frontend is gone, too slow, refused, or the guest session has ended.

    `when_down`: for those of its messages that do not say."""

    def __init__(
        self,
        socket: Socket,
        request: web.Request,
        feed: Feed,
        write_timeout_s: float,
        metrics: Metrics,
    ) -> None:
        self.feed = feed
        self.when_down: WhenDown = ""
        self._socket = socket
        self._request = request
        self._write_timeout_s = write_timeout_s
        self._metrics = metrics
        self._refused = ""
        limit_send_buffers(request)

    def say(self, frame: Json) -> None:
        """An answer or notice, which has no seq in the guest session."""
        self.feed.say(frame)

    def refuse(self, reason: str) -> None:
        """Close it with 1013 at once, for what it sent."""
        self._refused = reason
        self.feed.stop(reason)

    async def run(self) -> None:
        try:
            await self._write_all()
        except ConnectionError:
            return
        except TimeoutError:
            self.feed.is_too_slow = True
        finally:
            self.feed.close()
        await self._close()

    async def _write_all(self) -> None:
        feed = self.feed
        while (entry := await feed.next()) is not None:
            version = feed.version
            await self._write(entry)
            if feed.version == version:  # else it belonged to a replay that was replaced
                feed.sent_seq = entry.seq or feed.sent_seq

    async def _write(self, entry: FeedItem) -> None:
        async with asyncio.timeout(self._write_timeout_s):
            await self._socket.send_str(entry.data.decode())
            await self._request.writer.drain()

    async def _close(self) -> None:
        if self._refused:
            code, reason = WSCloseCode.TRY_AGAIN_LATER, self._refused
        elif self.feed.is_too_slow:
            self._metrics.watchers_closed_slow += 1
            code, reason = (
                WSCloseCode.TRY_AGAIN_LATER,
                f"too slow; resume with since={self.feed.sent_seq}",
            )
        else:
            code, reason = WSCloseCode.OK, "the guest session has ended"
        await close_socket(self._socket, self._request, code, reason, GOODBYE_S)


def drop_traceback(socket: Socket) -> None:
    """The error that aiohttp keeps of a broken connection holds the stack frames that it passed,
    and those hold the socket. Such a circle outlives the frontend until Python collects its oldest
    objects, which it seldom does."""
    error = socket.exception()
    if error is not None:
        error.__traceback__ = error.__context__ = error.__cause__ = None


async def close_socket(
    socket: Socket, request: web.Request, code: WSCloseCode, reason: str, within_s: float
) -> None:
    """Send the close frame, wait briefly for the answer, and abort if the peer does not read.
    `reason` is cut to what a close frame holds."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(within_s):
            await socket.close(code=code, message=_cut(reason))
    abort_if_unsent(request)


def _cut(reason: str) -> bytes:
    """Never within a character: that would not be UTF-8, and the peer would fail the connection."""
    return reason.encode(errors="replace")[:REASON_BYTES_MAX].decode(errors="ignore").encode()
