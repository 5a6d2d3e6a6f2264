"""`GET /__emulator/events` with `Accept: text/event-stream`: what happens, as it happens."""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import web

from .context import AdminContext
from .requests import AdminRequestError
from .session_admin import number

MEDIA_TYPE = "text/event-stream"

STREAMS_MAX = 100
PAGE = 200
HEARTBEAT_S = 15.0
WRITE_TIMEOUT_S = 10.0


class EventStreams:
    """A reader has a place in the log and nothing of its own; one that is late is told how many
    entries it has missed."""

    def __init__(self, server: AdminContext) -> None:
        self._server = server
        self._count = 0

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """From the entry after `after` on; without it, from now on."""
        for name in request.query:
            if name != "after":
                raise AdminRequestError(name, f"{name} is unknown", "known is after")
        log = self._server.world.events
        given = {"after": request.headers.get("Last-Event-ID") or request.query.get("after")}
        place = number({k: v for k, v in given.items() if v}, "after", log.last_n, 0)
        if self._count >= STREAMS_MAX:
            raise AdminRequestError("", f"{STREAMS_MAX} streams are open", "close one", 503)
        self._count += 1
        changed = asyncio.Event()
        log.listen(changed.set)
        answer = web.StreamResponse(
            headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}
        )
        try:
            await answer.prepare(request)
            await self._write_all(answer, place, changed)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._count -= 1
            log.leave(changed.set, self._server.now())
        return answer

    async def _write_all(
        self, answer: web.StreamResponse, place: int, changed: asyncio.Event
    ) -> None:
        log = self._server.world.events
        while True:
            changed.clear()
            for entry in log.after(place, PAGE):
                place = entry["n"]
                head = f"id: {place}\nevent: {entry['kind']}\ndata: ".encode()
                await _write(answer, head + orjson.dumps(entry) + b"\n\n")
            if place < log.last_n:
                continue
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await changed.wait()
            except TimeoutError:
                await _write(answer, b": beat\n\n")


async def _write(answer: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await answer.write(data)
