"""The HTTP port: the simulator at `/`, health and metrics beside it, the control API under `/v1/`,
which a Unix socket may serve too. All routes are in one table."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from .. import __version__
from ..console.page_server import page, wants_page
from ..model.emulator_admin import EmulatorAdmin
from ..model.errors import CommandError, ConfigError
from ..model.file_spool import FileSpool
from ..model.overview import BudgetView
from ..model.ports import Downloader, Fleet, Operations, Webhooks
from ..observe.exposition import exposition_for
from ..observe.metrics import Metrics
from . import cross_origin, try_page
from .connections import CHUNK_BYTES, Connections, limits_of
from .console import client_routes, console_routes, is_console
from .console_tickets import ConsoleAccess
from .control import unix_socket
from .control.bearer_auth import check_exposure
from .control.control import ControlApi, ControlPorts
from .control.info import DaemonFacts
from .control.route_table import PREFIX
from .control.stream import StreamBounds
from .emulator_routes import EmulatorRoutes, is_emulators
from .feed import FeedBounds, Feeds
from .head_check import check_heads
from .listening import BACKLOG, LOCALHOST_ADDRESSES, listen_on
from .origin_check import AccessRefusal, OriginCheck
from .problems import Problem, problem_of
from .refusal_log import RefusalLog
from .settings import ApiSettings, SimulatorSettings
from .simulator import SimulatorServer
from .tokens import check_simulator_exposure, simulator_refusal, text_of, warn_if_open

WELCOME = """guestd's simulator: connect a WebSocket to this address and talk as a guest.

    ws://{host}/?guest=ana            pick or create the guest session "ana"
    ws://{host}/?guest=ana&since=12   and get what came after seq 12

    {{"action": "send", "text": "Where is my parcel?"}}

Also here: the console in a browser  /docs (the control API, to try it)  /client.js
           /v1/openapi.json  /v1/asyncapi.json  /healthz  /readyz  /metrics
