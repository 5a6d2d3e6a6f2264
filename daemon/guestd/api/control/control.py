"""The control API: its table of routes, and what every request passes before its handler."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from ...model.emulator_admin import EmulatorAdmin
from ...model.file_spool import FileSpool
from ...model.overview import BudgetView
from ...model.ports import Downloader, Fleet, Operations, Webhooks
from ...observe.metrics import Metrics
from ...runtime.clock import epoch_ms
from ...runtime.process_figures import open_files, open_files_max, process_figures
from ..callers import caller_of
from ..changes import ChangeFeed
from ..console_tickets import ConsoleAccess
from ..feed import FeedBounds, Feeds
from ..openapi import document
from ..problems import problem_of
from ..settings import ApiSettings
from ..stats_history import StatsHistory
from .attachments import AttachmentRoutes
from .bearer_auth import BearerAuth
from .body_reader import BodyReader
from .changes import ChangesRoutes
from .commands import CommandRoutes
from .concurrency import ConcurrencyLimit
from .console import ConsoleTicketRoutes
from .descriptions import DescriptionRoutes
from .events import EventRoutes
from .explain import ExplainRoutes
from .files import FileRoutes
from .frames import FrameRoutes
from .idempotency import IdempotentAnswers
from .info import DaemonFacts, InfoRoutes
from .messages import MessageRoutes
from .operations import OperationRoutes
from .parsing import parse
from .routes import Route
from .sessions import SessionRoutes
from .stats import StatsRoutes
from .stream import StreamBounds
from .stream_places import StreamPlaces
from .watch import TRUSTED, WatchRoutes
from .watch_topics import Topics
from .webhooks import DeliveryRoutes

PREFIX = "/v1/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, frozen=True)
class ControlPorts:
    """The ports of the control API. None: not configured, and its routes answer so."""

    fleet: Fleet
    metrics: Metrics
    draw_id: Callable[[], str]
    operations: Operations | None = None
    spool: FileSpool | None = None
    webhooks: Webhooks | None = None
    platform_asyncapi: Callable[[], bytes] | None = None
    now_ms: Callable[[], int] = epoch_ms
    facts: DaemonFacts = field(default_factory=DaemonFacts)
    budgets: Callable[[], Sequence[BudgetView]] = tuple
    emulator: EmulatorAdmin | None = None
    downloader: Downloader | None = None
    console: ConsoleAccess | None = None


class ControlApi:
    """`add_to` an application and `start`; `guard` every request under PREFIX; `close` before the
    server stops. `changes` may be subscribed to by others, too."""

    def __init__(
        self,
        ports: ControlPorts,
        settings: ApiSettings,
        bounds: StreamBounds,
        feeds: Feeds | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = ports.metrics
        self._bearer_auth = BearerAuth(settings)
        self._bodies = BodyReader(settings, ports.metrics)
        self._answers = IdempotentAnswers()
        self._requests = ConcurrencyLimit(
            settings.requests_max,
            settings.requests_per_address_max,
            ports.metrics,
            "api.requests_max",
            "requests are in progress",
        )
        feeds = feeds or Feeds(ports.fleet, ports.metrics, FeedBounds())
        self._events = EventRoutes(ports.fleet, ports.metrics, settings, bounds, feeds)
        life, named = secrets.token_hex(4), ports.facts.name_required
        self.changes = ChangeFeed(lambda: ports.fleet.overview, ports.now_ms, life)
        self.stats = StatsHistory(ports.metrics, ports.now_ms, process_figures)
        places = StreamPlaces(settings, ports.metrics)
        self._frames = FrameRoutes(ports.fleet, ports.metrics, bounds)
        topics = Topics(ports.fleet, feeds, self.changes, self.stats, ports.emulator)
        self._watch = WatchRoutes(topics, settings, bounds, places)
        self.routes = [
            *SessionRoutes(ports.fleet, settings, ports.draw_id, ports.now_ms, named).routes(),
            *MessageRoutes(ports.fleet, feeds.page_limiter, settings, ports.draw_id).routes(),
            *AttachmentRoutes(
                ports.fleet, ports.spool, settings, ports.draw_id, ports.metrics
            ).routes(),
            *FileRoutes(ports.fleet, ports.downloader, ports.draw_id).routes(),
            *CommandRoutes(ports.fleet, feeds.page_limiter).routes(),
            *self._events.routes(),
            *ChangesRoutes(self.changes, places, bounds, ports.metrics).routes(),
            *ExplainRoutes(ports.fleet).routes(),
            *self._frames.routes(),
            *self._watch.routes(),
            *OperationRoutes(ports.operations, settings, ports.draw_id).routes(),
            *DeliveryRoutes(ports.webhooks).routes(),
            *StatsRoutes(
                ports.fleet,
                ports.metrics,
                self.stats,
                bounds,
                places,
                lambda: [places.budget(), open_files_budget(), *ports.budgets()],
                ports.now_ms,
            ).routes(),
            *InfoRoutes(
                ports.facts, settings.body_bytes_max, ports.now_ms, lambda: self.routes
            ).routes(),
            *DescriptionRoutes(self._document, ports.platform_asyncapi).routes(),
            *ConsoleTicketRoutes(ports.console).routes(),
        ]
        self._public = {(one.method, one.path) for one in self.routes if one.public}

    def _document(self) -> bytes:
        return document(self.routes, has_token=bool(self._settings.token))

    def add_to(self, app: web.Application) -> None:
        for route in self.routes:
            app.router.add_route(route.method, route.path, self._handler(route))

    def start(self) -> None:
        """On the loop: begin to keep figures."""
        self.stats.start()

    def close(self) -> None:
        self._watch.close()
        self._events.close()
        self.changes.close()
        self.stats.close()
        self._frames.close()

    async def guard(
        self, request: web.Request, handler: Handler, trusted: bool
    ) -> web.StreamResponse:
        """Turns every error into a problem document."""
        try:
            request[TRUSTED] = trusted
            if not trusted and (request.method, request.path) not in self._public:
                self._bearer_auth.check(request)
            found = await handler(request)
        except ConnectionResetError:
            raise  # the client has disconnected
        except Exception as error:
            found = problem_of(error).answer(request.path)
        if found.status == 500:
            self._metrics.http_internal_errors += 1
        counts = self._metrics.control_answers
        counts[str(found.status)] = counts.get(str(found.status), 0) + 1
        return found

    def _handler(self, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await parse(request, route, self._bodies)
            if route.long:
                return await route.handle(call)
            with self._requests.taken(caller_of(request)):
                if route.remembers and call.idempotency_key:
                    return await self._answers.once(route, call, lambda: route.handle(call))
                return await route.handle(call)

        return handle


def open_files_budget() -> BudgetView:
    return BudgetView("open_files", open_files(), open_files_max())
