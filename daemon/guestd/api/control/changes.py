"""What changes in the whole fleet: as one batch of JSON, or as a stream of server-sent events.

    GET /v1/changes    Accept: text/event-stream, and Last-Event-ID

    id: 5f0c-213
    event: changes
    data: {"at": 1770000000000, "reset": false, "counts": {"live": 4913},
           "changed": [["c1a2…", "live", 31, 1769999999990, 0, 0]], "gone": []}

There are no texts in it: those are asked for the rows on a screen, by `GET /v1/sessions?ids=`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from ...model.errors import CommandError
from ...observe.metrics import Metrics
from ..changes import ChangeFeed, ChangeSubscription
from ..problems import Problem
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import QueryParameters
from .sse import MEDIA_TYPE, EventWriter
from .stream import StreamBounds
from .stream_places import StreamPlaces

_CLOSED = b'{"kind":"closed","reason":"guestd is shutting down"}'


class ChangesQuery(QueryParameters):
    after: str = Field(
        default="",
        max_length=40,
        description="The `next` of the batch before, or the id of the last event; Last-Event-ID"
        " counts more.",
    )


class Changes(BaseModel):
    """What changed since `after`. With `reset` it is not known what was before, and the list has to
    be loaded anew; so it is without `after`."""

    at: int = Field(description="The daemon's time, in milliseconds since 1970.")
    reset: bool
    counts: dict[str, int] = Field(description="Guest sessions by state.")
    changed: list[Annotated[list[str | int], Field(min_length=6, max_length=6)]] = Field(
        description="[id, state, seq, time of the newest event, waiting, uncertain] of each."
    )
    gone: list[str] = Field(description="Ids of those that have ended.")
    next: str = Field(description="The `after` of the next batch.")


class ChangesRoutes:
    def __init__(
        self, feed: ChangeFeed, places: StreamPlaces, bounds: StreamBounds, metrics: Metrics
    ) -> None:
        self._feed = feed
        self._bounds = bounds
        self._metrics = metrics
        self._places = places

    def routes(self) -> list[Route]:
        batch = RouteResponse(
            "One batch, or a stream of them.", Changes, media={MEDIA_TYPE: "A stream without end."}
        )
        summary = "What changes in the fleet: a batch, or a stream with Accept: text/event-stream"
        return [
            Route(
                "GET",
                "/v1/changes",
                "readChanges",
                summary,
                self._read,
                {200: batch},
                "sessions",
                query=ChangesQuery,
                long=True,
            )
        ]

    async def _read(self, call: ApiCall[ChangesQuery, None]) -> web.StreamResponse:
        if MEDIA_TYPE not in call.request.headers.get("Accept", ""):
            watcher = self._subscribe(call.query.after, "query.after")
            try:
                batch = self._feed.batch_after(watcher.start)
            finally:
                watcher.close()
            return answer({**batch.shown(), "next": self._feed.cursor_of(batch)})
        resumed = call.request.headers.get("Last-Event-ID", "")
        field = "Last-Event-ID" if resumed else "query.after"
        with self._places.taken(call.request):
            watcher = self._subscribe(resumed or call.query.after, field)
            try:
                return await self._follow(call.request, watcher)
            finally:
                watcher.close()

    async def _follow(
        self, request: web.Request, watcher: ChangeSubscription
    ) -> web.StreamResponse:
        async with EventWriter(request, self._bounds) as client:
            while True:
                try:
                    async with asyncio.timeout(self._bounds.heartbeat_s):
                        batch = await watcher.next()
                except TimeoutError:
                    await client.beat()
                    continue
                if batch is None:
                    await client.farewell("closed", _CLOSED)
                    break
                await client.write("changes", batch.data, self._feed.cursor_of(batch))
        self._metrics.watchers_closed_slow += client.is_slow
        return client.response

    def _subscribe(self, cursor: str, field: str) -> ChangeSubscription:
        try:
            return self._feed.subscribe(cursor)
        except CommandError as error:
            raise Problem(422, "invalid", f"{field}: {error}", field=field) from None
