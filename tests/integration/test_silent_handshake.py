"""A name whose first address takes connections and then says nothing: TLS is raced as well as TCP.
On both event loops."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import uvloop
from websockets.asyncio.server import serve

from guestd.emulator.tls import ensure_certificate
from guestd.model.endings import Cause
from guestd.model.errors import DialError
from guestd.model.outbound_route import OutboundRoute
from guestd.model.ports import DialTarget
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.settings import TransportSettings
from tests.sections import split

from .test_silent_address import RecordingSink

#: On the same port. The second is what a resolver gives after the first.
SILENT, HEALTHY = "127.0.0.2", "127.0.0.1"

LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


class Addresses:
    """A resolver that gives these for every name."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def __call__(self, host: str, port: int) -> list[str]:
        return list(self._addresses)


class SilentServer:
    """Takes connections and reads all that comes, says nothing; `ended` is set when each of them is
    closed by the peer."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server((SILENT, port))
        self.accepted = 0
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._read, args=(peer,), daemon=True).start()

    def _read(self, peer: socket.socket) -> None:
        with peer:
            try:
                while peer.recv(4096):
                    pass
            except OSError:
                pass
        self.ended.release()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def silent_server(port: int) -> Iterator[SilentServer]:
    server = SilentServer(port)
    try:
        yield server
    finally:
        server.close()


@asynccontextmanager
async def echo_server(folder):
    """(port, CA file) of an echo by TLS on the healthy address."""
    certificate, key, ca = ensure_certificate(folder, ())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def echo(connection):
        async for text in connection:
            await connection.send(text)

    async with serve(echo, HEALTHY, 0, ssl=context, compression=None) as server:
        yield server.sockets[0].getsockname()[1], str(ca)


def a_dialer(addresses: tuple[str, ...], **settings) -> WebsocketDialer:
    found = WebsocketDialer(*split(settings, TransportSettings, OutboundRoute))
    found._resolver = Addresses(*addresses)
    return found


@LOOPS
def test_the_second_address_is_tried_while_the_first_is_silent_in_the_tls_handshake(
    run, tmp_path, caplog
):
    async def story() -> None:
        async with echo_server(tmp_path) as (port, ca):
            with silent_server(port) as silent:
                sink = RecordingSink()
                by_name = a_dialer((SILENT, HEALTHY), ca_file=ca, dial_timeout_s=20.0)
                connection = await by_name.dial(DialTarget(f"wss://localhost:{port}/v1"), sink)
                connection.send_text(b"there?")
                assert await asyncio.wait_for(sink.texts.get(), 30.0) == b"there?"
                assert silent.accepted == 1
                assert await asyncio.to_thread(silent.ended.acquire, timeout=20.0), "left open"
                connection.abort()

    with caplog.at_level(logging.WARNING):
        run(story())
    assert not [one for one in caplog.records if one.name == "asyncio"]


@LOOPS
def test_if_every_address_is_silent_in_the_handshake_the_dial_ends_with_its_time(run, tmp_path):
    async def story() -> None:
        async with echo_server(tmp_path) as (port, ca):
            with silent_server(port) as silent:
                with pytest.raises(DialError) as refused:
                    everywhere = a_dialer((SILENT, SILENT), ca_file=ca, dial_timeout_s=1.0)
                    await everywhere.dial(DialTarget(f"wss://localhost:{port}/v1"), RecordingSink())
                assert refused.value.ending.cause is Cause.DIAL_TIMEOUT
                for _ in range(silent.accepted):
                    assert await asyncio.to_thread(silent.ended.acquire, timeout=20.0), "left open"

    run(story())


@LOOPS
def test_a_connection_that_ends_before_it_is_used_is_unreachable(run):
    async def story() -> None:
        async with await asyncio.start_server(
            lambda _, writer: writer.transport.abort(), HEALTHY, 0
        ) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(DialError) as refused:
                await a_dialer((HEALTHY,)).dial(
                    DialTarget(f"ws://localhost:{port}/v1"), RecordingSink()
                )
            assert refused.value.ending.cause in (Cause.UNREACHABLE, Cause.LOST)

    run(story())
