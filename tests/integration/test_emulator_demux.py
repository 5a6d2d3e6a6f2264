"""The emulator's one port: who may use the admin API, upgrades after other requests, and how long a
connection may stay without a request."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from websockets.frames import Frame, Opcode

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.emulator.demux import BODY_WAIT_S, HEAD_WAIT_S, IDLE_S

GUEST = f"/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}"


@asynccontextmanager
async def emulating(**settings):
    connector = aiohttp.TCPConnector(limit=1)  # one connection for everything
    async with (
        Emulator(EmulatorSettings(**{"agent": "silent", **settings})) as emulator,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        emulator.http = session
        yield emulator


async def status(emulator, method, path, **headers):
    async with emulator.http.request(method, f"{emulator.url}{path}", headers=headers) as answer:
        await answer.read()
        return answer.status


async def until(condition):
    async with asyncio.timeout(30.0):
        while not condition():
            await asyncio.sleep(0.005)


async def hang_up(writer):
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


# ---------------------------------------------------------------------- the admin API

CONTROL = [
    ("GET", "/__emulator/state"),
    ("POST", "/__emulator/reset"),
    ("GET", "/__emulator/mutations"),
    ("GET", "/__emulator/deeds"),
]
REFUSED = [
    ({"Host": "evil.com"}, 421),
    ({"Host": "evil.com:8080"}, 421),
    ({"Host": "localhost.evil.com"}, 421),
    ({"Host": "127.0.0.1.evil.com"}, 421),
    ({"Host": ""}, 421),
    ({"Origin": "https://evil.com", "Content-Type": "text/plain"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "https://localhost.evil.com"}, 403),
    ({"Origin": "file://"}, 403),
    ({"Origin": "https://192.168.1.1"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
]


@pytest.mark.parametrize(("headers", "answer"), REFUSED, ids=lambda one: str(one)[:40])
async def test_the_control_is_not_for_pages_from_elsewhere(headers, answer):
    async with emulating() as emulator:
        emulator.counters["untouched"] += 1
        for method, path in CONTROL:
            assert await status(emulator, method, path, **headers) == answer
        assert await status(emulator, "POST", "/%5f%5femulator/reset", **headers) == answer
        assert emulator.counters["untouched"] == 1, "nothing was reset"


ALLOWED = [
    {},
    {"Host": "localhost"},
    {"Host": "api.localhost:1234"},
    {"Host": "127.8.8.8"},
    {"Host": "[::1]:80"},
    {"Host": "192.168.1.1:8080"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", ALLOWED, ids=str)
async def test_the_control_is_for_callers_on_this_machine(headers):
    async with emulating() as emulator:
        for method, path in CONTROL:
            assert await status(emulator, method, path, **headers) == 200


async def test_hosts_and_origins_may_be_named():
    named = {"control_hosts": ("Emulator.Test",), "control_origins": ("https://tests.example.org",)}
    async with emulating(**named) as emulator:
        page = {"Origin": "https://tests.example.org", "Sec-Fetch-Site": "cross-site"}
        assert (
            await status(emulator, "GET", "/__emulator/state", Host="emulator.test:8080", **page)
            == 200
        )
        assert await status(emulator, "GET", "/__emulator/state", Host="other.test") == 421


async def test_the_platforms_own_side_is_open_to_every_page():
    page = {"Host": "api.evil.com", "Origin": "https://evil.com", "Sec-Fetch-Site": "cross-site"}
    async with emulating() as emulator:
        path = f"/webdeployments/v1/deployments/{DEFAULT_DEPLOYMENT_ID}/config.json"
        assert await status(emulator, "GET", path, **page) == 200
        assert await status(emulator, "POST", "/oauth/token", **page) in (400, 401)
        socket = await emulator.http.ws_connect(f"{emulator.ws_url}{GUEST}", headers=page)
        await socket.close()


# ---------------------------------------------------------------------- upgrades on a kept
# connection


@pytest.mark.parametrize("dialect", [GUEST, "/webchat/v1"])
async def test_an_upgrade_after_other_requests_on_the_same_connection(dialect):
    """With a socket of our own: a client library would dial again, and say nothing, if the
    connection were closed."""
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        for n in range(3):
            size = 100_000 * n
            writer.write(
                f"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
            )
            writer.write(b"x" * size)
            assert await head(reader) == "HTTP/1.1 400 Bad Request"
        [demux] = emulator.demuxes
        writer.write(
            f"GET {dialect} HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n{key}\r\n\r\n".encode()
        )
        assert await head(reader) == "HTTP/1.1 101 Switching Protocols"
        assert not emulator.demuxes and len(emulator.connections) == 1
        writer.write(Frame(Opcode.TEXT, b"{}").serialize(mask=True))
        first, size = await reader.readexactly(2)
        answer = json.loads(await reader.readexactly(size))
        assert first == 0x81 and (answer.get("type") == "error" or answer["code"] == 400)
        assert not demux.is_http
        await hang_up(writer)


async def head(reader):
    """The first line of an answer; what follows is read to its end."""
    found = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30.0)).decode()
    if length := re.search(r"content-length: (\d+)", found, re.IGNORECASE):
        await reader.readexactly(int(length[1]))
    return found.partition("\r\n")[0]


async def test_a_body_that_looks_like_an_upgrade_is_a_body():
    upgrade = f"GET {GUEST} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n".encode()
    async with emulating() as emulator:
        for body in (upgrade, b"x" * 100_000 + upgrade):
            async with emulator.http.post(f"{emulator.url}/__emulator/faults", data=body) as answer:
                assert answer.status == 400 and "not JSON" in await answer.text()
        assert not emulator.connections and len(emulator.demuxes) == 1


HANDSHAKE = (
    f"GET {GUEST} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
UPGRADE = f"{HANDSHAKE}Upgrade: websocket\r\n\r\n".encode()
SWITCHED = "HTTP/1.1 101 Switching Protocols"


@pytest.mark.parametrize(
    "header",
    [
        "Upgrade:websocket",
        "Upgrade:\twebsocket",
        "UPGRADE:  WebSocket \t",
        "Upgrade: h2c, websocket",
        "Upgrade: websocket,h2c",
        "Upgrade: h2c\r\nUpgrade: websocket",
    ],
)
async def test_an_upgrade_is_one_however_its_header_is_written(header):
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        writer.write(f"{HANDSHAKE}{header}\r\n\r\n".encode())
        assert await head(reader) == SWITCHED
        await hang_up(writer)


@pytest.mark.parametrize(
    "header",
    ["X-Note: upgrade: websocket", "X-Upgrade: websocket", "Upgrade: websockets", "Upgrade: h2c"],
)
async def test_a_request_that_only_speaks_of_an_upgrade_is_none(header):
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        path = f"/webdeployments/v1/deployments/{DEFAULT_DEPLOYMENT_ID}/config.json"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        assert await head(reader) == "HTTP/1.1 200 OK"
        await hang_up(writer)


async def test_requests_before_an_upgrade_in_the_same_piece_are_answered_first():
    asked = b"GET /__emulator/state HTTP/1.1\r\nHost: localhost\r\n\r\n"
    hello = Frame(Opcode.TEXT, b"{}").serialize(mask=True)
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        writer.write(asked * 3 + UPGRADE + hello)
        assert [await head(reader) for _ in range(4)] == ["HTTP/1.1 200 OK"] * 3 + [SWITCHED]
        first, _ = await reader.readexactly(2)
        assert first == 0x81 and not emulator.demuxes
        await hang_up(writer)


async def test_a_client_that_hangs_up_before_the_answers_is_not_upgraded():
    asked = b"GET /__emulator/state HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with emulating() as emulator:
        _, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        writer.write(asked + UPGRADE)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        await until(lambda: not emulator.demuxes)
        assert not emulator.connections


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize(
    "body",
    [
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"1A;name=value\r\n" + b"\r\n\r\nUpgrade: websocket\r\n\r\n" + b"\r\n0\r\n\r\n",
        b"3\r\nabc\r\n00\r\nX-Trailer: 1\r\n\r\n",
    ],
    ids=["empty", "one", "extension", "trailer"],
)
async def test_an_upgrade_after_a_chunked_body(body, piece):
    request = b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    data = request * 2 + UPGRADE
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        for at in range(0, len(data), piece):
            writer.write(data[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)
        answers = [await head(reader) for _ in range(3)]
        assert answers == ["HTTP/1.1 400 Bad Request"] * 2 + [SWITCHED]
        await hang_up(writer)


async def test_nothing_is_read_behind_a_chunk_without_a_size():
    async with emulating() as emulator:
        _, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        request = b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(request + b"-1\r\nhello\r\n0\r\n\r\n")
        await until(lambda: emulator.demuxes)
        writer.write(UPGRADE)
        await asyncio.sleep(0.05)
        assert not emulator.connections
        await hang_up(writer)


async def test_requests_byte_by_byte_and_many_in_one_piece():
    request = b"POST /__emulator/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        for n in range(len(request)):
            writer.write(request[n : n + 1])
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(request * 3)
        found = b""
        while found.count(b"HTTP/1.1 200 OK") < 4:
            found += await asyncio.wait_for(reader.read(65_536), 30.0)
        await hang_up(writer)


@pytest.mark.parametrize("header", [b"Expect", b"Idempotency-Key", b"X-Any"])
async def test_a_head_that_is_no_text_is_a_bad_request(header):
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        writer.write(
            b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n" + header + b": \xff\r\n\r\n"
        )
        assert await head(reader) == "HTTP/1.1 400 Bad Request"
        await hang_up(writer)


# ---------------------------------------------------------------------- bounds


async def holding(emulator, data=b""):
    """A connection that has sent something and then waits: its demux, and its other end."""
    _, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(data)
    await until(lambda: len(emulator.demuxes) == 1)
    [demux] = emulator.demuxes
    await until(lambda: not data or demux._head or demux._body_left or demux.is_http)
    return demux, writer


@pytest.mark.parametrize(
    ("data", "limit_s"),
    [
        (b"", IDLE_S),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", HEAD_WAIT_S),
        (b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", BODY_WAIT_S),
        (
            b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
            IDLE_S,
        ),
    ],
    ids=["silence", "half a head", "half a body", "half a chunk"],
)
async def test_a_connection_that_waits_for_nothing_is_closed(data, limit_s):
    async with emulating() as emulator:
        demux, writer = await holding(emulator, data)
        demux.close_if_slow(demux._since + limit_s - 0.1)
        assert emulator.counters["connections_timed_out"] == 0
        demux.close_if_slow(demux._since + limit_s)
        assert emulator.counters["connections_timed_out"] == 1
        await until(lambda: not emulator.demuxes)
        await hang_up(writer)


async def test_a_head_that_drips_gains_no_time():
    async with emulating() as emulator:
        demux, writer = await holding(emulator, b"GET / HTTP/1.1\r\n")
        since = demux._since
        for n in range(20):
            writer.write(b"X-Drip: 1\r\n")
            await until(lambda n=n: demux._head.count(b"X-Drip") == n + 1)
        assert demux._since == since
        await hang_up(writer)


async def test_the_sweep_runs_by_itself(monkeypatch):
    monkeypatch.setattr("guestd.emulator.demux.HEAD_WAIT_S", 0.0)
    async with emulating() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
        writer.write(b"GET /")
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 30.0) == b""
        assert emulator.counters["connections_timed_out"] == 1
        await hang_up(writer)


async def test_there_are_as_many_connections_as_may_be():
    async with emulating(connections_max=3) as emulator:
        socket = await emulator.http.ws_connect(f"{emulator.ws_url}{GUEST}")
        held = [await asyncio.open_connection("127.0.0.1", emulator.port) for _ in range(2)]
        await until(lambda: len(emulator.demuxes) == 2)
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as another:
                await another.get(f"{emulator.url}/__emulator/health")
        assert emulator.counters["connections_refused"] >= 1
        await hang_up(held.pop()[1])
        await until(lambda: len(emulator.demuxes) == 1)
        async with (
            aiohttp.ClientSession() as another,
            another.get(f"{emulator.url}/__emulator/health") as answer,
        ):
            assert answer.status == 200
        await hang_up(held.pop()[1])
        await socket.close()
