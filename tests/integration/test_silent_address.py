"""A name whose first address swallows every connection attempt: the connection comes up by the
second (RFC 8305)."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest
from websockets.asyncio.server import serve

from guestd.model.endings import Cause
from guestd.model.errors import DialError
from guestd.model.outbound_route import OutboundRoute
from guestd.model.ports import DialTarget
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.settings import TransportSettings

HOST = "platform.example.org"
SILENT, HEALTHY = "127.0.0.1", "127.0.0.2"


class RecordingSink:
    """A sink that only takes."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()

    def text_received(self, text):
        self.texts.put_nowait(text)

    def pong_received(self): ...

    def ping_received(self, size_bytes): ...

    def garbage_received(self, reason, size_bytes): ...

    def writable_changed(self, writable): ...

    def connection_ended(self, ending): ...


def swallow_connections(opened: ExitStack) -> int:
    """On the silent address: a listener whose backlog is full, so that no further attempt is ever
    answered; its port."""
    hole = opened.enter_context(socket.socket())
    hole.bind((SILENT, 0))
    hole.listen(0)
    for _ in range(4):
        filler = opened.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex(hole.getsockname())
    return hole.getsockname()[1]


@pytest.fixture
def resolved(monkeypatch):
    """What the system's resolver says of HOST; the resolver is the system's, not ours."""
    real = socket.getaddrinfo

    def name(*addresses: str) -> None:
        def getaddrinfo(host, port, *more, **named):
            if host != HOST:
                return real(host, port, *more, **named)
            return [one for address in addresses for one in real(address, port, *more, **named)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return name


@pytest.fixture
async def platform():
    """An echo server on the healthy address; on the same port of the silent one the backlog is
    full."""

    async def handle(connection):
        async for text in connection:
            await connection.send(text)

    with ExitStack() as opened:
        port = swallow_connections(opened)
        async with serve(handle, HEALTHY, port, compression=None):
            yield port


async def spoken_with(target: str, **settings) -> bytes:
    sink = RecordingSink()
    connection = await WebsocketDialer(
        TransportSettings(dial_timeout_s=20.0), OutboundRoute(**settings)
    ).dial(DialTarget(target), sink)
    connection.send_text(b"there?")
    text = await asyncio.wait_for(sink.texts.get(), 30.0)
    connection.abort()
    return text


async def test_the_second_address_is_tried_while_the_first_is_silent(resolved, platform):
    resolved(SILENT, HEALTHY)
    assert await spoken_with(f"ws://{HOST}:{platform}/v1") == b"there?"


async def test_so_it_is_with_a_proxys_name(resolved, platform, proxy_in_front):
    resolved(SILENT, HEALTHY)
    port = await proxy_in_front(platform)
    assert (
        await spoken_with("ws://guest.example.org/v1", proxy_url=f"http://{HOST}:{port}")
        == b"there?"
    )


async def test_if_every_address_is_silent_the_dial_ends_with_its_time(resolved, platform):
    resolved(SILENT, SILENT)
    with pytest.raises(DialError) as refused:
        await WebsocketDialer(TransportSettings(dial_timeout_s=0.5)).dial(
            DialTarget(f"ws://{HOST}:{platform}/v1"), RecordingSink()
        )
    assert refused.value.ending.cause is Cause.DIAL_TIMEOUT


@pytest.fixture
async def proxy_in_front():
    """A proxy on the healthy address whose every tunnel leads to the platform, and a hole on the
    silent one."""
    with ExitStack() as opened:
        servers = []

        async def begin(platform_port: int) -> int:
            async def handle(reader, writer):
                await reader.readuntil(b"\r\n\r\n")
                far_reader, far_writer = await asyncio.open_connection(HEALTHY, platform_port)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

            port = swallow_connections(opened)
            servers.append(await asyncio.start_server(handle, HEALTHY, port))
            return port

        yield begin
        for server in servers:
            server.close()


async def _pump(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()
