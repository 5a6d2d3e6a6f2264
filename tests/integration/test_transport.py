"""The dialer and the connection over real sockets: who refuses how, and what we make of it."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl

import pytest
from websockets.asyncio.server import serve

from guestd.emulator.tls import ensure_certificate
from guestd.model.endings import Cause
from guestd.model.errors import ConfigError, DialError
from guestd.model.outbound_route import OutboundRoute
from guestd.model.ports import DialTarget
from guestd.session.settings import ReconnectSettings
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.settings import TransportSettings
from tests.sections import split

PATH = "/v1?deploymentId=d"


class RecordingSink:
    """A sink that remembers."""

    def __init__(self):
        self.texts, self.garbage, self.pongs = [], [], 0
        self.ended = asyncio.get_running_loop().create_future()
        self.heard = asyncio.Event()

    def text_received(self, text):
        self.texts.append(text)
        self.heard.set()

    def pong_received(self):
        self.pongs += 1
        self.heard.set()

    def ping_received(self, size_bytes): ...

    def garbage_received(self, reason, size_bytes):
        self.garbage.append(reason)
        self.heard.set()

    def writable_changed(self, writable):
        pass

    def connection_ended(self, ending):
        self.ended.set_result(ending)

    async def wait(self, condition):
        async with asyncio.timeout(30.0):
            while not condition():
                self.heard.clear()
                await self.heard.wait()


def dialer(**settings):
    return WebsocketDialer(
        *split(
            {"dial_timeout_s": 5.0, **settings}, TransportSettings, OutboundRoute, ReconnectSettings
        )
    )


async def answer_once(answer, then=None):
    """A server that reads one request head, writes these bytes, and maybe does more."""

    async def handle(reader, writer):
        try:
            handle.head = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if then is not None:
                await then(reader, writer)
            elif answer:
                writer.close()
            else:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.handle = handle
    return server, server.sockets[0].getsockname()[1]


async def refusal(answer=b"", **settings):
    server, port = await answer_once(answer)
    async with server:
        with pytest.raises(DialError) as refused:
            await dialer(**settings).dial(
                DialTarget(f"ws://127.0.0.1:{port}{PATH}"), RecordingSink()
            )
        return refused.value.ending


@pytest.mark.parametrize(
    ("answer", "cause", "code", "retry_after_s"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Cause.ACCESS_DENIED, 403, None),
        (b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n\r\n", Cause.UPGRADE_REFUSED, 429, 7.0),
        (b"HTTP/1.1 503 Busy\r\nretry-after:  2 \r\n\r\n", Cause.UPGRADE_REFUSED, 503, 2.0),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: soon\r\n\r\n", Cause.UPGRADE_REFUSED, 503, None),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: \xb2\r\n\r\n", Cause.UPGRADE_REFUSED, 503, None),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: -1\r\n\r\n", Cause.UPGRADE_REFUSED, 503, None),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\n\r\n", Cause.UPGRADE_REFUSED, 503, 30.0),
        (
            b"HTTP/1.1 503 Busy\r\nRetry-After: " + b"9" * 5000 + b"\r\n\r\n",
            Cause.UPGRADE_REFUSED,
            503,
            30.0,
        ),
        (
            b"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n\r\n",
            Cause.UPGRADE_REFUSED,
            503,
            30.0,
        ),
        (
            (
                b"HTTP/1.1 503 Busy\r\nDate: Thu, 01 Jan 2099 00:00:00 GMT\r\n"
                b"Retry-After: Thu, 01 Jan 2099 00:00:07 GMT\r\n\r\n"
            ),
            Cause.UPGRADE_REFUSED,
            503,
            7.0,
        ),
        (
            b"HTTP/1.1 503 Busy\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
            Cause.UPGRADE_REFUSED,
            503,
            0.0,
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n", Cause.UPGRADE_REFUSED, 200, None),
        (b"HTTP/1.1 101 Switching\r\n\r\n", Cause.PROTOCOL_VIOLATION, 101, None),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Cause.PROTOCOL_VIOLATION, None, None),
        (b"HTTP/1.1 999999 x\r\n\r\n", Cause.PROTOCOL_VIOLATION, None, None),
        (b"HTTP/1.1 101 x\r\nX: " + b"x" * 40_000, Cause.PROTOCOL_VIOLATION, None, None),
        (b"HTTP/1.1 101 Switch", Cause.LOST, None, None),
    ],
)
async def test_refused_upgrades(answer, cause, code, retry_after_s):
    ending = await refusal(answer)
    assert (ending.cause, ending.code) == (cause, code)
    assert ending.retry_after_s == retry_after_s


async def test_a_server_that_never_answers_is_given_up_in_time():
    assert (await refusal(b"", dial_timeout_s=0.3)).cause is Cause.DIAL_TIMEOUT


async def test_nobody_there_and_no_such_name():
    server, port = await answer_once(b"")
    server.close()
    await server.wait_closed()
    for url, cause in (
        (f"ws://127.0.0.1:{port}/", Cause.UNREACHABLE),
        ("ws://no-such-name.invalid/", Cause.UNREACHABLE),
    ):
        with pytest.raises(DialError) as refused:
            await dialer().dial(DialTarget(url), RecordingSink())
        assert refused.value.ending.cause is cause


@pytest.fixture
async def chatty():
    """A server by the library: each text says what to do to us."""

    async def handle(socket):
        async for text in socket:
            match text.split(":", 1):
                case ["echo", what]:
                    await socket.send(what)
                case ["big", size]:
                    await socket.send("x" * int(size))
                case ["fragments", what]:
                    await socket.send(iter(what))
                case ["binary", _]:
                    await socket.send(b"\x00\x01")
                case ["bad-utf8", _]:
                    socket.transport.write(b"\x81\x02\xff\xfe")
                case ["half", _]:
                    socket.transport.write(b"\x81\x7e\x10\x00abc")
                case ["masked", _]:
                    socket.transport.write(b"\x81\x81\x00\x00\x00\x00a")
                case ["close", code]:
                    await socket.close(int(code), "because")
                case ["abort", _]:
                    socket.transport.abort()
                case ["headers", name]:
                    await socket.send(str(socket.request.headers.get(name)))

    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        yield server.sockets[0].getsockname()[1]


async def dial(port, sink, headers=(), **settings):
    return await dialer(**settings).dial(DialTarget(f"ws://127.0.0.1:{port}{PATH}", headers), sink)


async def test_text_fragments_and_ping(chatty):
    sink = RecordingSink()
    connection = await dial(chatty, sink)
    connection.send_text(b"echo:h\xc3\xa9llo")
    connection.send_text(b"fragments:abc")
    connection.ping()
    await sink.wait(lambda: len(sink.texts) == 2 and sink.pongs == 1)
    assert sink.texts == ["héllo".encode(), b"abc"]
    connection.close()
    assert (await sink.ended).cause is Cause.CLOSED_BY_US


async def test_a_frame_of_ten_megabytes_ends_the_link_with_1009(chatty):
    sink = RecordingSink()
    connection = await dial(chatty, sink, frame_bytes_max=1_000_000)
    connection.send_text(b"big:10000000")
    ending = await asyncio.wait_for(sink.ended, 30.0)
    assert (ending.cause, ending.code, sink.texts) == (Cause.PROTOCOL_VIOLATION, 1009, [])


async def test_a_binary_frame_is_counted_and_the_link_goes_on(chatty):
    sink = RecordingSink()
    connection = await dial(chatty, sink)
    connection.send_text(b"binary:")
    connection.send_text(b"echo:on")
    await sink.wait(lambda: sink.texts == [b"on"])
    assert sink.garbage == ["a binary frame"]
    connection.abort()


@pytest.mark.parametrize(("order", "code"), [(b"bad-utf8:", 1007), (b"masked:", 1002)])
async def test_violations_end_the_link_with_the_rfcs_code(chatty, order, code):
    sink = RecordingSink()
    connection = await dial(chatty, sink)
    connection.send_text(order)
    ending = await asyncio.wait_for(sink.ended, 30.0)
    assert (ending.cause, ending.code) == (Cause.PROTOCOL_VIOLATION, code)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4001])
async def test_the_peers_close_code_is_told(chatty, code):
    sink = RecordingSink()
    connection = await dial(chatty, sink)
    connection.send_text(f"close:{code}".encode())
    ending = await asyncio.wait_for(sink.ended, 30.0)
    assert (ending.cause, ending.code, ending.detail) == (Cause.CLOSED_BY_PEER, code, "because")


async def test_a_connection_that_breaks_is_lost_even_inside_a_frame(chatty):
    sink = RecordingSink()
    connection = await dial(chatty, sink)
    connection.send_text(b"half:")
    connection.send_text(b"abort:")
    assert (await asyncio.wait_for(sink.ended, 30.0)).cause is Cause.LOST


async def test_headers_of_the_target_are_sent(chatty):
    sink = RecordingSink()
    connection = await dial(chatty, sink, (("Origin", "https://shop.example"),))
    connection.send_text(b"headers:Origin")
    await sink.wait(lambda: sink.texts == [b"https://shop.example"])
    connection.abort()


async def test_nothing_is_left_open_after_many_links(chatty):
    connections = []
    before = len(os.listdir("/proc/self/fd"))
    for n in range(150):
        sink = RecordingSink()
        connection = await dial(chatty, sink)
        connection.close() if n % 2 else connection.abort()
        connections.append(sink.ended)
    await asyncio.wait_for(asyncio.gather(*connections), 30.0)
    await asyncio.sleep(0.2)
    assert len(os.listdir("/proc/self/fd")) <= before + 5


class TestTls:
    @pytest.fixture
    async def secured(self, tmp_path):
        certificate, key, ca = ensure_certificate(tmp_path, ("emu.test",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        async def handle(socket):
            async for text in socket:
                await socket.send(text)

        async with serve(handle, "127.0.0.1", 0, ssl=context, compression=None) as server:
            yield server.sockets[0].getsockname()[1], str(ca)

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "emu.test"])
    async def test_the_right_ca_and_name(self, secured, host):
        port, ca = secured
        sink = RecordingSink()
        connection = await dialer(ca_file=ca).dial(DialTarget(f"wss://{host}:{port}{PATH}"), sink)
        connection.send_text(b"secret")
        await sink.wait(lambda: sink.texts == [b"secret"])
        connection.close()
        await sink.ended

    async def test_the_second_connection_resumes_the_session_of_the_first(self, secured):
        port, ca = secured
        one = dialer(ca_file=ca)
        connections = [
            await one.dial(DialTarget(f"wss://{host}:{port}{PATH}"), RecordingSink())
            for host in ("localhost", "localhost", "emu.test", "localhost")
        ]
        tls = [one._transport.get_extra_info("ssl_object") for one in connections]
        assert [one.session_reused for one in tls] == [False, True, False, True]
        for connection in connections:
            connection.abort()

    async def test_a_ticket_is_no_pass_for_another_name(self, secured):
        port, ca = secured
        one = dialer(ca_file=ca)
        (await one.dial(DialTarget(f"wss://localhost:{port}{PATH}"), RecordingSink())).abort()
        with pytest.raises(DialError) as refused:
            await one.dial(DialTarget(f"wss://other.test:{port}{PATH}"), RecordingSink())
        assert refused.value.ending.cause is Cause.CERTIFICATE_REFUSED

    async def test_an_unknown_ca_is_refused_with_the_remedy(self, secured):
        port, _ = secured
        with pytest.raises(DialError) as refused:
            await dialer().dial(DialTarget(f"wss://localhost:{port}{PATH}"), RecordingSink())
        ending = refused.value.ending
        assert ending.cause is Cause.CERTIFICATE_REFUSED and "platform.ca_file" in ending.detail
        assert not ending.may_come_back(frozenset({1006}))

    async def test_another_name_than_the_certificates_is_refused(self, secured):
        port, ca = secured
        with pytest.raises(DialError) as refused:
            await dialer(ca_file=ca).dial(
                DialTarget(f"wss://other.test:{port}{PATH}"), RecordingSink()
            )
        assert refused.value.ending.cause is Cause.CERTIFICATE_REFUSED

    async def test_a_peer_that_speaks_no_tls(self, chatty):
        with pytest.raises(DialError) as refused:
            await dialer().dial(DialTarget(f"wss://localhost:{chatty}{PATH}"), RecordingSink())
        assert refused.value.ending.cause is Cause.UNREACHABLE

    def test_a_ca_file_that_cannot_be_used_is_a_configuration_error(self, tmp_path):
        (tmp_path / "no.pem").write_text("not PEM")
        for name in ("missing.pem", "no.pem"):
            with pytest.raises(ConfigError) as refused:
                dialer(ca_file=str(tmp_path / name))
            assert refused.value.field == "platform.ca_file"


class TestProxy:
    """A CONNECT proxy of a few lines, real enough to tunnel through."""

    @pytest.fixture
    async def proxy(self):
        seen = []

        async def handle(reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            seen.append(head)
            wanted = "Proxy-Authorization: Basic " + base64.b64encode(b"user:p@ss").decode()
            if wanted not in head:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                writer.close()
                return
            host, _, port = head.split()[1].rpartition(":")
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1], seen

    async def test_a_link_through_it(self, proxy, chatty):
        port, seen = proxy
        sink = RecordingSink()
        connection = await dial(chatty, sink, proxy_url=f"http://user:p%40ss@127.0.0.1:{port}")
        connection.send_text(b"echo:through")
        await sink.wait(lambda: sink.texts == [b"through"])
        assert seen[0].startswith(f"CONNECT 127.0.0.1:{chatty} HTTP/1.1")
        connection.close()
        await sink.ended

    async def test_tls_inside_the_tunnel(self, proxy, tmp_path):
        certificate, key, ca = ensure_certificate(tmp_path, ())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        async def handle(socket):
            await socket.send(await socket.recv())
            await socket.wait_closed()

        async with serve(handle, "127.0.0.1", 0, ssl=context, compression=None) as server:
            far = server.sockets[0].getsockname()[1]
            sink = RecordingSink()
            settings = {"proxy_url": f"http://user:p%40ss@127.0.0.1:{proxy[0]}", "ca_file": str(ca)}
            connection = await dialer(**settings).dial(
                DialTarget(f"wss://localhost:{far}{PATH}"), sink
            )
            connection.send_text(b"secret")
            await sink.wait(lambda: sink.texts == [b"secret"])
            connection.close()
            await sink.ended

    async def test_a_refusal_says_what_to_check(self, proxy, chatty):
        with pytest.raises(DialError) as refused:
            await dial(chatty, RecordingSink(), proxy_url=f"http://user:wrong@127.0.0.1:{proxy[0]}")
        ending = refused.value.ending
        assert (ending.cause, ending.code) == (
            Cause.PROXY_REFUSED,
            407,
        ) and "wrong" not in ending.detail

    @pytest.mark.parametrize("url", ["ftp://x", "http://", "socks5://x:1"])
    def test_a_proxy_url_that_is_none(self, url):
        with pytest.raises(ConfigError):
            dialer(proxy_url=url)


async def _pump(reader, writer):
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
