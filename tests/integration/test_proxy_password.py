"""A forward proxy that writes down what it is given: the guest socket, REST and uploads present the
same bytes."""

from __future__ import annotations

import asyncio
import base64

import pytest

from guestd.model.errors import DialError, PlatformError
from guestd.model.outbound_route import OutboundRoute
from guestd.model.ports import DialTarget
from guestd.platform.http import Http
from guestd.platform.settings import PlatformSettings
from guestd.spool.reading import open_copy
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.upload import FileUploader


class RecordingProxy:
    """Answers every request with 407 and keeps its Proxy-Authorization, decoded."""

    def __init__(self) -> None:
        self.presented: list[tuple[str, bytes]] = []
        self.url = ""

    async def handle(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        given = [
            one.partition(b":")[2]
            for one in head
            if one.lower().startswith(b"proxy-authorization:")
        ]
        method = head[0].split()[0].decode()
        self.presented += [(method, base64.b64decode(one.split()[1])) for one in given]
        writer.write(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection:"
            b" close\r\n\r\n"
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def proxy():
    recording = RecordingProxy()
    server = await asyncio.start_server(recording.handle, "127.0.0.1", 0)
    async with server:
        recording.url = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield recording


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("password", "plain"),
    [
        ("%C4%84cki7", "Ącki7"),
        ("p%C3%A4ss", "päss"),
        ("10%E2%82%AC", "10€"),
        ("p%40ss%2Fw%3Ard%25", "p@ss/w:rd%"),
    ],
)
async def test_all_three_clients_present_the_same_bytes(proxy, tmp_path, scheme, password, plain):
    proxy_url = f"http://ana:{password}@{proxy.url}"
    (tmp_path / "file").write_bytes(b"x")

    dialer = WebsocketDialer(route=OutboundRoute(proxy_url=proxy_url))
    with pytest.raises(DialError):
        await dialer.dial(DialTarget("ws://platform.example.org/v1"), None)

    http = Http(PlatformSettings(proxy_url=proxy_url))
    with pytest.raises(PlatformError):
        await http.get_object(f"{scheme}://platform.example.org/")
    await http.close()

    uploader = FileUploader(open_copy, route=OutboundRoute(proxy_url=proxy_url))
    with pytest.raises(PlatformError):
        await uploader.put(
            f"{scheme}://storage.example.org/", {}, "text/plain", str(tmp_path / "file"), 1
        )
    await uploader.close()

    methods = ["CONNECT", "GET", "PUT"] if scheme == "http" else ["CONNECT"] * 3
    assert proxy.presented == [(method, f"ana:{plain}".encode()) for method in methods]
