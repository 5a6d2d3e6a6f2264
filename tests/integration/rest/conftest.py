"""A platform that answers by script, over real HTTP, and a client whose time is make-believe."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

import pytest
from aiohttp import BasicAuth, web
from pydantic import SecretStr

from guestd.emulator.tls import ensure_certificate
from guestd.model.errors import PlatformError
from guestd.model.ports import PlatformAnswer
from guestd.observe.metrics import Metrics
from guestd.platform.calls import RestCalls
from guestd.platform.http import Http
from guestd.platform.oauth import OAuthAccess, TokenSource
from guestd.platform.pace import Pace
from guestd.platform.settings import OAuthClient, PlatformSettings, RestSettings
from guestd.platform.table import CALLS

CLIENT, SECRET = "client-1", "canary-client-secret"

Turn = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


def let_pass(seconds: float) -> None:
    """The running loop's clock goes on by so much at once: who waits for less has waited in
    vain, however busy the machine is."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]  # on purpose


class Script:
    """What the server does with the next requests, in turn; after the last one it is well again.

    `effects` is what it really did: once per idempotency key, as the platform promises."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque()
        self.token_turns: deque[Turn] = deque()
        self.seen: list[Seen] = []
        self.token_requests: list[Seen] = []
        self.effects: list[str] = []
        self.tokens_given = 0
        self.token_life_s: Any = 3600
        self.refused_clients: set[str] = set()
        self.clients_of_tokens: dict[str, str] = {}
        self.url = ""
        self.leaving = asyncio.Event()
        self.stuck: Callable[[], None] = lambda: None  # called by a turn that never ends

    # -------------------------------------------------------------- turns

    @staticmethod
    def say(status: int, body: Any = None, **headers: str) -> Turn:
        async def turn(_: web.Request) -> web.StreamResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.json_response(body if body is not None else {}, status=status, headers=named)

        return turn

    @staticmethod
    def raw(status: int, body: bytes) -> Turn:
        async def turn(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, content_type="application/json")

        return turn

    def reset(self, *, acted: bool) -> Turn:
        async def turn(request: web.Request) -> web.StreamResponse:
            if acted:
                self.act(request)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        return turn

    def hang(self, *, acted: bool = False) -> Turn:
        async def turn(request: web.Request) -> web.StreamResponse:
            if acted:
                self.act(request)
            self.stuck()
            await self.leaving.wait()
            return web.Response()

        return turn

    def slow_body(self) -> Turn:
        async def turn(request: web.Request) -> web.StreamResponse:
            self.act(request)
            answer = web.StreamResponse(headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            await answer.write(b'{"id": ')
            self.stuck()
            await self.leaving.wait()
            return answer

        return turn

    # -------------------------------------------------------------- the server

    def act(self, request: web.Request) -> str:
        effect = (
            f"{request.method} {request.path} {request.headers.get('Idempotency-Key', '')}".strip()
        )
        if "Idempotency-Key" not in request.headers or effect not in self.effects:
            self.effects.append(effect)
        return effect

    async def api(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(await _seen(request))
        if self.turns:
            return await self.turns.popleft()(request)
        return web.json_response(
            {"id": self.act(request)}, headers={"ININ-Correlation-Id": "corr-ok"}
        )

    async def token(self, request: web.Request) -> web.StreamResponse:
        self.token_requests.append(await _seen(request))
        if self.token_turns:
            return await self.token_turns.popleft()(request)
        client = (
            BasicAuth.decode(request.headers["Authorization"]).login
            if "Authorization" in request.headers
            else ""
        )
        if client in self.refused_clients:
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens_given += 1
        self.clients_of_tokens[f"canary-bearer-{self.tokens_given}"] = client
        body = {"access_token": f"canary-bearer-{self.tokens_given}", "token_type": "bearer"}
        if self.token_life_s is not None:
            body["expires_in"] = self.token_life_s
        return web.json_response(body)

    def clients_seen(self) -> list[str]:
        """As which OAuth client each call came."""
        return [
            self.clients_of_tokens[one.headers["authorization"].removeprefix("Bearer ")]
            for one in self.seen
        ]


async def _seen(request: web.Request) -> Seen:
    headers = {name.lower(): value for name, value in request.headers.items()}
    path, _, query = request.raw_path.partition("?")
    return Seen(request.method, path, query, headers, await request.read())


@dataclass
class Time:
    """Seconds that pass only when somebody waits."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


