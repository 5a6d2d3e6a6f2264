"""The events of many guest sessions as one stream of server-sent events.

    GET /v1/events?attribute=campaign:spring    Accept: text/event-stream

    event: message
    data: {"session_id": "c1a2…", "event": {"seq": 13, "kind": "message", …}}

It begins with what becomes durable once the answer has begun, and has no past: a stream over
thousands of guest sessions has no one place to resume from, but each of them has its seq. So a
client opens the stream first, then reads by `GET /v1/sessions/{session}/events?after=` what it has
not had (`GET /v1/sessions?fields=seq` says of which), and passes over what it knows already. After
a lost connection, and after `closed`, it does the same again.

What waits for a client is bounded by `BYTES_MAX` and by what all clients may hold; one that reads
too slowly is told `closed`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from aiohttp import web
from pydantic import Field

from ...model.journal import EventRow
from ...model.overview import Overview
from ...model.ports import Fleet
from ..byte_limit import SharedByteLimit
from ..problems import Problem
from .routes import ApiCall, Route, RouteResponse
from .schemas import QueryParameters
from .sse import MEDIA_TYPE, EventWriter
from .stream import StreamBounds
from .stream_places import StreamPlaces

#: What may wait for one client: some twenty thousand events, a burst of all guest sessions at once.
BYTES_MAX = 8_388_608
#: Handed over in one write, which has to be taken within `write_timeout_s`.
WRITE_BYTES = 65_536

_STOPPED, _SLOW = "guestd is shutting down", "too slow"


class FleetEventQuery(QueryParameters):
    attribute: str = Field(
        default="",
        max_length=512,
        description="Only of guest sessions with this custom attribute: `name:value`, or `name`.",
    )


class FleetEventRoutes:
    def __init__(
        self,
        fleet: Fleet,
        held: SharedByteLimit,
        places: StreamPlaces,
        bounds: StreamBounds,
    ) -> None:
        self._fleet, self._held = fleet, held
        self._places, self._bounds = places, bounds
        self._queues: set[FleetEventQueue] = set()

    def routes(self) -> list[Route]:
        stream = RouteResponse(
            "Events as they become durable; they have no end.",
            media={MEDIA_TYPE: "A stream without end."},
        )
        return [
            Route(
                "GET",
                "/v1/events",
                "followEvents",
                "The events of many guest sessions as one stream, with Accept: text/event-stream",
                self._follow,
                {200: stream},
                "events",
                query=FleetEventQuery,
                long=True,
            )
        ]

    def close(self) -> None:
        """The daemon stops."""
        for queue in list(self._queues):
            queue.close(_STOPPED)

    async def _follow(self, call: ApiCall[FleetEventQuery, None]) -> web.StreamResponse:
        if MEDIA_TYPE not in call.request.headers.get("Accept", ""):
            raise Problem(400, "bad_request", f"ask with Accept: {MEDIA_TYPE}")
        with self._places.taken(call.request):
            overview = self._fleet.overview
            queue = FleetEventQueue(overview, self._held, call.query.attribute)
            self._queues.add(queue)
            overview.follow(queue)
            try:
                return await self._write_all(call.request, queue)
            finally:
                overview.unfollow(queue)
                self._queues.discard(queue)
                queue.close()

    async def _write_all(self, request: web.Request, queue: FleetEventQueue) -> web.StreamResponse:
        async with EventWriter(request, self._bounds) as client:
            while not queue.closed_by:
                try:
                    async with asyncio.timeout(self._bounds.heartbeat_s):
                        events = await queue.next()
                except TimeoutError:
                    await client.beat()
                    continue
                if events:
                    await client.write_encoded(events)
            said = f'{{"kind":"closed","reason":"{queue.closed_by}"}}'
            await client.farewell("closed", said.encode())
        self._places.left(is_slow=client.is_slow or queue.closed_by == _SLOW)
        return client.response


class FleetEventQueue:
    """A `FleetFollower`, and what waits for its client. `closed_by`: why nothing more comes."""

    def __init__(self, overview: Overview, held: SharedByteLimit, attribute: str) -> None:
        self._overview, self._held = overview, held
        self._name, _, self._value = attribute.partition(":")
        self._wanted: dict[str, bool] = {}
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self.closed_by = ""

    def published(self, rows: Sequence[EventRow]) -> None:
        if self.closed_by:
            return
        for row in rows:
            if not self._name or self._is_wanted(row):
                event = encoded_event(row)
                self._waiting.append(event)
                self._bytes += len(event)
        if self._bytes > BYTES_MAX:
            self.evict()
        elif self._waiting:
            self._held.set(self, self._bytes)
            self._wake.set()

    async def next(self) -> bytes:
        """What waits, as much as one write may have; b"" when it was closed. May be cancelled:
        nothing is lost by it."""
        while not self._waiting and not self.closed_by:
            self._wake.clear()
            await self._wake.wait()
        taken, size = [], 0
        while self._waiting and size < WRITE_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._bytes -= size
        self._held.set(self, self._bytes)
        return b"".join(taken)

    def burden(self) -> float:
        return self._bytes

    def evict(self) -> None:
        self.close(_SLOW)

    def close(self, why: str = "left") -> None:
        self.closed_by = self.closed_by or why
        self._waiting.clear()
        self._bytes = 0
        self._held.remove(self)
        self._wake.set()

    def _is_wanted(self, row: EventRow) -> bool:
        """Of one that has ended it is not known any more: it is told, in case."""
        wanted = self._wanted.get(row.session_id)
        if wanted is None:
            line = self._overview.line(row.session_id)
            if line is None:
                return True
            wanted = self._wanted[row.session_id] = self._has_attribute(line.attributes)
        if row.kind == "session" and b'"state":"ended"' in row.payload:
            del self._wanted[row.session_id]
        return wanted

    def _has_attribute(self, attributes: Mapping[str, str]) -> bool:
        found = attributes.get(self._name)
        return found is not None and (not self._value or found == self._value)


def encoded_event(row: EventRow) -> bytes:
    """As a server-sent event."""
    return b'event: %b\ndata: {"session_id":"%b","event":%b}\n\n' % (
        row.kind.encode(),
        row.session_id.encode(),
        row.payload,
    )
