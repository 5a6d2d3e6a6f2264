"""One port for WebSockets and HTTP: reads the head of each request and picks the protocol.

An upgrade makes the connection a `GuestConnection`, also after other requests on the same
connection; everything else goes to aiohttp, byte for byte. For that the demux must know where a
request ends: by its Content-Length, or by the last chunk. An upgrade that comes before all earlier
requests are answered waits until they are.

Bounds: a head must arrive within HEAD_WAIT_S of its first byte, the next piece of a body within
BODY_WAIT_S; a connection without a request is closed after IDLE_S. Beyond `connections_max` a new
connection is closed at once. One sweep a second checks all of them."""

from __future__ import annotations

import asyncio
import re
from typing import Protocol, cast

from aiohttp.web_protocol import RequestHandler

from .chunked_body import ChunkedBody
from .guest_api.connection import GuestConnection, GuestServer

HEAD_BYTES_MAX = 65_536

#: A client sends its head at once; a slower one only occupies a connection.
HEAD_WAIT_S = 10.0
#: Between two pieces of a body; uploads over slow connections send something all the time.
BODY_WAIT_S = 30.0
#: Without any request. Longer than a fault may delay an answer, which looks the same from here.
IDLE_S = 300.0

#: How often to look whether all requests before an upgrade are answered.
ANSWERED_EVERY_S = 0.005

#: For a head that is not UTF-8: an answer could not repeat its bytes.
NOT_UTF8_RESPONSE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

#: Every TLS connection begins with a handshake record of some version 3.
TLS_HANDSHAKE = b"\x16\x03"
#: In plain text on purpose: a TLS client knows by it, at once, that this is not its protocol.
PLAIN_HTTP_RESPONSE = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    b"this port speaks plain HTTP: write http:// or ws://, or start the emulator with --tls-dir\n"
)

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?:\r\n|$)")


class DemuxServer(GuestServer, Protocol):
    """What a new TCP connection may ask of the emulator."""

    def admit(self, demux: ProtocolDemux) -> bool:
        """False if there are as many connections as may be."""

    def release(self, demux: ProtocolDemux) -> None: ...

    def http_protocol(self) -> RequestHandler: ...


class ProtocolDemux(asyncio.Protocol):
    """One connection, until it becomes a `GuestConnection` or ends."""

    __slots__ = (
        "_body_left",
        "_chunked",
        "_head",
        "_http",
        "_server",
        "_since",
        "_transport",
        "_upgrading",
    )

    def __init__(self, server: DemuxServer) -> None:
        self._server = server
        self._head = b""
        self._body_left = 0
        self._chunked: ChunkedBody | None = None
        self._upgrading: bytes | None = None  # what came, until it may be read
        self._http: RequestHandler | None = None
        self._since = server.loop.time()

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.release(self)
        if self._http is not None:
            self._http.connection_lost(error)

    def eof_received(self) -> None:
        if self._http is not None:
            self._http.eof_received()

    def pause_writing(self) -> None:
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._http is not None:
            self._http.resume_writing()

    def data_received(self, data: bytes) -> None:
        if not self._head:
            self._since = self._server.loop.time()
        while data and not self._transport.is_closing():
            if self._upgrading is not None:
                data = self._keep(data)
            elif self._chunked is not None:
                data = self._pass_chunks(self._chunked, data)
            elif self._body_left:
                part, data = data[: self._body_left], data[self._body_left :]
                self._body_left -= len(part)
                self._hand_on(part)
            else:
                data = self._read_head(data)

    # ------------------------------------------------------------------

    def _read_head(self, data: bytes) -> bytes:
        """Take what belongs to the head; what is left of `data` if the head is whole."""
        searched = max(0, len(self._head) - 3)
        self._head += data
        if self._head.startswith(TLS_HANDSHAKE):
            self._transport.write(PLAIN_HTTP_RESPONSE)
            self._transport.close()
            return b""
        end = self._head.find(b"\r\n\r\n", searched)
        if end < 0:
            if len(self._head) > HEAD_BYTES_MAX:
                self._transport.abort()
            return b""
        head, rest = self._head[: end + 4], self._head[end + 4 :]
        self._head = b""
        if not _is_text(head):
            self._transport.write(NOT_UTF8_RESPONSE)
            self._transport.close()
            return b""
        if is_upgrade(head):
            self._upgrading = with_plain_upgrade(head) + rest
            self._upgrade_when_answered()
            return b""
        words = head[:end].lower()
        is_chunked = b"\r\ntransfer-encoding:" in words
        length = _LENGTH.search(words) if not is_chunked else None
        self._chunked = ChunkedBody() if is_chunked else None
        self._body_left = int(length[1]) if length is not None else 0
        self._hand_on(head)
        return rest

    def _pass_chunks(self, chunked: ChunkedBody, data: bytes) -> bytes:
        size = chunked.take(data)
        self._hand_on(data[:size])
        if chunked.is_over:
            self._chunked = None
        return data[size:]

    def _keep(self, data: bytes) -> bytes:
        assert self._upgrading is not None
        self._upgrading += data
        if len(self._upgrading) > HEAD_BYTES_MAX:
            self._transport.pause_reading()
        return b""

    def _upgrade_when_answered(self) -> None:
        if self._transport.is_closing():  # by the client, or because an answer was the last one
            return
        # aiohttp does not say in public that it waits for the next request
        if self._http is not None and self._http._waiter is None:
            self._server.loop.call_later(ANSWERED_EVERY_S, self._upgrade_when_answered)
            return
        assert self._upgrading is not None
        self._transport.resume_reading()
        self._upgrade(self._upgrading)

    def _hand_on(self, data: bytes) -> None:
        if self._http is None:
            self._http = self._server.http_protocol()
            self._http.connection_made(self._transport)
        self._http.data_received(data)

    def _upgrade(self, data: bytes) -> None:
        self._server.release(self)
        if self._http is not None:
            self._http.transport = (
                None  # it would close the connection that is not its own any more
            )
            self._http.connection_lost(None)
            self._http = None
        connection = GuestConnection(self._server)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(data)

    # ------------------------------------------------------------------ bounds

    @property
    def is_http(self) -> bool:
        return self._http is not None

    def abort(self) -> None:
        self._transport.abort()

    def close_if_slow(self, now: float) -> None:
        limit_s = HEAD_WAIT_S if self._head else BODY_WAIT_S if self._body_left else IDLE_S
        if now - self._since >= limit_s:
            self._server.counters["connections_timed_out"] += 1
            self._transport.abort()


def is_upgrade(head: bytes) -> bool:
    """To a WebSocket, among whatever else it names."""
    return any(
        word.strip().lower() == b"websocket"
        for line in head.split(b"\r\n")[1:]
        if _is_upgrade_header(line)
        for word in line.partition(b":")[2].split(b",")
    )


def with_plain_upgrade(head: bytes) -> bytes:
    """The same head for a reader who takes this one form."""
    lines = [line for line in head[:-4].split(b"\r\n") if not _is_upgrade_header(line)]
    return b"\r\n".join([*lines, b"Upgrade: websocket", b"", b""])


def _is_upgrade_header(line: bytes) -> bool:
    return line.partition(b":")[0].lower() == b"upgrade"


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError:
        return False
    return True
