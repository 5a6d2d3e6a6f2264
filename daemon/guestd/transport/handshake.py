"""The upgrade from HTTP to WebSocket, and the CONNECT through a proxy before it. Both are gone once
the connection is open."""

from __future__ import annotations

import asyncio
import ssl
import time
from abc import ABC, abstractmethod
from typing import cast

from websockets.uri import WebSocketURI

from ..model.endings import Cause, Ending
from ..model.errors import DialError
from ..model.numbers import whole_number
from ..model.ports import ConnectionSink
from ..model.proxy import Proxy
from ..policy.retry_after import retry_after_s
from . import upgrade
from .settings import TransportSettings
from .socket import GuestSocket

HEAD_BYTES_MAX = 32_768

#: What a socket may hold unsent before it says so.
WRITE_HIGH_WATER_BYTES = 65_536


class _Head(asyncio.Protocol, ABC):
    """Reads one HTTP response head; `done` gets what `_head_received` makes of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[object] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not asyncio's by class
        self._send(self._transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end >= 0 and not self.done.done():
            head, rest = self._data[: end + 4], self._data[end + 4 :]
            try:
                self.done.set_result(self._head_received(head, rest))
            except DialError as error:
                self.done.set_exception(error)
        elif len(self._data) > HEAD_BYTES_MAX:
            self._fail(Ending(Cause.PROTOCOL_VIOLATION, None, "the answer's head is too long"))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(Ending(Cause.LOST, None, "the connection ended during the handshake"))

    def abandon(self) -> None:
        self.done.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, ending: Ending) -> None:
        if not self.done.done():
            self.done.set_exception(DialError(ending))

    @abstractmethod
    def _send(self, transport: asyncio.Transport) -> None:
        """Write the request."""

    @abstractmethod
    def _head_received(self, head: bytes, rest: bytes) -> object:
        """What `done` is given for this response; `rest` came behind it. Raises DialError."""


class Upgrade(_Head):
    """Asks for the upgrade; `done` gets the GuestSocket that has taken over the transport."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        uri: WebSocketURI,
        headers: tuple[tuple[str, str], ...],
        sink: ConnectionSink,
        settings: TransportSettings,
        retry_after_max_s: float,
    ) -> None:
        super().__init__(loop)
        self._request, self._accept = upgrade.request(uri, headers)
        self._sink = sink
        self._settings = settings
        self._retry_after_max_s = retry_after_max_s

    @property
    def tls_connection(self) -> ssl.SSLObject:
        """Of a transport that has one."""
        assert self._transport is not None
        return cast(ssl.SSLObject, self._transport.get_extra_info("ssl_object"))

    def _send(self, transport: asyncio.Transport) -> None:
        transport.write(self._request)

    def _head_received(self, head: bytes, rest: bytes) -> GuestSocket:
        status, headers = _parsed(head)
        if status == 403:
            raise DialError(
                Ending(
                    Cause.ACCESS_DENIED,
                    403,
                    "the platform denied access; check deployment and origin",
                )
            )
        if status != 101:
            detail = f"the upgrade was answered with {status}"
            wait_s = retry_after_s(
                headers.get("retry-after"),
                headers.get("date"),
                time.time(),
                self._retry_after_max_s,
            )
            raise DialError(Ending(Cause.UPGRADE_REFUSED, status, detail, wait_s))
        fault = upgrade.fault_in_answer(headers, self._accept)
        if fault:
            detail = f"no valid upgrade: {fault}"
            raise DialError(Ending(Cause.PROTOCOL_VIOLATION, status, detail[:200]))
        transport = self._transport
        assert transport is not None
        socket = GuestSocket(self._loop, transport, self._sink, self._settings, rest)
        transport.set_write_buffer_limits(WRITE_HIGH_WATER_BYTES)
        transport.set_protocol(socket)
        return socket


class Tunnel(_Head):
    """Asks a proxy for a tunnel (RFC 9110 §9.3.6); `done` gets the transport to go on with."""

    def __init__(self, loop: asyncio.AbstractEventLoop, proxy: Proxy, host: str, port: int) -> None:
        super().__init__(loop)
        self._proxy = proxy
        self._target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _send(self, transport: asyncio.Transport) -> None:
        lines = [f"CONNECT {self._target} HTTP/1.1", f"Host: {self._target}"]
        lines += [f"{name}: {value}" for name, value in self._proxy.headers().items()]
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def _head_received(self, head: bytes, rest: bytes) -> asyncio.Transport:
        status, _ = _parsed(head)
        if status // 100 != 2:
            hint = "; check the user and password in proxy_url" if status == 407 else ""
            raise DialError(
                Ending(Cause.PROXY_REFUSED, status, f"the proxy answered {status}{hint}")
            )
        # not the platform's, which waits for us to speak; and `start_tls` of uvloop would lose it
        if rest:
            raise DialError(
                Ending(
                    Cause.PROXY_REFUSED, status, "the proxy sent data of its own behind its answer"
                )
            )
        assert self._transport is not None
        return self._transport


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """The status, and the headers with lower-case names; the values of one that comes twice are one
    list (RFC 9110 §5.3). Raises DialError if this is not an HTTP response."""
    parts = head[: head.index(b"\r\n")].split(b" ", 2)
    status = whole_number(parts[1]) if len(parts) >= 2 and len(parts[1]) == 3 else None
    if status is None or not parts[0].startswith(b"HTTP/1."):
        raise DialError(Ending(Cause.PROTOCOL_VIOLATION, None, "the answer is not HTTP"))
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:-2]:
        name, colon, value = line.partition(":")
        if not colon:
            raise DialError(
                Ending(Cause.PROTOCOL_VIOLATION, status, "a header line without a colon")
            )
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return status, headers
