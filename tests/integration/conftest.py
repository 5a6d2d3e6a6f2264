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

from guestd.api.control.settings import ControlSettings
from guestd.api.server import HttpServer
from guestd.api.settings import ApiSettings
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.journal.memory import MemoryJournal
from guestd.model.ports import DialTarget
from guestd.observe.metrics import Metrics
from guestd.platform.calls import CallSettings, RestCalls
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http, HttpSettings
from guestd.platform.oauth import OAuthSettings, TokenSource
from guestd.platform.pace import Pace
from guestd.policy.retry import RetryPolicy
from guestd.runtime.clock import LoopClock
from guestd.session.settings import SessionSettings
from guestd.spool.reading import open_copy
from guestd.spool.spool import Spool, SpoolSettings
from guestd.supervisor.settings import SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.settings import TransportSettings
from guestd.transport.upload import FileUploader, UploadSettings
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging import WebMessaging


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


def platform_calls(emulator: Emulator, http: Http, metrics: Metrics) -> RestCalls:
    """The platform's REST side by name, with the emulator's own OAuth client."""
    pace = Pace(asyncio.get_running_loop().time, rng=Random(7))
    policy = RetryPolicy(
        attempts_max=2, base_s=0.01, cap_s=0.02, retry_after_cap_s=0.02, deadline_s=3.0
    )
    client, secret = next(iter(emulator.settings.oauth_clients.items()))
    tokens = TokenSource(
        http, OAuthSettings(f"{emulator.url}/oauth/token", client, secret), policy, pace
    )
    return RestCalls(http, tokens, CallSettings(emulator.url, 2.0, 100_000), policy, pace, metrics)


@asynccontextmanager
async def settle(
    *,
    emulator: dict[str, Any] | None = None,
    session: dict[str, Any] | None = None,
    fleet: dict[str, Any] | None = None,
    api: dict[str, Any] | None = None,
    transport: dict[str, Any] | None = None,
    control: dict[str, Any] | None = None,
    operations: Any = None,
    dialect: str = "webmessaging",
    upload: dict[str, Any] | None = None,
    spool: dict[str, Any] | None = None,
    calls: bool = False,
) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(Emulator(EmulatorSettings(**(emulator or {}))))
        http_client = Http(HttpSettings(ca_file=world.ca_file))
        stack.push_async_callback(http_client.close)
        metrics = Metrics()
        loop = asyncio.get_running_loop()
        spoken = Webchat() if dialect == "webchat" else WebMessaging(DEFAULT_DEPLOYMENT_ID)
        dialer = WebsocketDialer(TransportSettings(ca_file=world.ca_file, **(transport or {})))
        uploader = FileUploader(UploadSettings(ca_file=world.ca_file, **(upload or {})), open_copy)
        stack.push_async_callback(uploader.close)
        files = Spool(SpoolSettings(**(spool or {})))
        files.start()
        stack.push_async_callback(files.stop)
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
            discard_copy=files.discard,
            calls=platform_calls(world, http_client, metrics) if calls else None,
        )
        stack.push_async_callback(supervisor.stop)
        ids = itertools.count(1)
        settings = ApiSettings(**{"port": 0, "frontends_max": 2000, **(api or {})})
        server = HttpServer(
            supervisor,
            metrics,
            settings,
            lambda: f"made-{next(ids):08d}",
            supervisor.status,
            spool=files,
            control=ControlSettings(**(control or {})),
            operations=operations,
        )
        await server.start()
        stack.push_async_callback(server.stop)
        yield Town(world, supervisor, metrics, server, files)


@pytest.fixture
def new_town() -> Any:
    return settle
