"""The HTTP port: the simulator at `/`, health and metrics beside it, the control API under `/v1/`, which a Unix socket may serve
as well. All routes stand in one table."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from .. import __version__
from ..model.errors import ConfigError
from ..model.ports import Fleet, Operations, Webhooks
from ..observe.exposition import exposition
from ..observe.metrics import Metrics
from .control import unixdoor
from .control.control import PREFIX, Control, Ports
from .control.entrance import check_exposure
from .control.settings import ControlSettings
from .control.stream import StreamBounds
from .doorkeeper import Doorkeeper
from .problems import Problem
from .settings import ApiSettings
from .simulator import Simulator
from .spool import Spool

WELCOME = """guestd's simulator: connect a WebSocket to this address and talk as a guest.

    ws://{host}/?guest=ana            pick or create the guest session "ana"
    ws://{host}/?guest=ana&since=12   and get what came after seq 12

    {{"action": "send", "text": "Where is my parcel?"}}

Also here: /healthz  /readyz  /metrics  /v1/openapi.json
"""


class HttpServer:
    """Start it, read `url`, stop it. `health` gives what /healthz shows, `jwks` what /.well-known/jwks.json does."""

    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        settings: ApiSettings,
        draw_id: Callable[[], str],
        health: Callable[[], dict[str, Any]],
        jwks: Callable[[], dict[str, Any]] | None = None,
        control: ControlSettings | None = None,
        operations: Operations | None = None,
        spool: Spool | None = None,
        webhooks: Webhooks | None = None,
        readiness: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._health = health
        self._readiness = readiness or (lambda: {"ready": fleet.is_ready()})
        self._jwks = jwks
        self._doorkeeper = Doorkeeper(settings)
        self._simulator = Simulator(fleet, metrics, settings, draw_id, spool)
        self._control_settings = control = control or ControlSettings()
        bounds = StreamBounds(
            settings.watcher_events_max, settings.watcher_bytes_max, settings.write_timeout_s, control.heartbeat_s
        )
        self._control = Control(Ports(fleet, metrics, draw_id, operations, spool, webhooks), control, bounds)
        self._runners: list[web.AppRunner] = []
        self._unix_door: Path | None = None
        self.port = settings.port

    @property
    def url(self) -> str:
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises ConfigError if the port or the Unix socket cannot be had, or if anybody could come in."""
        settings, control = self._settings, self._control_settings
        check_exposure(settings.host, control)
        runner = await self._new_runner(control.tcp, trusted=False)
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            await self._clean_up()
            taken = error.errno == errno.EADDRINUSE
            why = "is already in use" if taken else f"cannot be listened on: {error.strerror or error}"
            raise ConfigError(
                "simulator.port",
                f"port {settings.port} on {settings.host} {why}",
                "choose another with --port or simulator.port (0 takes a free one)",
            ) from None
        self.port = runner.addresses[0][1]
        if control.unix_socket:
            await self._open_unix_door(Path(control.unix_socket))

    async def _open_unix_door(self, path: Path) -> None:
        try:
            door = unixdoor.listen_on(path)
        except ConfigError:
            await self._clean_up()
            raise
        runner = await self._new_runner(has_control=True, trusted=True)
        await web.SockSite(runner, door, backlog=128).start()
        self._unix_door = path

    async def _new_runner(self, has_control: bool, trusted: bool) -> web.AppRunner:
        """`trusted`: whoever can connect was judged by the operating system already."""

        @web.middleware
        async def check(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
            return await self._check(request, handler, trusted)

        app = web.Application(middlewares=[check], client_max_size=self._control_settings.body_bytes_max)
        app.add_routes(
            [
                web.get("/", self._front),
                web.get("/healthz", self._healthz),
                web.get("/livez", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._scrape),
            ]
        )
        if self._jwks is not None:
            app.add_routes([web.get("/.well-known/jwks.json", self._public_keys)])
        if has_control:
            self._control.add_to(app)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def stop(self) -> None:
        if not self._runners:
            return
        self._control.close()
        await self._simulator.close()
        await self._clean_up()

    async def _clean_up(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        if self._unix_door is not None:
            unixdoor.remove(self._unix_door)
            self._unix_door = None

    async def _check(
        self, request: web.Request, handler: Callable[[web.Request], Any], trusted: bool
    ) -> web.StreamResponse:
        is_control = request.path.startswith(PREFIX)
        refused = None if trusted else self._doorkeeper.refuse(request)
        if refused is not None:
            if is_control:
                code = "no_such_host" if refused.status == 421 else "origin_refused"
                return Problem(refused.status, code, (refused.text or "").strip()).answer(request.path)
            return refused
        try:
            if is_control:
                return await self._control.guard(request, handler, trusted)
            answer: web.StreamResponse = await handler(request)
        except ConnectionResetError:  # whoever asked is gone, and nobody is left to be told
            return web.Response()
        return answer

    async def _front(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._simulator.serve(request)
        return web.Response(text=WELCOME.format(host=request.host))

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "up", "version": __version__, **self._health()})

    async def _readyz(self, request: web.Request) -> web.Response:
        found = self._readiness()
        return web.json_response(found, status=200 if found["ready"] else 503)

    async def _public_keys(self, request: web.Request) -> web.Response:
        """The keys that guest tokens are checked with (GUEST-2). A rotation is to be seen at once: nobody may keep a copy."""
        assert self._jwks is not None
        headers = {"Cache-Control": "no-cache"}
        return web.json_response(self._jwks(), content_type="application/jwk-set+json", headers=headers)

    async def _scrape(self, request: web.Request) -> web.Response:
        return web.Response(body=exposition(self._metrics), headers={"Content-Type": "text/plain; version=0.0.4"})