@dataclass
class Line:
    """The client, and everything it was built from. `tokens` is not used where there are several
    OAuth clients."""

    script: Script
    time: Time
    http: Http
    tokens: TokenSource
    calls: RestCalls
    metrics: Metrics

    def each(self, names: list[str]) -> Iterator[str]:
        """Each name with a clean sheet: one server serves them all."""
        for name in names:
            yield name
            assert not self.script.turns, f"{name} left turns over"
            self.script.seen.clear()
            self.script.effects.clear()
            self.time.slept.clear()

    async def make(self, name: str, **more: Any) -> PlatformAnswer:
        """The call by that name, with whatever its path asks for."""
        path = {key: f"some {key}/ü" for key in CALLS[name].placeholders}
        return await self.calls.call(
            name, path=path, **{"body": None if CALLS[name].verb == "GET" else {"a": 1}, **more}
        )

    async def fail(self, name: str, **more: Any) -> PlatformError:
        with pytest.raises(PlatformError) as caught:
            await self.make(name, **more)
        error = caught.value
        assert error.operation == name
        assert error.attempts == len(self.script.seen)
        assert error.remedy or error.status is None
        return error


@asynccontextmanager
async def connect(
    *,
    rest: dict[str, Any] | None = None,
    table: Any = CALLS,
    ca_file: str | None = None,
    clients: dict[str, int] | None = None,
    **oauth: Any,
) -> AsyncIterator[Line]:
    script, time, metrics = Script(), Time(), Metrics()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for path in ("/oauth/token", "/login/oauth2/v2/token", "/api/v2/oauth/token", "/x"):
        app.router.add_post(path, script.token)
    app.router.add_route("*", "/{tail:.*}", script.api)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    figures = RestSettings(**{"timeout_s": 5.0, **(rest or {})})
    http = Http(PlatformSettings(ca_file=ca_file), figures)
    pace = Pace(lambda: time.at, time.sleep, Random(7), lambda: time.at)
    one = OAuthClient(oauth.pop("client_id", CLIENT), SecretStr(SECRET), oauth.pop("scope", None))
    access = OAuthAccess(**{"token_url": f"{script.url}/oauth/token", "client": one, **oauth})
    patient = replace(figures, timeout_s=10.0)  # a token is not what is measured
    tokens = TokenSource(http, access, patient, pace)
    sources = [
        TokenSource(
            http,
            replace(access, client=replace(one, id=name, requests_per_minute=limit)),
            patient,
            pace,
        )
        for name, limit in (clients or {}).items()
    ]
    calls = RestCalls(
        http,
        sources or tokens,
        script.url,
        figures,
        pace,
        metrics,
        table,
    )
    try:
        yield Line(script, time, http, tokens, calls, metrics)
    finally:
        script.leaving.set()
        await calls.close()
        await http.close()
        await runner.cleanup()


@pytest.fixture(scope="session")
def one_ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A single authority: to read all of the system's takes longer than any test here, and none
    speaks TLS."""
    return str(ensure_certificate(tmp_path_factory.mktemp("tls"))[2])


@pytest.fixture
async def line(one_ca: str) -> AsyncIterator[Line]:
    async with connect(ca_file=one_ca) as found:
        yield found


@pytest.fixture
def new_line(one_ca: str) -> Any:
    return partial(connect, ca_file=one_ca)
