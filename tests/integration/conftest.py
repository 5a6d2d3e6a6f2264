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
from pydantic import SecretStr

from guestd.api.server import HttpServer
from guestd.api.settings import ApiSettings, SimulatorSettings
from guestd.emulator import (
    DEFAULT_DEPLOYMENT_ID,
    GUEST_HEADER,
    SESSION_HEADER,
    Emulator,
    EmulatorSettings,
)
from guestd.journal.memory import MemoryJournal
from guestd.model.outbound_route import OutboundRoute
from guestd.model.ports import DialTarget
from guestd.observe.metrics import Metrics
from guestd.platform.calls import RestCalls
from guestd.platform.emulator_admin import EmulatorForwarder
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http
from guestd.platform.oauth import OAuthAccess, TokenSource
from guestd.platform.pace import Pace
from guestd.platform.settings import OAuthClient, PlatformSettings, RestSettings
from guestd.runtime.clock import LoopClock
from guestd.session.settings import AttachmentSettings
from guestd.spool.reading import open_copy
from guestd.spool.spool import Spool
from guestd.supervisor.settings import AdmissionSettings, LimitSettings, SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.download import FileDownloader
from guestd.transport.settings import TransportSettings
from guestd.transport.upload import FileUploader
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging import WebMessaging
from tests.patience import PATIENCE_S
from tests.sections import names_of, session_settings, split

from .control_client import client_of
from .disk_journal import new_journal

#: Fixtures that live with what they make.
__all__ = ["client_of", "new_journal"]


@dataclass
class Stack:
    """A daemon, the emulator it talks to, and the simulator in front of it."""

    emulator: Emulator
    fleet: Supervisor
    metrics: Metrics
    http: HttpServer
    spool: Spool

    @property
    def ws_url(self) -> str:
        return f"ws{self.http.url[4:]}/"

    async def until(self, condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)

    def live(self) -> int:
        return self.metrics.sessions.get("live", 0)


def platform_calls(emulator: Emulator, http: Http, metrics: Metrics) -> RestCalls:
    """The platform's REST side by name, with the emulator's own OAuth client."""
    pace = Pace(asyncio.get_running_loop().time, rng=Random(7))
    rest = RestSettings(
        timeout_s=10.0,
        deadline_s=30.0,
        attempts_max=2,
        base_s=0.01,
        cap_s=0.02,
        retry_after_cap_s=0.02,
        requests_per_minute=100_000,
    )
    client, secret = next(iter(emulator.settings.oauth_clients.items()))
    access = OAuthAccess(f"{emulator.url}/oauth/token", OAuthClient(client, SecretStr(secret)))
    tokens = TokenSource(http, access, rest, pace)
    return RestCalls(http, tokens, emulator.url, rest, pace, metrics)


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
    uncommitted_max: int = 20_000,
) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(Emulator(EmulatorSettings(**(emulator or {}))))
        http_client = Http(PlatformSettings(ca_file=world.ca_file))
        stack.push_async_callback(http_client.close)
        metrics = Metrics()
        loop = asyncio.get_running_loop()
        spoken = Webchat() if dialect == "webchat" else WebMessaging(DEFAULT_DEPLOYMENT_ID)
        dialer = WebsocketDialer(
            *split(
                {"ca_file": world.ca_file, **(transport or {})}, TransportSettings, OutboundRoute
            )
        )
        uploader = FileUploader(
            open_copy,
            AttachmentSettings(**(upload or {})),
            route=OutboundRoute(ca_file=world.ca_file),
        )
        stack.push_async_callback(uploader.close)
        files = Spool(attachments=AttachmentSettings(**(spool or {})))
        files.start()
        stack.push_async_callback(files.stop)
        supervisor = Supervisor(
            SupervisorSettings(
                *split({"burst": 500, **(fleet or {})}, LimitSettings, AdmissionSettings)
            ),
            session_settings(**{"conversation_clear": True, **(session or {})}),
            spoken,
            dialer,
            DialTarget(spoken.url(world.ws_url), (), GUEST_HEADER, SESSION_HEADER),
            MemoryJournal(events_per_session_max=10_000),
            WebMessagingHistory(http_client, world.url) if spoken.traits.has_history else None,
            LoopClock(loop),
            Random(1),
            metrics,
            loop,
            uploader=uploader,
            discard_copy=files.discard,
            calls=platform_calls(world, http_client, metrics) if calls else None,
            uncommitted_max=uncommitted_max,
        )
        stack.push_async_callback(supervisor.stop)
        ids = itertools.count(1)
        given = {"port": 0, "frontends_max": 2000, **(api or {})}
        of_simulator = {
            key: one for key, one in given.items() if key in names_of(SimulatorSettings)
        }
        of_api = {key: one for key, one in given.items() if key not in of_simulator}
        (settings,) = split(of_simulator, SimulatorSettings)
        (api_settings,) = split({**of_api, **(control or {})}, ApiSettings)
        forwarder = EmulatorForwarder(world.url, world.ca_file)
        stack.push_async_callback(forwarder.close)
        server = HttpServer(
            supervisor,
            metrics,
            settings,
            lambda: f"made-{next(ids):08d}",
            supervisor.status,
            spool=files,
            api=api_settings,
            operations=operations,
            emulator=forwarder,
            downloader=FileDownloader(route=OutboundRoute(ca_file=world.ca_file)),
        )
        await server.start()
        stack.push_async_callback(server.stop)
        yield Stack(world, supervisor, metrics, server, files)


@pytest.fixture
def new_stack() -> Any:
    return settle
