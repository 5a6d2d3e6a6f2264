"""What changes in the whole fleet: as one batch of JSON, or as a stream of server-sent events.

    GET /v1/changes    Accept: text/event-stream, and Last-Event-ID

    id: 5f0c-213
    event: changes
    data: {"at": 1770000000000, "reset": false, "counts": {"live": 4913},
           "changed": [["c1a2…", "live", 31, 1769999999990, 0, 0]], "gone": []}

There are no texts in it: those are asked for the rows on a screen, by `GET /v1/sessions?ids=`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from ...model.errors import CommandError
from ...observe.metrics import Metrics
from ..addresses import AddressCounts, address_of, share_of
from ..changes import ChangeFeed, ChangeSubscription
from ..problems import Problem
from ..settings import ApiSettings
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import QueryParameters
from .sse import MEDIA_TYPE, EventWriter
from .stream import StreamBounds

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
        self, feed: ChangeFeed, settings: ApiSettings, bounds: StreamBounds, metrics: Metrics
    ) -> None:
        self._feed = feed
        self._bounds = bounds
        self._metrics = metrics
        self._places = settings.watchers_max
        self._taken = 0
        share = share_of(settings.watchers_max, settings.watchers_per_address_max)
        self._addresses = AddressCounts(share, "streams of changes", "api.watchers_per_address_max")

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
        with self._place(call.request):
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

    @contextmanager
    def _place(self, request: web.Request) -> Iterator[None]:
        """Raises Problem if all places, or those of this address, are taken."""
        if self._taken >= self._places:
            self._metrics.count_refused_frontend("full")
            detail = f"{self._places} streams are open already (api.watchers_max)"
            raise Problem(503, "overloaded", detail, retry_after_s=5.0)
        address = address_of(request)
        if not self._addresses.enter(address):
            self._metrics.count_refused_frontend("address")
            limit = f"{self._addresses.per_address_max} streams (api.watchers_per_address_max)"
            raise Problem(503, "overloaded", f"this address has {limit} already", retry_after_s=5.0)
        self._taken += 1
        self._metrics.watchers += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._metrics.watchers -= 1
            self._addresses.leave(address)
