"""One reader of a guest session's events as server-sent events: at his own pace, and never at the cost of others.

First he is brought up to the present, page by page from the journal, as fast as he reads and no faster. At the page that is
empty he becomes a watcher, with nothing in between, and from then on the fleet offers him events into a bounded queue. Half full,
he is told that he lags; full, or when one write takes longer than `write_timeout_s`, he is let go with the seq to resume from,
and may catch up from the journal again. A comment line every `heartbeat_s` tells a dead reader from a quiet conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass

import orjson
from aiohttp import web

from ...model.errors import NotFound
from ...model.ports import Fleet, Row
from ...observe.metrics import Metrics

PAGE = 200


@dataclass(slots=True, frozen=True)
class StreamBounds:
    events_max: int
    bytes_max: int
    write_timeout_s: float
    heartbeat_s: float


class Stream:
    """A Watcher. `run` answers the request and returns when the reader is gone, too slow, or the guest session has ended."""

    def __init__(self, fleet: Fleet, session_id: str, after_seq: int, bounds: StreamBounds, metrics: Metrics) -> None:
        self._fleet = fleet
        self._session_id = session_id
        self._bounds = bounds
        self._metrics = metrics
        self._queue: deque[Row] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._too_slow = self._is_over = self._is_told = False
        self._stopped = ""
        self._sent_seq = after_seq
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    # ------------------------------------------------------------------ what comes

    def offer(self, row: Row) -> None:
        if self._too_slow:
            return
        self._queue.append(row)
        self._queued_bytes += len(row[3])
        self._too_slow = len(self._queue) > self._bounds.events_max or self._queued_bytes > self._bounds.bytes_max
        self._wake.set()

    def over(self) -> None:
        self._is_over = True
        self._wake.set()

    def stop(self, reason: str) -> None:
        self._stopped = reason
        self._wake.set()

    # ------------------------------------------------------------------ what goes

    async def run(self, request: web.Request) -> web.StreamResponse:
        await self._response.prepare(request)
        try:
            await self._catch_up()
            await self._follow()
            await self._say_goodbye()
        except TimeoutError:
            self._too_slow = True
            self._metrics.watchers_closed_slow += 1
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass
        finally:
            self._fleet.unwatch(self._session_id, self)
        return self._response

    async def _catch_up(self) -> None:
        """When there is nothing more to read he becomes a watcher before anybody else may act."""
        while not self._stopped:
            try:
                replay = self._fleet.read(self._session_id, self._sent_seq, PAGE)
            except NotFound:  # it ended meanwhile, and a journal in memory forgot it
                self._is_over = True
                return
            if replay.first_kept_seq > self._sent_seq + 1:
                await self._tell_gap(replay.first_kept_seq)
            if not replay.rows:
                self._become_watcher()
                return
            await self._write(b"".join(map(_event, replay.rows)))
            self._sent_seq = replay.rows[-1][1]

    def _become_watcher(self) -> None:
        try:
            self._fleet.watch(self._session_id, self, None)
        except NotFound:
            self._is_over = True

    async def _tell_gap(self, first_kept_seq: int) -> None:
        reason = f"events before seq {first_kept_seq} are no longer kept"
        gap = {"kind": "gap", "seq": first_kept_seq - 1, "reason": reason}
        await self._write(_notice("gap", gap | {"after": str(self._sent_seq), "before": str(first_kept_seq)}))
        self._sent_seq = first_kept_seq - 1

    async def _follow(self) -> None:
        while not (self._too_slow or self._stopped):
            if self._queue:
                await self._write_queued()
            elif self._is_over:
                return
            else:
                self._is_told = False
                await self._rest()

    async def _write_queued(self) -> None:
        if not self._is_told and self._is_half_full():
            self._is_told = True
            self._metrics.watchers_lagging += 1
            await self._write(_notice("lagging", {"kind": "lagging", "seq": self._sent_seq}))
        row = self._queue.popleft()
        self._queued_bytes -= len(row[3])
        await self._write(_event(row))
        self._sent_seq = row[1]

    def _is_half_full(self) -> bool:
        bounds = self._bounds
        return len(self._queue) > bounds.events_max // 2 or self._queued_bytes > bounds.bytes_max // 2

    async def _rest(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(self._bounds.heartbeat_s):
                await self._wake.wait()
        except TimeoutError:
            await self._write(b": beat\n\n")

    async def _say_goodbye(self) -> None:
        if self._too_slow:
            self._metrics.watchers_closed_slow += 1
            farewell = _closed("too slow", self._sent_seq)
        elif self._stopped:
            farewell = _closed(self._stopped, self._sent_seq)
        else:
            farewell = _notice("over", {"kind": "over", "seq": self._sent_seq})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._response.write(farewell)
                await self._response.write_eof()

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(self._bounds.write_timeout_s):
            await self._response.write(data)


def _event(row: Row) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row[1], row[2].encode(), row[3])


def _notice(kind: str, frame: dict[str, object]) -> bytes:
    """Not an event of the guest session: it has no id, so that Last-Event-ID stays what it was."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(frame))


def _closed(reason: str, seq: int) -> bytes:
    return _notice("closed", {"kind": "closed", "reason": f"{reason}; resume after {seq}", "seq": seq})
