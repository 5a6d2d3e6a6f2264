"""The control API of a daemon: all its routes, and what they are given."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from ...model.emulator_admin import EmulatorAdmin
from ...model.file_spool import FileSpool
from ...model.overview import BudgetView
from ...model.ports import Downloader, Fleet, Operations, Webhooks
from ...observe.metrics import Metrics
from ...runtime.clock import epoch_ms
from ...runtime.process_figures import open_files, open_files_max, process_figures
from ..changes import ChangeFeed
from ..console_tickets import ConsoleAccess
from ..feed import FeedBounds, Feeds
from ..openapi import document
from ..problems import Problem
from ..settings import ApiSettings
from ..stats_history import StatsHistory
from .attachments import AttachmentRoutes
from .changes import ChangesRoutes
from .commands import CommandRoutes
from .console import ConsoleTicketRoutes
from .descriptions import DescriptionRoutes
from .events import EventRoutes
from .explain import ExplainRoutes
from .files import FileRoutes
from .fleet_events import FleetEventRoutes
from .frames import FrameRoutes
from .info import DaemonFacts, InfoRoutes
from .load import LoadFollowers, LoadRoutes
from .messages import MessageRoutes
from .operations import OperationRoutes
from .route_table import Handler, RouteTable
from .sessions import SessionRoutes
from .stats import StatsRoutes
from .stream import StreamBounds
from .stream_places import StreamPlaces
from .watch import WatchRoutes
from .watch_topics import Topics
from .webhooks import DeliveryRoutes


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
        feeds = feeds or Feeds(ports.fleet, ports.metrics, FeedBounds())
        self._events = EventRoutes(ports.fleet, ports.metrics, settings, bounds, feeds)
        life, named = secrets.token_hex(4), ports.facts.name_required
        self.changes = ChangeFeed(lambda: ports.fleet.overview, ports.now_ms, life)
        self.stats = StatsHistory(ports.metrics, ports.now_ms, process_figures)
        places = StreamPlaces(settings, ports.metrics)
        self._fleet_events = FleetEventRoutes(ports.fleet, feeds.held, places, bounds)
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
            *self._fleet_events.routes(),
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
            *LoadRoutes(LoadFollowers(), places, bounds, ports.metrics).routes(),
            *DescriptionRoutes(self._document, ports.platform_asyncapi).routes(),
            *ConsoleTicketRoutes(ports.console).routes(),
        ]
        self._table = RouteTable(self.routes, settings, ports.metrics)

    def _document(self) -> bytes:
        return document(self.routes, has_token=bool(self._settings.token))

    def add_to(self, app: web.Application) -> None:
        self._table.add_to(app)

    def start(self) -> None:
        """On the loop: begin to keep figures."""
        self.stats.start()

    def close(self) -> None:
        self._watch.close()
        self._events.close()
        self._fleet_events.close()
        self.changes.close()
        self.stats.close()
        self._frames.close()

    async def guard(
        self, request: web.Request, handler: Handler, trusted: bool
    ) -> web.StreamResponse:
        """Turns every error into a problem document."""
        if not trusted and not self._settings.tcp:
            handler = self._not_on_tcp
        return await self._table.guard(request, handler, trusted)

    async def _not_on_tcp(self, request: web.Request) -> web.StreamResponse:
        where = (
            "served on the Unix socket only (api.unix_socket)"
            if self._settings.unix_socket
            else "served nowhere: set api.unix_socket, or api.tcp to true"
        )
        detail = f"api.tcp is false, so the control API is {where}"
        raise Problem(404, "not_configured", detail)


def open_files_budget() -> BudgetView:
    return BudgetView("open_files", open_files(), open_files_max())
