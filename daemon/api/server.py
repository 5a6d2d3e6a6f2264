"""The HTTP port: the simulator at `/`, health and metrics beside it. All routes stand in one table."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from aiohttp import web

from .. import __version__
from ..model.errors import ConfigError
from ..model.ports import Fleet
from ..observe.metrics import Metrics
from .doorkeeper import Doorkeeper
from .settings import ApiSettings
from .simulator import Simulator
from .spool import Spool

WELCOME = """guestd's simulator: connect a WebSocket to this address and talk as a guest.

    ws://{host}/?guest=ana            pick or create the guest session "ana"
    ws://{host}/?guest=ana&since=12   and get what came after seq 12

    {{"action": "send", "text": "Where is my parcel?"}}

Also here: /healthz  /readyz  /metrics
"""


class HttpServer:
    """Start it, read `url`, stop it. `health` gives what /healthz shows."""

    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        settings: ApiSettings,
        draw_id: Callable[[], str],
        health: Callable[[], dict[str, Any]],
        spool: Spool | None = None,
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._health = health
        self._doorkeeper = Doorkeeper(settings)
        self._simulator = Simulator(fleet, metrics, settings, draw_id, spool)
        self._runner: web.AppRunner | None = None
        self.port = settings.port

    @property
    def url(self) -> str:
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises ConfigError if the port cannot be had."""
        app = web.Application(middlewares=[self._check])
        app.add_routes(
            [
                web.get("/", self._front),
                web.get("/healthz", self._healthz),
                web.get("/livez", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._scrape),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await self._runner.setup()
        settings = self._settings
        site = web.TCPSite(self._runner, settings.host, settings.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            taken = error.errno == errno.EADDRINUSE
            why = "is already in use" if taken else f"cannot be listened on: {error.strerror or error}"
            raise ConfigError(
                "simulator.port",
                f"port {settings.port} on {settings.host} {why}",
                "choose another with --port or simulator.port (0 takes a free one)",
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._simulator.close()
            await self._runner.cleanup()

    @web.middleware
    async def _check(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        refused = self._doorkeeper.refuse(request)
        if refused is not None:
            return refused
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _front(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._simulator.serve(request)
        return web.Response(text=WELCOME.format(host=request.host))

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "up", "version": __version__, **self._health()})

    async def _readyz(self, request: web.Request) -> web.Response:
        ready = self._fleet.is_ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _scrape(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})
