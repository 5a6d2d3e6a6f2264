"""The daemon and the emulator in one loop, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from daemon.api.server import HttpServer
from daemon.api.settings import ApiSettings
from daemon.api.spool import Spool, SpoolSettings
from daemon.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from daemon.journal.memory import MemoryJournal
from daemon.model.ports import DialTarget
from daemon.observe.metrics import Metrics
from daemon.platform.history import WebMessagingHistory
from daemon.platform.http import Http, HttpSettings
from daemon.session.settings import SessionSettings
from daemon.supervisor.clock import LoopClock
from daemon.supervisor.settings import SupervisorSettings
from daemon.supervisor.supervisor import Supervisor
from daemon.transport import TransportSettings, WebsocketDialer
from daemon.transport.upload import FileUploader, UploadSettings
from daemon.wire.webchat import Webchat
from daemon.wire.webmessaging import WebMessaging


@dataclass
class Town:
    """A daemon, the emulator it talks to, and the simulator in front of it."""

    emulator: Emulator
    fleet: Supervisor
    metrics: Metrics
    http: HttpServer
    spool: Spool

    @property
    def ws_url(self) -> str:
        return f"ws{self.http.url[4:]}/"

    async def until(self, condition: Callable[[], Any], timeout_s: float = 15.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)

    def live(self) -> int:
        return self.metrics.sessions.get("live", 0)


@asynccontextmanager
async def settle(
    *,
    emulator: dict[str, Any] | None = None,
    session: dict[str, Any] | None = None,
    fleet: dict[str, Any] | None = None,
    api: dict[str, Any] | None = None,
    transport: dict[str, Any] | None = None,
    dialect: str = "webmessaging",
    upload: dict[str, Any] | None = None,
    spool: dict[str, Any] | None = None,
    calls: Callable[[Emulator], Any] = lambda emulator: None,
) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(Emulator(EmulatorSettings(**(emulator or {}))))
        http_client = Http(HttpSettings(ca_file=world.ca_file))
        stack.push_async_callback(http_client.close)
        metrics = Metrics()
        loop = asyncio.get_running_loop()
        spoken = Webchat() if dialect == "webchat" else WebMessaging(DEFAULT_DEPLOYMENT_ID)
        dialer = WebsocketDialer(TransportSettings(ca_file=world.ca_file, **(transport or {})))
        uploader = FileUploader(UploadSettings(ca_file=world.ca_file, **(upload or {})))
        stack.push_async_callback(uploader.close)
        files = Spool(SpoolSettings(**(spool or {})))
        files.start()
        stack.callback(files.stop)
        supervisor = Supervisor(
            SupervisorSettings(**{"connects_burst": 500, **(fleet or {})}),
            SessionSettings(**{"conversation_clear": True, **(session or {})}),
            spoken,
            dialer,
            DialTarget(spoken.url(world.ws_url)),
            MemoryJournal(events_per_session_max=10_000),
            WebMessagingHistory(http_client, world.url) if spoken.traits.has_history else None,
            LoopClock(loop),
            Random(1),
            metrics,
            loop,
            uploader=uploader,
            calls=calls(world),
        )
        stack.push_async_callback(supervisor.stop)
        ids = itertools.count(1)
        settings = ApiSettings(**{"port": 0, "frontends_max": 2000, **(api or {})})
        server = HttpServer(supervisor, metrics, settings, lambda: f"made-{next(ids):08d}", supervisor.status, files)
        await server.start()
        stack.push_async_callback(server.stop)
        yield Town(world, supervisor, metrics, server, files)


@pytest.fixture
def new_town() -> Any:
    return settle
