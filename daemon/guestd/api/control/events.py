"""The events of a guest session: as pages of JSON, or as a stream of server-sent events.

    GET /v1/sessions/ana/events?after=12    Accept: text/event-stream, and Last-Event-ID

    id: 13                                           what an EventSource sends as Last-Event-ID
    event: message                                   the event's kind
    data: {"seq": 13, "kind": "message", …}

Beside the kinds of events there are `lagging` and `closed`, with the seq to resume from, and `over`
when the guest session has ended. A stream that can have no more events is answered 204, on
which an EventSource stops reconnecting; so is one that reconnects at an event that the journal
cannot read, after `closed` has said so."""

from __future__ import annotations

from aiohttp import web

from ...model.errors import Damaged, NotFound
from ...model.ports import Fleet
from ...observe.metrics import Metrics
from ..addresses import AddressCounts, address_of, share_of
from ..feed import Feed, Feeds
from ..problems import Problem
from ..settings import ApiSettings
from .lookup import session_of
from .paging import check_place, page_of
from .routes import ApiCall, Route, RouteResponse, encoded
from .schemas import EventPage, EventQuery
from .stream import EventStream, StreamBounds

MEDIA_TYPE = "text/event-stream"


class EventRoutes:
    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        settings: ApiSettings,
        bounds: StreamBounds,
        feeds: Feeds,
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._bounds = bounds
        self._feeds = feeds
        self._streams: set[EventStream] = set()
        share = share_of(settings.watchers_max, settings.watchers_per_address_max)
        self._addresses = AddressCounts(share, "event streams", "api.watchers_per_address_max")

    def routes(self) -> list[Route]:
        page = RouteResponse(
            "A page of events, or a stream of them.",
            EventPage,
            media={MEDIA_TYPE: "A stream without end."},
        )
        return [
            Route(
                "GET",
                "/v1/sessions/{session}/events",
                "readEvents",
                "Events: a page, or a stream with Accept: text/event-stream",
                self._read,
                {
                    200: page,
                    204: RouteResponse(
                        "The guest session has ended and there is no more to follow."
                    ),
                },
                "events",
                query=EventQuery,
                long=True,
            )
        ]

    def close(self) -> None:
        """Close all streams, because the daemon stops."""
        for stream in list(self._streams):
            stream.stop("guestd is shutting down")

    async def _read(self, call: ApiCall[EventQuery, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        if MEDIA_TYPE not in call.request.headers.get("Accept", ""):
            limiter = self._feeds.page_limiter
            page = await page_of(
                self._fleet, limiter, session_id, call.query.after, call.query.limit
            )
            return encoded(page.as_json("events"))
        after = _resumed_after(call)
        try:
            following = (await self._fleet.read(session_id, after, 1)).rows
        except Damaged:
            if _comes_back(call):
                return web.Response(status=204)
            raise
        if not following:
            try:
                self._fleet.view(session_id)
            except NotFound:
                return web.Response(status=204)
            await check_place(self._fleet, session_id, after)
        if len(self._streams) >= self._settings.watchers_max:
            self._metrics.count_refused_frontend("full")
            detail = f"{self._settings.watchers_max} streams are open already (api.watchers_max)"
            raise Problem(503, "overloaded", detail, retry_after_s=5.0)
        return await self._follow(call.request, session_id, after)

    async def _follow(
        self, request: web.Request, session_id: str, after_seq: int
    ) -> web.StreamResponse:
        address = address_of(request)
        if not self._addresses.enter(address):
            self._metrics.count_refused_frontend("address")
            limit = f"{self._addresses.per_address_max} streams (api.watchers_per_address_max)"
            raise Problem(503, "overloaded", f"this address has {limit} already", retry_after_s=5.0)
        stream = EventStream(Feed(self._feeds, session_id), self._bounds, self._metrics)
        self._streams.add(stream)
        self._metrics.watchers += 1
        try:
            return await stream.run(request, after_seq)
        finally:
            self._metrics.watchers -= 1
            self._streams.discard(stream)
            self._addresses.leave(address)


def _comes_back(call: ApiCall[EventQuery, None]) -> bool:
    """An EventSource that reconnects, and would do so for ever: the event `closed` has told it
    why."""
    return "Last-Event-ID" in call.request.headers


def _resumed_after(call: ApiCall[EventQuery, None]) -> int:
    """Last-Event-ID, which a returning EventSource sends beside the address it first used, wins
    over `after`."""
    last = call.request.headers.get("Last-Event-ID", "")
    if not last:
        return call.query.after
    if not (last.isascii() and last.isdigit() and len(last) <= 15):
        raise Problem(
            422, "invalid", "is the last seq you have, a whole number from 0", field="Last-Event-ID"
        )
    return int(last)
