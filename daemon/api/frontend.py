"""One frontend on the simulator's WebSocket: what it is told, at its own pace, and never at the cost of others.

The guest session offers events as they become durable; `offer` puts the ready bytes into this frontend's own queue and returns.
One task per frontend (a frontend is no guest session) writes them out. When the queue is half full the frontend is told once that
it lags; when it is full, or one write takes longer than `write_timeout_s`, the frontend is closed with 1013 and the cursor to
resume from: the last seq that really went out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import orjson
from aiohttp import WSCloseCode, web

from ..model.ports import Row
from ..observe.metrics import Metrics
from .frames import Json
from .settings import ApiSettings


class Frontend:
    """A Watcher with a bounded queue. `run` writes until the frontend is gone, too slow, or the guest session has ended."""

    def __init__(self, socket: web.WebSocketResponse, settings: ApiSettings, metrics: Metrics) -> None:
        self._socket = socket
        self._settings = settings
        self._metrics = metrics
        self._queue: deque[tuple[int, bytes]] = deque()
        self._queued_bytes = 0
        self._replayed = 0
        self._wake = asyncio.Event()
        self._lagging = False
        self._too_slow = False
        self._over = False
        self.sent_seq = 0

    # ------------------------------------------------------------------ what comes

    def replay(self, rows: list[Row]) -> None:
        """What was missed, all at once. The journal bounds it, so it does not count against the queue's own bound."""
        self._queue.extend((row[1], row[3]) for row in rows)
        self._replayed += len(rows)
        self._wake.set()

    def offer(self, row: Row) -> None:
        self._put(row[1], row[3])

    def over(self) -> None:
        self._over = True
        self._wake.set()

    def say(self, frame: Json) -> None:
        """An answer or notice of ours; it has no place in the guest session's order."""
        self._put(0, orjson.dumps(frame))

    def _put(self, seq: int, encoded: bytes) -> None:
        if self._too_slow:
            return
        self._queue.append((seq, encoded))
        self._queued_bytes += len(encoded)
        self._wake.set()
        settings = self._settings
        if (
            len(self._queue) - self._replayed > settings.watcher_events_max
            or self._queued_bytes > settings.watcher_bytes_max
        ):
            self._too_slow = True
        elif not self._lagging and self._is_half_full():
            self._lagging = True
            self._metrics.watchers_lagging += 1
            self._queue.append((0, orjson.dumps({"kind": "lagging", "seq": self.sent_seq})))

    def _is_half_full(self) -> bool:
        settings = self._settings
        return (
            len(self._queue) - self._replayed > settings.watcher_events_max // 2
            or self._queued_bytes > settings.watcher_bytes_max // 2
        )

    # ------------------------------------------------------------------ what goes

    async def run(self) -> None:
        while not self._too_slow:
            if not self._queue:
                if self._over:
                    await self._socket.close(code=WSCloseCode.OK, message=b"the guest session has ended")
                    return
                self._lagging = False
                self._wake.clear()
                await self._wake.wait()
                continue
            seq, encoded = self._queue.popleft()
            if self._replayed:
                self._replayed -= 1
            else:
                self._queued_bytes -= len(encoded)
            try:
                async with asyncio.timeout(self._settings.write_timeout_s):
                    await self._socket.send_str(encoded.decode())
            except TimeoutError:
                self._too_slow = True
            except ConnectionError:
                return
            else:
                self.sent_seq = seq or self.sent_seq
        await self._close_slow()

    async def _close_slow(self) -> None:
        self._metrics.watchers_closed_slow += 1
        self._queue.clear()
        reason = f"too slow; resume with since={self.sent_seq}".encode()
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(1.0):
                await self._socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason)
