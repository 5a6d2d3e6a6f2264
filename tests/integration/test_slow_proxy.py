"""A proxy that passes everything on in single bytes and reads slowly: TLS inside the tunnel loses
nothing.

uvloop's `start_tls` loses what was read before it was called (its issue 707). Nothing is: neither a
TLS server nor a platform speaks first, and a proxy that sends something of its own behind its
answer is refused."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager

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

from .test_silent_address import RecordingSink

LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
ANSWER = b"HTTP/1.1 200 Connection established\r\n\r\n"
TEXT = b"there? " * 500


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each byte by itself, in a turn of the loop of its own, so that the other side reads it
    alone."""
    try:
        while data := await reader.read(65_536):
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxy_that_answers(answer: bytes):
    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        host, _, port = head.split()[1].decode().rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(answer)
        await asyncio.gather(drip(reader, far_writer), drip(far_reader, writer))

    async with await asyncio.start_server(handle, "127.0.0.1", 0, limit=64) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def platform(folder):
    certificate, key, ca = ensure_certificate(folder, ())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def echo(connection):
        await connection.send(await connection.recv())
        await connection.wait_closed()

    async with serve(echo, "127.0.0.1", 0, ssl=context, compression=None) as server:
        yield server.sockets[0].getsockname()[1], str(ca)


async def dial(folder, answer: bytes, sink: RecordingSink):
    async with platform(folder) as (port, ca), proxy_that_answers(answer) as proxy:
        dialer = WebsocketDialer(
            TransportSettings(dial_timeout_s=30.0),
            OutboundRoute(proxy_url=f"http://127.0.0.1:{proxy}", ca_file=ca),
        )
        connection = await dialer.dial(DialTarget(f"wss://localhost:{port}/v1"), sink)
        connection.send_text(TEXT)
        text = await asyncio.wait_for(sink.texts.get(), 30.0)
        connection.abort()
        return text


@LOOPS
def test_tls_through_a_proxy_that_drips(run, tmp_path):
    assert run(dial(tmp_path, ANSWER, RecordingSink())) == TEXT


@LOOPS
def test_a_proxy_that_sends_something_behind_its_answer_is_refused(run, tmp_path):
    with pytest.raises(DialError) as refused:
        run(dial(tmp_path, ANSWER + b"and more", RecordingSink()))
    assert refused.value.ending.cause is Cause.PROXY_REFUSED
    assert "behind its answer" in refused.value.ending.detail
