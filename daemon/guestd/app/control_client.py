"""A client of the control API of a running daemon, for the command line: over HTTP or the daemon's
Unix socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from ..model.errors import GuestdError, PlatformUnavailable
from ..runtime.system_errors import in_words
from .control_words import platform_facts
from .variables import CLIENT_TOKEN

Json = dict[str, Any]

TIMEOUT = aiohttp.ClientTimeout(total=90.0, connect=5.0)
FOLLOW = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=90.0)
LINE_MAX = 4_194_304

#: Before anything could be sent.
_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class ApiRefusal(GuestdError):
    """The daemon understood and said no. `problem_document` is how it said it."""

    code = "refused"
    exit_code = 1

    def __init__(self, problem: Json) -> None:
        self.problem_document = problem
        field, detail = (
            str(problem.get("field") or ""),
            str(problem.get("detail", "no reason was given")),
        )
        where = f" ({field})" if field and not detail.startswith(field) else ""
        said = f"{problem.get('code', 'refused')}{where}: {detail}"
        super().__init__("\n".join(filter(None, (said, platform_facts(problem)))))


class NoDaemon(PlatformUnavailable):
    """No daemon answers, or none any more; not the platform's silence."""

    code = "not_connected"
    remedy_by_default = ""

    @classmethod
    def because(cls, problem: str, error: Exception, remedy: str) -> Self:
        """`problem`, why, and what to do; a failure of TLS says that itself."""
        advice = [] if isinstance(error, aiohttp.ClientSSLError) else [remedy]
        return cls("; ".join((f"{problem}: {in_words(error)}", *advice)))


class NotGuestd(ApiRefusal):
    """Something else answers at the address."""

    code = "not_guestd"


@dataclass(slots=True, frozen=True)
class ApiAddress:
    """Where the daemon is: `url` (`daemon_address.py`), or `socket`, its Unix socket.
    `token` is its api.token, "" for none."""

    url: str = "http://127.0.0.1:3000"
    socket: Path | None = None
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        return str(self.socket) if self.socket is not None else self.url

    @property
    def headers(self) -> dict[str, str]:
        """What lets us in."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class ControlClient:
    """`async with` it. Every call raises ApiRefusal, or NoDaemon when no guestd answers there. At
    most `connections` are open at a time. `remedy`: what to do where none answers."""

    def __init__(
        self,
        address: ApiAddress,
        connections: int = 100,
        remedy: str = "start guestd serve, or name another with --url or --socket",
    ) -> None:
        self._address, self._connections = address, connections
        self._remedy = remedy
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        address = self._address
        connector: aiohttp.BaseConnector
        if address.socket is not None:
            connector = aiohttp.UnixConnector(str(address.socket), limit=self._connections)
        else:
            connector = aiohttp.TCPConnector(limit=self._connections)
        base = "http://localhost" if address.socket is not None else address.url
        self._session = aiohttp.ClientSession(
            base,
            connector=connector,
            headers=address.headers,
            trust_env=False,
            read_bufsize=LINE_MAX,
            json_serialize=_json,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> Json:
        """One call; {} where there is no body. `data`: the body itself, in place of JSON."""
        try:
            async with self._session.request(
                method,
                path,
                json=body,
                data=data,
                params=query,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
            ) as answer:
                return self._understood(answer.status, await answer.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            was_asked = method != "GET" and not isinstance(error, _UNSENT)
            raise self._unreachable(error, was_asked) from None

    @property
    def place(self) -> str:
        """Where the daemon is, as people are told."""
        return str(self._address)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of server-sent events as they come, once the daemon has begun to answer."""
        headers = {"Accept": "text/event-stream"}
        try:
            async with self._session.get(
                path, params=query, headers=headers, timeout=FOLLOW
            ) as answer:
                if answer.status != 200:
                    self._understood(answer.status, await answer.read())
                yield answer.content.iter_any()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from None

    async def follow(
        self, path: str, after: int, place: str = "seq", query: Mapping[str, str] | None = None
    ) -> AsyncIterator[Json]:
        """Events as they come, from those after `after`; ends when the guest session does, resumes
        when let go. `place`: the field that says where an event stands."""
        while True:
            resumed = after
            async for kind, event in self._stream(path, {**(query or {}), "after": after}):
                if kind == "over":
                    return
                if kind != "closed":
                    yield event
                after = event.get(place, after)
            if resumed == after:
                return

    async def _stream(
        self, path: str, query: Mapping[str, str | int]
    ) -> AsyncIterator[tuple[str, Json]]:
        headers = {"Accept": "text/event-stream"}
        try:
            async with self._session.get(
                path, params=query, headers=headers, timeout=FOLLOW
            ) as answer:
                if answer.status != 200:
                    self._understood(answer.status, await answer.read())
                    return
                kind = ""
                async for line in answer.content:
                    name, _, value = line.decode().rstrip("\n").partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        yield kind, json.loads(value)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from None

    def _understood(self, status: int, raw: bytes) -> Json:
        """With the remedy of the command line where the API names its own."""
        try:
            return _understood(status, raw, self._address)
        except ApiRefusal as refusal:
            problem = refusal.problem_document
            code, detail = problem.get("code"), str(problem.get("detail", ""))
            if code == "unauthorized":
                is_given = "did not take this token" if self._address.token else "asks for a token"
                detail = (
                    f"the daemon {is_given}; set {CLIENT_TOKEN} to its api.token, or name a file"
                    " that holds it with --token-file"
                )
            elif code == "not_found" and detail.startswith("there is no guest session"):
                detail += (
                    "; `guestd sessions list` says which there are, `guestd sessions open NAME`"
                    " makes one"
                )
            else:
                raise
            raise ApiRefusal({**problem, "detail": detail}) from None

    def _unreachable(self, error: Exception, was_asked: bool = False) -> NoDaemon:
        """`was_asked`: for a change, which may be done all the same."""
        done = "whether it has done what was asked is not known; " if was_asked else ""
        problem = f"no guestd answers at {self._address}"
        return NoDaemon.because(problem, error, done + self._remedy)


def _json(body: Any) -> str:
    return orjson.dumps(body).decode()


def _understood(status: int, raw: bytes, address: ApiAddress) -> Json:
    try:
        found = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        found = None
    is_ours = isinstance(found, dict) and (
        status < 400 or str(found.get("type")).startswith("urn:guestd:problem:")
    )
    if not isinstance(found, dict) or not is_ours:
        said = f"what answers at {address} ({status}) is not guestd; is the address right?"
        raise NotGuestd({"code": NotGuestd.code, "status": status, "detail": said})
    if status >= 400:
        raise ApiRefusal(found)
    return found
