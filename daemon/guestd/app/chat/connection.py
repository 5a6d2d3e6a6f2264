"""The socket of a chat to a simulator, which comes back by seq after the daemon was away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp

from ...model.errors import ConfigError, GuestdError
from ...runtime.system_errors import in_words
from ..control_client import NoDaemon
from .files import OutgoingFile

Json = dict[str, Any]
Socket = aiohttp.ClientWebSocketResponse

#: Between attempts to come back; the last one repeats.
PAUSES_S = (0.2, 0.5, 1.0, 2.0)

#: Close codes after which nothing comes any more: the end of the guest session, and a refusal.
ENDED, REFUSED = 1000, 1008

ADVICE = "start guestd serve, or name another with --url"


class NotConnected(GuestdError):
    """The daemon does not answer just now; nothing was sent."""

    code = "not_connected"


class FrontendRefused(GuestdError):
    """The simulator does not want this frontend; its last words say why."""

    code = "refused"
    exit_code = 1


@dataclass(slots=True, frozen=True)
class SimulatorAddress:
    """`url` is the WebSocket's; `token` is simulator.token, which the header carries. `give_up_s`:
    how long a daemon that went away is waited for, None for ever."""

    url: str
    token: str = field(default="", repr=False)
    give_up_s: float | None = None

    @property
    def http_url(self) -> str:
        """Where the control API is: beside the socket, whose query it has not."""
        socket = urlsplit(self.url)
        return f"http{socket.scheme[2:]}://{socket.netloc}{socket.path.rstrip('/')}"

    @property
    def when_down(self) -> str:
        """What becomes of a message while the guest session's connection is lost: it waits, as a
        person expects of what was typed, unless `url` says otherwise."""
        return parse_qs(urlsplit(self.url).query).get("when_down", ["queue"])[0]


class FrontendConnection:
    """`async with` it, iterate over `events`. `lost` and `back` are told when the connection is."""

    def __init__(
        self,
        address: SimulatorAddress,
        guest: str,
        lost: Callable[[str], None],
        back: Callable[[], None],
    ) -> None:
        self._address = address
        self._guest = guest
        self._lost, self._back = lost, back
        self._http: aiohttp.ClientSession
        self._socket: Socket | None = None
        self._seq: int | None = None
        self._last_error = ""
        self.session_id = ""
        self.connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        token = self._address.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = aiohttp.ClientSession(trust_env=False, headers=headers)
        try:
            self._socket = await self._connect()
        except BaseException:
            await self._http.close()
            raise
        self.connected.set()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._http.close()

    async def events(self) -> AsyncIterator[Json]:
        """Until the guest session has ended. Raises FrontendRefused, or NoDaemon when the daemon
        stays away."""
        while self._socket is not None:
            socket = self._socket
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    event = json.loads(message.data)
                    self._note(event)
                    yield event
            self.connected.clear()
            if socket.close_code == ENDED:
                return
            if socket.close_code == REFUSED:
                raise FrontendRefused(self._last_error or "the simulator refused the connection")
            self._lost(f"guestd went away (close code {socket.close_code})")
            self._socket = await self._come_back()
            self.connected.set()
            self._back()

    async def send(self, frame: Json) -> None:
        """Raises NotConnected."""
        socket = self._socket
        if socket is None or socket.closed or not self.connected.is_set():
            raise NotConnected("guestd does not answer just now; nothing was sent")
        try:
            await socket.send_json(frame)
        except (aiohttp.ClientError, OSError):
            raise NotConnected("the connection broke; whether it was sent is not known") from None

    async def upload(self, file: OutgoingFile, sent: Callable[[int], None]) -> str:
        """Send a file by HTTP. "" if it was accepted, else why not."""
        path = f"/v1/sessions/{quote(self.session_id, safe='')}/attachments"
        headers = {"Content-Length": str(file.size_bytes), "Content-Type": file.content_type}
        query = {"filename": file.path.name, "caption": file.caption}
        query["when_down"] = self._address.when_down
        try:
            async with self._http.post(
                self._address.http_url + path,
                data=file.chunks(sent),
                headers=headers,
                params=query,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=60.0),
            ) as answer:
                if answer.status < 300:
                    return ""
                problem = await answer.json(content_type=None)
                return str(problem.get("detail") or f"it was refused ({answer.status})")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, AttributeError) as error:
            return in_words(error)

    def _note(self, event: Json) -> None:
        if isinstance(seq := event.get("seq"), int):
            is_hello = event.get("kind") == "hello"
            self._seq = seq if not is_hello or self._seq is None else min(seq, self._seq)
        if event.get("kind") == "hello":
            self.session_id = str(event.get("session") or "")
        self._last_error = str(event.get("error") or self._last_error)

    async def _connect(self) -> Socket:
        """Raises ConfigError for a refused handshake, NoDaemon where nothing answers."""
        query = {"guest": self._guest}
        if "when_down=" not in self._address.url:
            query["when_down"] = self._address.when_down
        if self._seq is not None:
            query["since"] = str(self._seq)
        try:
            return await self._http.ws_connect(self._address.url, params=query, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            remedy = "give its token with --token-file" if error.status == 401 else ADVICE
            problem = f"{self._address.url} answers {error.status} {error.message}"
            raise ConfigError("--url", problem, remedy) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = f"no simulator answers at {self._address.url}"
            raise NoDaemon.because(problem, error, ADVICE) from None

    async def _come_back(self) -> Socket:
        """Raises NoDaemon after `give_up_s`."""
        loop = asyncio.get_running_loop()
        began, pauses = loop.time(), iter(PAUSES_S)
        while True:
            await asyncio.sleep(next(pauses, PAUSES_S[-1]))
            try:
                return await self._connect()
            except (NoDaemon, ConfigError):
                limit = self._address.give_up_s
                if limit is not None and loop.time() - began >= limit:
                    raise
