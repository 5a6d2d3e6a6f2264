"""The frames of a guest session on the platform's socket: a page of them, or a stream.

    GET /v1/sessions/ana/frames?after=12    Accept: text/event-stream, and Last-Event-ID

They are kept from the first request on, as long as someone asks or follows. A reader has a place in
the session's ring and nothing of its own: one that is late is told how many rows it has missed."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, Field

from ...model.frames import FrameRow, FrameSource
from ...model.ports import Fleet
from ...observe.metrics import Metrics
from ..addresses import AddressCounts, address_of
from ..problems import Problem
from .lookup import session_of
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import SEQ_MAX, QueryParameters
from .sse import MEDIA_TYPE, EventWriter
from .stream import StreamBounds

#: Streams of frames at once, and of one address. Each costs a place in a ring and a task.
STREAMS_MAX = 200
STREAMS_PER_ADDRESS_MAX = 100

#: Of one page, and what is written at once.
PAGE_MAX = 200


class FrameQuery(QueryParameters):
    after: int = Field(default=0, ge=0, le=SEQ_MAX, description="The last `n` you have.")
    limit: int = Field(default=100, ge=1, le=PAGE_MAX)
    texts: bool = Field(
        default=False,
        description="With the text of each frame; tokens, JWTs and queries of URLs are taken out.",
    )


class Frame(BaseModel):
    """A frame, the opening or the close of a connection, or frames that are not kept."""

    n: int = Field(description="Its number; frames that are not kept are missing in it.")
    at: int = Field(description="Epoch milliseconds.")
    direction: str = Field(description="in, out; of an opening or a close: who did it.")
    kind: str = Field(description="text, binary, ping, pong, open, close or not_kept.")
    connection: int = Field(description="The number of its connection.")
    bytes: int = Field(description="Of the whole frame.")
    class_: str = Field(
        alias="class",
        description="Its class, action or type, with what it carries; the cause of a close.",
    )
    code: int | None = Field(description="The frame's code, or that of the close.")
    tracing_id: str
    command_id: str = Field(description="The command whose message it carries, or is about.")
    seq: int = Field(description="The newest event it led to at once, or that of its command.")
    cut: bool = Field(description="Some or all of its text is left out, because it is too long.")
    repeated: bool = Field(
        False, description="Its message had been taken before: it comes twice and is shown once."
    )
    text: str | None = Field(None, description="With texts=true.")
    by: str = Field("", description="Of a close: platform, network or guestd.")
    reason: str = Field("", description="Of a close.")
    attempt: int = Field(0, description="Of an opening or a close: the try, since it was live.")
    host: str = Field("", description="Of an opening.")
    address: str = Field("", description="Of an opening: what the socket is connected to.")
    count: int = Field(0, description="Of not_kept: how many.")


class FramePage(BaseModel):
    """Frames in order. Ask again with `after` = `next`; `more`: there are more already."""

    frames: list[Frame]
    next: int
    more: bool
    first_kept: int = Field(description="The number of the oldest that is kept.")
    since: int = Field(description="When they began to be kept (epoch milliseconds).")
    over: bool = Field(description="The guest session has ended.")


class FrameRoutes:
    def __init__(self, fleet: Fleet, metrics: Metrics, bounds: StreamBounds) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._bounds = bounds
        self._streams: set[FrameStream] = set()
        self._addresses = AddressCounts(STREAMS_PER_ADDRESS_MAX, "frame streams", "STREAMS_MAX")

    def routes(self) -> list[Route]:
        page = RouteResponse(
            "A page of frames, or a stream of them.",
            FramePage,
            media={MEDIA_TYPE: "A stream without end."},
        )
        return [
            Route(
                "GET",
                "/v1/sessions/{session}/frames",
                "readFrames",
                "Frames on the platform's socket: a page, or a stream with Accept:"
                " text/event-stream",
                self._read,
                {
                    200: page,
                    204: RouteResponse(
                        "The guest session has ended and there is no more to follow."
                    ),
                },
                "events",
                query=FrameQuery,
                long=True,
            )
        ]

    def close(self) -> None:
        """Close all streams, because the daemon stops."""
        for stream in list(self._streams):
            stream.stop("guestd is shutting down")

    async def _read(self, call: ApiCall[FrameQuery, None]) -> web.StreamResponse:
        source = self._fleet.frames(session_of(self._fleet, call.part("session")))
        query = call.query
        if MEDIA_TYPE in call.request.headers.get("Accept", ""):
            after = _resumed_after(call)
            if source.is_over and not source.after(after, 1):
                return web.Response(status=204)
            return await self._follow(call.request, source, after, query.texts)
        rows = source.after(query.after, query.limit)
        last = rows[-1].n if rows else min(query.after, source.last_n)
        return answer(
            {
                "frames": [shown(one, query.texts) for one in rows],
                "next": last,
                "more": last < source.last_n,
                "first_kept": source.first_kept,
                "since": source.since_ms,
                "over": source.is_over,
            }
        )

    async def _follow(
        self, request: web.Request, source: FrameSource, after: int, texts: bool
    ) -> web.StreamResponse:
        address = address_of(request)
        if len(self._streams) >= STREAMS_MAX or not self._addresses.enter(address):
            self._metrics.count_refused_frontend("full")
            detail = (
                f"{STREAMS_MAX} streams of frames are open, or {STREAMS_PER_ADDRESS_MAX} of this"
                " address; close one, or read pages"
            )
            raise Problem(503, "overloaded", detail, retry_after_s=5.0)
        stream = FrameStream(source, after, texts, self._bounds.heartbeat_s)
        self._streams.add(stream)
        self._metrics.watchers += 1
        try:
            async with EventWriter(request, self._bounds) as writer:
                await stream.run(writer)
            self._metrics.watchers_closed_slow += writer.is_slow
            return writer.response
        finally:
            self._metrics.watchers -= 1
            self._streams.discard(stream)
            self._addresses.leave(address)


class FrameStream:
    def __init__(self, source: FrameSource, after: int, texts: bool, heartbeat_s: float) -> None:
        self._source = source
        self._after = after
        self._texts = texts
        self._heartbeat_s = heartbeat_s
        self._changed = asyncio.Event()
        self._stopped = ""

    def stop(self, reason: str) -> None:
        self._stopped = reason
        self._changed.set()

    async def run(self, writer: EventWriter) -> None:
        self._source.listen(self._changed.set)
        try:
            await self._write_all(writer)
        finally:
            self._source.leave(self._changed.set)

    async def _write_all(self, writer: EventWriter) -> None:
        while not self._stopped:
            self._changed.clear()
            rows = self._source.after(self._after, PAGE_MAX)
            for row in rows:
                kind = "not_kept" if row.kind == "not_kept" else "frame"
                data = orjson.dumps(shown(row, self._texts))
                await writer.write(kind, data, str(row.n))
                self._after = row.n
            if rows:
                continue
            if self._source.is_over:
                await writer.farewell("over", orjson.dumps({"kind": "over", "n": self._after}))
                return
            await self._wait(writer)
        reason = f"{self._stopped}; resume after {self._after}"
        closed = {"kind": "closed", "reason": reason, "n": self._after}
        await writer.farewell("closed", orjson.dumps(closed))

    async def _wait(self, writer: EventWriter) -> None:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await self._changed.wait()
        except TimeoutError:
            await writer.beat()


def shown(row: FrameRow, texts: bool) -> dict[str, Any]:
    """As JSON; what a row of this kind does not have is left out where it is optional."""
    found: dict[str, Any] = {
        "n": row.n,
        "at": row.at_ms,
        "direction": row.direction,
        "kind": row.kind,
        "connection": row.connection,
        "bytes": row.size_bytes,
        "class": row.name,
        "code": row.code,
        "tracing_id": row.tracing_id,
        "command_id": row.command_id,
        "seq": row.seq,
        "cut": row.cut,
    }
    if row.repeated:
        found["repeated"] = True
    if row.kind == "text" and texts:
        found["text"] = row.text
    elif row.kind == "open":
        found |= {"attempt": row.attempt, "host": row.host, "address": row.address}
    elif row.kind == "close":
        found |= {"attempt": row.attempt, "by": row.by, "reason": row.reason}
    elif row.kind == "not_kept":
        found["count"] = row.count
    return found


def _resumed_after(call: ApiCall[FrameQuery, None]) -> int:
    """Last-Event-ID, which a returning EventSource sends, wins over `after`."""
    last = call.request.headers.get("Last-Event-ID", "")
    if not last:
        return call.query.after
    if not (last.isascii() and last.isdigit() and len(last) <= 15):
        raise Problem(
            422, "invalid", "is the last n you have, a whole number from 0", field="Last-Event-ID"
        )
    return int(last)