"""

NOTHING_HERE = (
    "nothing is served at this path; the console and the simulator's WebSocket are at /, the"
    " control API is below /v1\n"
)


class HttpServer:
    """Start it, read `url`, stop it. `health` gives what /healthz shows, `jwks` what
    /.well-known/jwks.json does."""

    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        settings: SimulatorSettings,
        draw_id: Callable[[], str],
        health: Callable[[], dict[str, Any]],
        jwks: Callable[[], dict[str, Any]] | None = None,
        api: ApiSettings | None = None,
        operations: Operations | None = None,
        spool: FileSpool | None = None,
        webhooks: Webhooks | None = None,
        readiness: Callable[[], dict[str, Any]] | None = None,
        emulator: EmulatorAdmin | None = None,
        platform_asyncapi: Callable[[], bytes] | None = None,
        facts: DaemonFacts | None = None,
        budgets: Callable[[], Sequence[BudgetView]] = tuple,
        downloader: Downloader | None = None,
    ) -> None:
        self._fleet = fleet
        self._downloader = downloader
        self._metrics = metrics
        self._settings = settings
        self._health = health
        self._readiness = readiness or (lambda: {"ready": fleet.is_ready()})
        self._jwks = jwks
        self._origin_check = OriginCheck(settings)
        self._refusals = RefusalLog(settings)
        feeds = Feeds(fleet, metrics, _feed_bounds(settings))
        self._simulator = SimulatorServer(fleet, metrics, settings, draw_id, feeds, spool)
        self._api = api = api or ApiSettings()
        bounds = StreamBounds(
            settings.queue_events_max,
            settings.queue_bytes_max,
            settings.write_timeout_s,
            api.heartbeat_s,
        )
        ports = ControlPorts(fleet, metrics, draw_id, operations, spool, webhooks)
        more = replace(ports, facts=facts or DaemonFacts(), budgets=budgets, emulator=emulator)
        more = replace(more, downloader=downloader, platform_asyncapi=platform_asyncapi)
        more = replace(more, console=self._console_access())
        self._control = ControlApi(more, api, bounds, feeds)
        self._emulator = EmulatorRoutes(emulator, api, metrics)
        self._connections = Connections(limits_of(api), metrics)
        self._runners: list[web.AppRunner] = []
        self._servers: list[asyncio.Server] = []
        self._unix_socket: Path | None = None
        self.port = settings.port

    @property
    def url(self) -> str:
        """Where to reach it from this machine; localhost as its first address, which every client
        understands."""
        host = self._settings.host
        if host == "localhost":
            host = LOCALHOST_ADDRESSES[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def _console_access(self) -> ConsoleAccess | None:
        if not self._api.tcp:
            return None
        return ConsoleAccess(
            lambda: self.url, text_of(self._api.token), text_of(self._settings.token)
        )

    async def start(self) -> None:
        """Listen. Raises ConfigError if the port or the Unix socket is not available, or if access
        would be open to anyone."""
        settings, api = self._settings, self._api
        check_exposure(settings.host, api)
        check_simulator_exposure(settings)
        warn_if_open(settings)
        sockets = await listen_on(settings.host, settings.port)
        self.port = sockets[0].getsockname()[1]
        await self._serve(await self._new_runner(api.tcp, trusted=False), *sockets)
        self._control.start()
        if api.unix_socket:
            await self._open_unix_socket(Path(api.unix_socket))

    async def _serve(self, runner: web.AppRunner, *sockets: socket.socket) -> None:
        assert runner.server is not None
        loop = asyncio.get_running_loop()
        for one in sockets:
            server = await loop.create_server(
                self._connections.guard(runner.server), sock=one, backlog=BACKLOG
            )
            self._servers.append(server)

    async def _open_unix_socket(self, path: Path) -> None:
        try:
            listener = unix_socket.listen_on(path)
        except ConfigError:
            await self._clean_up()
            raise
        runner = await self._new_runner(has_control=True, trusted=True)
        await self._serve(runner, listener)
        self._unix_socket = path

    async def _new_runner(self, has_control: bool, trusted: bool) -> web.AppRunner:
        """`trusted`: the operating system has decided already who may connect."""

        @web.middleware
        async def check(
            request: web.Request, handler: Callable[[web.Request], Any]
        ) -> web.StreamResponse:
            with self._connections.busy(request.transport):
                return await self._check(request, handler, trusted)

        app = web.Application(middlewares=[check], client_max_size=self._api.body_bytes_max)
        if not trusted:
            app.on_response_prepare.append(cross_origin.add_headers)
        app.add_routes(
            [
                web.get("/", self._entrance(has_control, trusted)),
                web.get("/healthz", self._healthz),
                web.get("/livez", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._scrape),
            ]
        )
        app.add_routes(client_routes())
        if self._jwks is not None:
            app.add_routes([web.get("/.well-known/jwks.json", self._public_keys)])
        if has_control:
            self._control.add_to(app)
            app.add_routes(self._emulator.routes())
            app.add_routes(try_page.routes())
            app.add_routes(console_routes())
        # Idle connections are closed by `Connections`; aiohttp's own timer must not come before it
        # in the middle of a head.
        later_s = self._api.keepalive_timeout_s + 2 * self._api.head_timeout_s
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=2.0,
            keepalive_timeout=later_s,
            read_bufsize=CHUNK_BYTES,
        )
        await runner.setup()
        assert runner.server is not None
        check_heads(runner.server)
        self._runners.append(runner)
        return runner

    async def stop(self) -> None:
        if not self._runners:
            return
        self._control.close()
        await self._simulator.close()
        if self._downloader is not None:
            await self._downloader.close()
        await self._clean_up()

    async def _clean_up(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        self._connections.close()
        if self._unix_socket is not None:
            unix_socket.remove(self._unix_socket)
            self._unix_socket = None

    async def _check(
        self, request: web.Request, handler: Callable[[web.Request], Any], trusted: bool
    ) -> web.StreamResponse:
        try:
            answer = await self._answer(request, handler, trusted)
        except ConnectionResetError:  # the client has disconnected
            return web.Response()
        except web.HTTPNotFound:
            answer = web.Response(status=404, text=NOTHING_HERE)
        except web.HTTPException:
            raise
        except Exception as error:
            answer = self._failed(request, error)
        if not request.content.is_eof() and not answer.prepared:
            answer.force_close()  # an unread body must not be parsed as the next request
        return answer

    async def _answer(
        self, request: web.Request, handler: Callable[[web.Request], Any], trusted: bool
    ) -> web.StreamResponse:
        path = request.path
        is_control = f"{path}/".startswith(PREFIX) or is_emulators(path)
        if not trusted:
            refused = self._origin_check.refusal(request)
            if refused is None and (is_control or is_console(request.path)):
                refused = self._origin_check.cross_site_refusal(request)
            if refused is not None:
                return await self._refuse(request, refused)
            cross_origin.allow(request)
            if (found := cross_origin.preflight(request)) is not None:
                return found
        if is_control:
            return await self._control.guard(request, handler, trusted)
        if request.path != "/" and _is_websocket(request):
            return await self._refuse_path(request)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _refuse(self, request: web.Request, refused: AccessRefusal) -> web.StreamResponse:
        """The simulator tells a page on its socket; every other client can read the answer."""
        self._refusals.tell(refused)
        if request.path.startswith(PREFIX) or is_emulators(request.path):
            return Problem(refused.status, refused.code, refused.text).answer(request.path)
        if request.path == "/" and _is_page(request) and _is_websocket(request):
            return await self._refuse_socket(request, refused.text, refused.code)
        return web.Response(status=refused.status, text=f"{refused.text}\n")

    async def _refuse_path(self, request: web.Request) -> web.StreamResponse:
        """Of a WebSocket that is not at `/`, where the simulator is."""
        text = f"no WebSocket is served at this path; connect to ws://{request.host}/?guest=NAME"
        if _is_page(request):
            return await self._refuse_socket(request, text, "not_found")
        return web.Response(status=404, text=f"{text}\n")

    async def _refuse_socket(
        self, request: web.Request, text: str, code: str
    ) -> web.StreamResponse:
        """Where a page can read it: it sees nothing of a refused handshake."""
        received = self._connections.received_bytes(request.transport)
        return await self._simulator.serve(request, received, CommandError(text, code=code))

    def _failed(self, request: web.Request, error: Exception) -> web.StreamResponse:
        """An error of ours outside the control API."""
        self._metrics.http_internal_errors += 1
        problem = problem_of(error)
        if request.writer.output_size and request.transport is not None:
            # half an answer is sent: only closing the connection can say that it failed
            request.transport.abort()
        return problem.answer(request.path)

    def _entrance(self, has_console: bool, trusted: bool) -> Callable[[web.Request], Any]:
        """Of `/`: the simulator for a WebSocket, the console's page for a browser. The page is the
        same for everyone and knows nothing; its token it asks for."""

        async def enter(request: web.Request) -> web.StreamResponse:
            if has_console and wants_page(request) and not _is_websocket(request):
                return page(request)
            return await (self._front if trusted else self._front_with_token)(request)

        return enter

    async def _front_with_token(self, request: web.Request) -> web.StreamResponse:
        refused = simulator_refusal(request, text_of(self._settings.token))
        if refused is None:
            return await self._front(request)
        if not (_is_page(request) and _is_websocket(request)):
            return refused
        return await self._refuse_socket(request, (refused.text or "").strip(), "unauthorized")

    async def _front(self, request: web.Request) -> web.StreamResponse:
        if _is_websocket(request):
            return await self._simulator.serve(
                request, self._connections.received_bytes(request.transport)
            )
        return web.Response(text=WELCOME.format(host=request.host), headers={"Vary": "Accept"})

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "up", "version": __version__, **self._health()})

    async def _readyz(self, request: web.Request) -> web.Response:
        found = self._readiness()
        return web.json_response(found, status=200 if found["ready"] else 503)

    async def _public_keys(self, request: web.Request) -> web.Response:
        """The keys that guest tokens are checked with (GUEST-2). A rotation must be seen at once,
        so the answer must not be cached."""
        assert self._jwks is not None
        headers = {"Cache-Control": "no-cache"}
        return web.json_response(
            self._jwks(), content_type="application/jwk-set+json", headers=headers
        )

    async def _scrape(self, request: web.Request) -> web.Response:
        body, content_type = exposition_for(self._metrics, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _is_page(request: web.Request) -> bool:
    """Browsers send an Origin with every WebSocket, and hide the answer if it is a refusal."""
    return "Origin" in request.headers


def _feed_bounds(settings: SimulatorSettings) -> FeedBounds:
    return FeedBounds(settings.queue_events_max, settings.queue_bytes_max, settings.held_bytes_max)
