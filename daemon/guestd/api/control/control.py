"""The control API as a whole: its table of routes, and what every request goes through on its way
to a handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property

from aiohttp import web

from ...model.ports import Fleet, Operations, Webhooks
from ...observe.metrics import Metrics
from ..callers import caller_of
from ..feed import FeedBounds, Feeds
from ..openapi import document
from ..problems import problem_of
from ..settings import ApiSettings
from .attachments import Attachments, Spooling
from .bodies import Bodies
from .commands import Commands
from .entrance import Entrance
from .events import Events
from .messages import Messages
from .operations import OperationRoutes
from .places import Places
from .reading import understand
from .routes import Call, Outcome, Route, encoded
from .sessions import Sessions
from .stats import StatsRoutes
from .stream import StreamBounds
from .webhooks import Deliveries

PREFIX = "/v1/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, frozen=True)
class Ports:
    """What the control API speaks to. None: not wired in this daemon, and its routes say so."""

    fleet: Fleet
    metrics: Metrics
    draw_id: Callable[[], str]
    operations: Operations | None = None
    spool: Spooling | None = None
    webhooks: Webhooks | None = None


class Control:
    """`add_to` an application; `guard` every request under PREFIX; `close` before the server
    stops."""

    def __init__(
        self,
        ports: Ports,
        settings: ApiSettings,
        bounds: StreamBounds,
        feeds: Feeds | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = ports.metrics
        self._entrance = Entrance(settings)
        self._bodies = Bodies(settings, ports.metrics)
        self._requests = Places(
            settings.requests_max,
            settings.requests_per_address_max,
            ports.metrics,
            "api.requests_max",
            "requests are in progress",
        )
        feeds = feeds or Feeds(ports.fleet, ports.metrics, FeedBounds())
        self._events = Events(ports.fleet, ports.metrics, settings, bounds, feeds)
        self.routes = [
            *Sessions(ports.fleet, settings, ports.draw_id).routes(),
            *Messages(ports.fleet, feeds.turns, settings, ports.draw_id).routes(),
            *Attachments(ports.fleet, ports.spool, settings, ports.draw_id, ports.metrics).routes(),
            *Commands(ports.fleet, feeds.turns).routes(),
            *self._events.routes(),
            *OperationRoutes(ports.operations, settings, ports.draw_id).routes(),
            *Deliveries(ports.webhooks).routes(),
            *StatsRoutes(ports.fleet, ports.metrics).routes(),
            self._document_route(),
        ]

    @cached_property
    def _document(self) -> bytes:
        """Written when somebody first asks for it: it takes a quarter of a second."""
        return document(self.routes, has_token=bool(self._settings.token))

    def add_to(self, app: web.Application) -> None:
        for route in self.routes:
            app.router.add_route(route.method, route.path, self._handler(route))

    def close(self) -> None:
        self._events.close()

    async def guard(
        self, request: web.Request, handler: Handler, trusted: bool
    ) -> web.StreamResponse:
        """Every way to say no ends here as a problem document."""
        try:
            if not trusted:
                self._entrance.check(request)
            found = await handler(request)
        except ConnectionResetError:
            raise  # whoever asked is gone
        except Exception as error:
            found = problem_of(error).answer(request.path)
        if found.status == 500:
            self._metrics.http_internal_errors += 1
        counts = self._metrics.control_answers
        counts[str(found.status)] = counts.get(str(found.status), 0) + 1
        return found

    def _handler(self, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await understand(request, route, self._bodies)
            if route.long:
                return await route.handle(call)
            with self._requests.taken(caller_of(request)):
                return await route.handle(call)

        return handle

    def _document_route(self) -> Route:
        outcome = {200: Outcome("OpenAPI 3.1.", dict[str, object])}
        summary = "This description of the control API"
        return Route(
            "GET", "/v1/openapi.json", "showDescription", summary, self._describe, outcome, "about"
        )

    async def _describe(self, call: Call[None, None]) -> web.StreamResponse:
        return encoded(self._document)
