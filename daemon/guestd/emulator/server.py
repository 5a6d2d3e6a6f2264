"""The running emulator: one port, the world behind it, the faults between them."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import ssl
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ..console.page_server import wants_page
from . import cross_origin
from .admin.guard import AdminGuard
from .admin.guest_admin import guest_admin_routes
from .admin.platform_admin import platform_admin_routes
from .admin.routes import NOTE, PREFIX, served, to_page
from .client_url import HeaderValues, TrustedProxies
from .core import agent_runner
from .core.faults import FaultInjector
from .core.records import CloseConnection, Effect, Json, SendFrame, StartTimer
from .core.world import World
from .demux import ProtocolDemux
from .guest_api.connection import GuestConnection
from .platform_api.api import PlatformApi
from .platform_api.http_routes import platform_routes
from .platform_api.upload_storage import UploadStorage
from .received import ReceivedTexts
from .settings import EmulatorSettings
from .stall import Stall
from .tls import ensure_certificate

logger = logging.getLogger("guestd.emulator")

BANNER = "not-the-platform"


class Emulator:
    """A local stand-in for Genesys Cloud. `async with Emulator(settings) as emulator:`, then
    `emulator.url`.

    `url` is http(s)://host:port and serves REST, configuration, storage and control; `ws_url` is
    the same for WebSockets."""

    def __init__(
        self, settings: EmulatorSettings | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings or EmulatorSettings()
        self.now = clock
        self.faults = FaultInjector(self.settings.seed, self.settings.faults)
        self.world = World(self.settings, self._equal_time, self._forget_file)
        self.world.rejoined = self.faults.restored
        self.faults.names_of = self._names_of
        self.faults.conversation_of = self._conversation_of
        self.faults.noticed = self.world.events.injection
        self.stall = Stall()
        self.platform_api = PlatformApi(self.world)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.connect_times: deque[float] = deque(maxlen=100_000)
        self.journal = ReceivedTexts(self.settings.journal_entries_max)
        self.connections: dict[int, GuestConnection] = {}
        self.demuxes: set[ProtocolDemux] = set()
        self._guard = self._new_guard()
        self._proxies = TrustedProxies(self.settings.trusted_proxies)
        self._slow_timer: asyncio.TimerHandle | None = None
        self.port = 0
        self.ca_file: str | None = None
        self._servers: list[asyncio.Server] = []
        self._runner: web.AppRunner | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._age_timer: asyncio.TimerHandle | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    def _new_guard(self) -> AdminGuard:
        return AdminGuard(
            (*self.settings.control_hosts, self.settings.host), self.settings.control_origins
        )

    def apply_settings(self, settings: EmulatorSettings) -> None:
        """Take effect at once; those of `setting_list.AT_START` at the next start."""
        if settings.faults != self.settings.faults:
            self.faults.set(settings.faults, self.now())
        if settings.journal_entries_max != self.settings.journal_entries_max:
            self.journal.resize(settings.journal_entries_max)
        if settings.queues != self.settings.queues:
            self.platform_api.queues.add_all(settings.queues)
        self.world.apply_settings(settings)
        self.settings = settings
        self.storage.bytes_max = settings.upload_bytes_max
        self._guard = self._new_guard()
        self._proxies = TrustedProxies(settings.trusted_proxies)

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError if the address cannot be bound."""
        self.loop = asyncio.get_running_loop()
        self.faults.begin(self.now())
        self._folder = tempfile.TemporaryDirectory(prefix="guestd-emulator-")
        self.storage = UploadStorage(self._folder.name, self.settings.upload_bytes_max)
        app = web.Application(
            middlewares=[self._banner, self._guard_control], client_max_size=1024 * 1024
        )
        app.on_response_prepare.append(self._open_to_pages)
        app.add_routes(served([*guest_admin_routes(self), *platform_admin_routes(self)]))
        app.add_routes([web.get("/", _entrance), web.get("/healthz", _health)])
        app.add_routes(platform_routes(self))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        await self._runner.setup()
        try:
            await self._listen(self._tls())
        except BaseException:
            await self.stop()
            raise
        self.world.base_url = self.url
        self._warn_if_open()
        self._close_slow()
        self._age_timer = self.loop.call_later(1.0, self._close_old)

    async def _listen(self, tls: ssl.SSLContext | None) -> None:
        """`localhost` is both loopback addresses, on the same port; without IPv6 it is 127.0.0.1
        alone."""
        host, port = self.settings.host, self.settings.port
        addresses = ("127.0.0.1", "::1") if host == "localhost" else (host,)
        for _ in range(20):  # with port 0, until a port is free on both
            try:
                for address in addresses:
                    await self._listen_at(address, self.port or port, tls)
                return
            except OSError as error:
                self._close_servers()
                if port or error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, "no port is free on both loopback addresses")

    async def _listen_at(self, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        try:
            server = await self.loop.create_server(
                lambda: ProtocolDemux(self), address, port, ssl=tls, backlog=8192
            )
        except OSError as error:
            if not self._servers or error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
            return
        self._servers.append(server)
        self.port = server.sockets[0].getsockname()[1]

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        self.port = 0

    async def stop(self) -> None:
        """Close everything at once: sockets are aborted without waiting."""
        self.stall.end()
        for server in self._servers:
            server.close()
        if self._age_timer is not None:
            self._age_timer.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._slow_timer is not None:
            self._slow_timer.cancel()
        for demux in list(self.demuxes):
            if not demux.is_http:  # aiohttp closes its own
                demux.abort()
        for connection in list(self.connections.values()):
            connection.transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.sleep(0)
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def url(self) -> str:
        scheme = "https" if self.settings.tls_dir else "http"
        given = "127.0.0.1" if self.settings.host == "localhost" else self.settings.host
        host = f"[{given}]" if ":" in given else given
        return f"{scheme}://{host}:{self.port}"

    @property
    def ws_url(self) -> str:
        return "ws" + self.url[4:]

    def client_url(self, peer: str | None, values: HeaderValues) -> str:
        return self._proxies.client_url(self.url, peer, values)

    def about(self, url: str) -> Json:
        """What a client must know that finds it at this URL, the secret of its first OAuth client
        included."""
        deployment = self.settings.deployments[0].id
        client, secret = next(iter(self.settings.oauth_clients.items()), (None, None))
        return {
            "deployment_id": deployment,
            "guest_socket_url": f"ws{url[4:]}/v1?deploymentId={deployment}",
            "api_url": url,
            "token_url": f"{url}/oauth/token",
            "client_id": client,
            "client_secret": secret,
            "queue_id": self.settings.queues[0].id if self.settings.queues else None,
        }

    def _tls(self) -> ssl.SSLContext | None:
        if self.settings.tls_dir is None:
            return None
        certificate, key, ca = ensure_certificate(self.settings.tls_dir, self.settings.tls_names)
        self.ca_file = str(ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        return context

    def _warn_if_open(self) -> None:
        try:
            loopback = ipaddress.ip_address(self.settings.host).is_loopback
        except ValueError:
            loopback = self.settings.host == "localhost"
        if not loopback:
            logger.warning(
                "the emulator listens on %s, beyond this machine: anyone there can use it",
                self.settings.host,
            )

    def http_protocol(self) -> RequestHandler:
        assert self._runner is not None and self._runner.server is not None
        return self._runner.server()

    @web.middleware
    async def _banner(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        response.headers["X-Guestd-Emulator"] = BANNER
        return response

    @web.middleware
    async def _guard_control(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        if cross_origin.is_control(request):
            refused = self._guard.refuse(request)
            if refused is not None:
                return refused
        if (preflight := cross_origin.preflight(request)) is not None:
            return preflight
        found: web.StreamResponse = await handler(request)
        return found

    async def _open_to_pages(self, request: web.Request, answer: web.StreamResponse) -> None:
        is_refused = cross_origin.is_control(request) and self._guard.refuse(request) is not None
        cross_origin.add_headers(request, answer, is_refused)

    # ------------------------------------------------------------------ what servers call

    def admit(self, demux: ProtocolDemux) -> bool:
        """False if there are as many connections as may be."""
        if len(self.demuxes) + len(self.connections) >= self.settings.connections_max:
            self.counters["connections_refused"] += 1
            return False
        self.demuxes.add(demux)
        return True

    def release(self, demux: ProtocolDemux) -> None:
        self.demuxes.discard(demux)

    def connection_opened(self, connection: GuestConnection) -> None:
        self.connections[connection.connection_id] = connection
        self.counters["connects_total"] += 1
        self.connect_times.append(self.loop.time())

    def connection_closed(self, connection: GuestConnection) -> None:
        if self.connections.pop(connection.connection_id, None) is not None:
            self.world.disconnect(connection.connection_id)

    def stalls(self) -> bool:
        if self.stall.is_on or not self.faults.has("moment"):
            return self.stall.is_on
        rule = self.faults.pick("moment", "", self.now())
        if rule is not None:
            self.stall.begin(self.loop, rule.ms / 1000.0)
        return rule is not None

    def perform(self, effects: list[Effect]) -> None:
        if self.stall.is_on:
            self.stall.wait(lambda: self.perform(effects))
            return
        for effect in effects:
            if type(effect) is SendFrame:
                connection = self.connections.get(effect.connection)
                if connection is not None:
                    connection.deliver(effect.payload, effect.message)
            elif type(effect) is StartTimer and effect.delay_s <= 0:
                self.perform(self._fire(effect.what))  # an agent that does not wait
            elif type(effect) is StartTimer:
                self._start_timer(effect)
            elif type(effect) is CloseConnection and effect.connection in self.connections:
                self.connections[effect.connection].close(effect.code, effect.reason)

    def _start_timer(self, later: StartTimer) -> None:
        handle: asyncio.TimerHandle

        def fire() -> None:
            self._timers.discard(handle)
            self._fire_when_answering(later.what)

        handle = self.loop.call_later(later.delay_s, fire)
        self._timers.add(handle)

    def _fire_when_answering(self, what: tuple[str, ...]) -> None:
        if self.stalls():
            self.stall.wait(lambda: self._fire_when_answering(what))
        else:
            self.perform(self._fire(what))

    def _fire(self, what: tuple[str, ...]) -> list[Effect]:
        if what[0] == "agent":
            return agent_runner.run_steps(self.world, what[1], self.now())
        return self.world.close_connection(int(what[1]))

    def record(self, kind: str, token: str, text: bytes, now: float) -> None:
        """Add to the journal of what was received: a bounded ring that tests read."""
        self.counters["frames_received"] += 1
        self.journal.add(now, kind, token, text)

    # ------------------------------------------------------------------ faults and orders

    def _names_of(self, token: str) -> tuple[str, str]:
        session = self.world.sessions.get(token)
        return (session.guest or session.name, session.session) if session else ("", "")

    def _conversation_of(self, token: str) -> str:
        session = self.world.sessions.get(token)
        return session.conversations[-1].id if session and session.conversations else ""

    def _equal_time(self, token: str, now: float) -> bool:
        return not self.faults.is_quiet and self.faults.pick("time", token, now) is not None

    def _forget_file(self, name: str) -> None:
        self.storage.forget(name)

    def reset(self) -> None:
        """Forget everything and close every socket; faults are cleared."""
        for connection in list(self.connections.values()):
            connection.transport.abort()
        self.connections.clear()
        self.world.reset()
        self.platform_api = PlatformApi(self.world)
        self.faults.reset(self.now())
        self.counters.clear()
        self.connect_times.clear()
        self.journal.clear()

    def _close_slow(self) -> None:
        now = self.loop.time()
        for demux in list(self.demuxes):
            demux.close_if_slow(now)
        self._slow_timer = self.loop.call_later(1.0, self._close_slow)

    def _close_old(self) -> None:
        now = self.loop.time()
        idle, age = self.settings.idle_timeout_s, self.settings.connection_age_max_s
        for connection in list(self.connections.values()) if idle or age else ():
            if (idle and now - connection.heard_at >= idle) or (
                age and now - connection.opened_at >= age
            ):
                connection.close(1001, "going away")
        self._age_timer = self.loop.call_later(1.0, self._close_old)


async def _entrance(request: web.Request) -> web.Response:
    if wants_page(request):
        return to_page(request)
    answer = {"note": NOTE, "admin": f"{PREFIX}/"}
    return web.json_response(answer, headers={"Vary": "Accept"})


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "up", "note": NOTE})
