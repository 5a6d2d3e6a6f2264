"""The HTTP port of a load run: the console's page with its load view, and the routes under
`/v1/load`. Loopback only, as long as the run lasts, and without what needs a daemon."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from ..console.page_server import page
from ..model.errors import CommandError
from ..model.load_runs import LoadRun
from ..observe.metrics import Metrics
from ..runtime.clock import epoch_ms
from .connections import CHUNK_BYTES, Connections, limits_of
from .console import console_routes, is_console
from .control.info import DaemonFacts, InfoRoutes
from .control.load import LoadFollowers, LoadRoutes
from .control.route_table import PREFIX, RouteTable
from .control.routes import Route
from .control.stream import StreamBounds
from .control.stream_places import StreamPlaces
from .control.watch import WatchRoutes
from .control.watch_topics import LoadTopics
from .head_check import check_heads
from .listening import BACKLOG, LOCALHOST_ADDRESSES, bind_all
from .origin_check import OriginCheck
from .problems import Problem, problem_of
from .settings import ApiSettings, SimulatorSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: How long those who look are waited for at the end, so that they see it.
FAREWELL_S = 1.0
#: Pages and programs that look at one run. Each connection is a few KiB; a person has a few tabs.
CONNECTIONS_MAX, WATCHERS_MAX = 256, 64


class LoadServer:
    """`listen`, `start`, `stop`. Who connects before the start is answered after it."""

    def __init__(self, runs: Sequence[LoadRun]) -> None:
        self._followers = LoadFollowers(runs)
        self._metrics = Metrics()
        self._settings = ApiSettings(
            connections_max=CONNECTIONS_MAX,
            connections_per_address_max=CONNECTIONS_MAX,
            watchers_max=WATCHERS_MAX,
            watchers_per_address_max=WATCHERS_MAX,
        )
        self._origin_check = OriginCheck(SimulatorSettings())
        self._connections = Connections(limits_of(self._settings), self._metrics)
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOCALHOST_ADDRESSES[0]}:{self.port}/"

    def listen(self, port: int) -> None:
        """0 takes a free one. Raises CommandError."""
        try:
            self._sockets = bind_all(LOCALHOST_ADDRESSES, port)
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            why = "is already in use" if is_taken else f"cannot be had: {error.strerror or error}"
            raise CommandError(f"--console: port {port} {why}; 0 takes a free one") from None
        self.port = self._sockets[0].getsockname()[1]

    async def start(self, facts: DaemonFacts) -> None:
        routes = self._routes(facts)
        self._table = RouteTable(routes, self._settings, self._metrics)
        app = web.Application(
            middlewares=[self._middleware()], client_max_size=self._settings.body_bytes_max
        )
        app.add_routes([web.get("/", self._page), web.get("/readyz", self._ready)])
        self._table.add_to(app)
        app.add_routes(console_routes())
        self._runner = runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=FAREWELL_S,
            read_bufsize=CHUNK_BYTES,
        )
        await runner.setup()
        assert runner.server is not None
        check_heads(runner.server)
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            self._servers.append(
                await loop.create_server(
                    self._connections.guard(runner.server), sock=one, backlog=BACKLOG
                )
            )

    async def stop(self) -> None:
        """The run is over, or will not begin. A page that is open sees the end and stays as it
        is; it is not waited for."""
        if all(one.is_over for one in self._followers.runs):
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._followers.gone()
        for server in self._servers:
            server.close()
        for one in self._sockets:
            one.close()
        if self._runner is not None:
            self._watch.close()
            await self._runner.cleanup()
        self._connections.close()

    def _routes(self, facts: DaemonFacts) -> list[Route]:
        settings, metrics = self._settings, self._metrics
        bounds = StreamBounds(
            events_max=0, bytes_max=0, write_timeout_s=10.0, heartbeat_s=settings.heartbeat_s
        )
        places = StreamPlaces(settings, metrics)
        self._watch = WatchRoutes(LoadTopics(self._followers), settings, bounds, places)
        routes = [
            *LoadRoutes(self._followers, places, bounds, metrics).routes(),
            *self._watch.routes(),
        ]
        info = InfoRoutes(facts, settings.body_bytes_max, epoch_ms, lambda: routes)
        return [*routes, *info.routes()]

    # ------------------------------------------------------------------ requests

    def _middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            with self._connections.busy(request.transport):
                try:
                    return await self._answer(request, handler)
                except ConnectionResetError:  # the client has disconnected
                    return web.Response()
                except web.HTTPException:
                    raise
                except Exception as error:
                    return problem_of(error).answer(request.path)

        return check

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        is_api = request.path.startswith(PREFIX)
        refused = self._origin_check.refusal(request)
        if refused is None and (is_api or is_console(request.path)):
            refused = self._origin_check.cross_site_refusal(request)
        if refused is not None:
            return Problem(refused.status, refused.code, refused.text).answer(request.path)
        if is_api:
            return await self._table.guard(request, handler, trusted=False)
        return await handler(request)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return page(request)

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"ready": True})
