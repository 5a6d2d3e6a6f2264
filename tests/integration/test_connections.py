"""Connections of the HTTP port that dawdle, or are too many, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter

import aiohttp
import pytest

from guestd.api.listening import bind_all
from guestd.model.errors import ConfigError
from guestd.model.ports import OpenGuest

HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def connect(stack, data=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
    writer.write(data)
    return reader, writer


async def ask(reader, writer):
    """A whole request on a connection that is open; the status."""
    writer.write(WHOLE)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    return int(head.split()[1])


async def all_of(reader):
    """What comes until the other side closes. A reset is a way to close."""
    found = b""
    try:
        while more := await reader.read(65536):
            found += more
    except ConnectionResetError:
        pass
    return found


async def health(stack):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{stack.http.url}/healthz") as answer,
    ):
        return answer.status


class TestTime:
    async def test_half_a_head_is_given_up_with_408(self, new_stack):
        async with new_stack(api={"head_timeout_s": 0.2, "keepalive_timeout_s": 60.0}) as stack:
            halves = [await connect(stack, HALF) for _ in range(50)]
            async with asyncio.timeout(30.0):
                for reader, writer in halves:
                    assert (await all_of(reader)).startswith(b"HTTP/1.1 408 ")
                    writer.close()
            await stack.until(lambda: stack.metrics.http_connections == 0)
            assert stack.metrics.http_refused == {"head_timeout_s": 50}

    async def test_a_head_that_drips_is_given_up_too(self, new_stack):
        async with new_stack(api={"head_timeout_s": 0.2, "keepalive_timeout_s": 60.0}) as stack:
            reader, writer = await connect(stack, HALF)

            async def drip():
                while not writer.is_closing():
                    writer.write(b"x")
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            async with asyncio.timeout(30.0):
                assert (await all_of(reader)).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()
            writer.close()

    async def test_half_a_head_after_a_whole_request_is_given_up_too(self, new_stack):
        async with new_stack(api={"head_timeout_s": 0.2, "keepalive_timeout_s": 60.0}) as stack:
            reader, writer = await connect(stack)
            assert await ask(reader, writer) == 200
            writer.write(HALF)
            async with asyncio.timeout(30.0):
                assert (await all_of(reader)).startswith(b"HTTP/1.1 408 ")
            writer.close()

    @pytest.mark.parametrize("asked_before", [False, True])
    async def test_an_idle_connection_is_closed(self, new_stack, asked_before):
        async with new_stack(api={"keepalive_timeout_s": 0.2}) as stack:
            reader, writer = await connect(stack)
            if asked_before:
                assert await ask(reader, writer) == 200
            async with asyncio.timeout(30.0):
                assert await all_of(reader) == b""
            writer.close()
            assert stack.metrics.http_refused == {}

    async def test_a_frontend_is_not_idle(self, new_stack):
        async with new_stack(api={"keepalive_timeout_s": 0.1, "head_timeout_s": 0.1}) as stack:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{stack.ws_url}?guest=ana") as ana,
            ):
                assert (await ana.receive_json())["kind"] == "hello"
                reader, writer = await connect(stack, HALF)
                await all_of(reader)  # the time limits have passed for all that have them
                writer.close()
                await ana.ping()
                await stack.until(lambda: stack.live() == 1)
                assert not ana.closed

    async def test_an_answer_that_nobody_reads_is_given_up(self, new_stack):
        async with new_stack(api={"keepalive_timeout_s": 0.2}) as stack:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect(("127.0.0.1", stack.http.port))
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_sendall(
                    deaf, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400
                )
                await stack.until(lambda: stack.metrics.http_connections == 1)
                await stack.until(lambda: stack.metrics.http_connections == 0)


class TestWhatIsNotHttp:
    @pytest.mark.parametrize(
        "wrong", [b"GET /v1/" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
    )
    async def test_it_is_answered_400_as_the_description_says(self, new_stack, wrong):
        async with new_stack() as stack:
            reader, writer = await connect(stack, wrong)
            head, _, _ = (await all_of(reader)).partition(b"\r\n\r\n")
            assert head.split()[1] == b"400" and b"text/plain" in head
            writer.close()
            async with (
                aiohttp.ClientSession(stack.http.url) as session,
                session.get("/v1/openapi.json") as answer,
            ):
                paths = (await answer.json())["paths"]
            for operations in paths.values():
                for operation in operations.values():
                    assert "text/plain" in operation["responses"]["400"]["content"]


class TestNumber:
    async def test_at_the_limit_the_one_that_waited_longest_makes_room(self, new_stack):
        async with new_stack(api={"connections_max": 20}) as stack:
            halves = [await connect(stack, HALF) for _ in range(20)]
            assert await health(stack) == 200
            assert (await all_of(halves[0][0])).startswith(b"HTTP/1.1 503 ")
            assert stack.metrics.http_refused == {"displaced": 1}
            for _, writer in halves:
                writer.close()

    async def test_a_flood_of_half_heads_hinders_nobody(self, new_stack):
        async with new_stack(api={"connections_max": 20}) as stack:
            halves = []
            for _ in range(10):
                halves += [await connect(stack, HALF) for _ in range(20)]
                assert await health(stack) == 200
            assert stack.metrics.http_connections <= 20
            for _, writer in halves:
                writer.close()

    async def test_who_is_busy_is_never_displaced_and_one_more_is_refused(self, new_stack):
        async with (
            new_stack(api={"connections_max": 16}) as stack,
            aiohttp.ClientSession() as session,
        ):
            frontends = [await session.ws_connect(f"{stack.ws_url}?guest=ana") for _ in range(16)]
            reader, writer = await connect(stack)
            assert (await all_of(reader)).startswith(b"HTTP/1.1 503 ")
            writer.close()
            assert stack.metrics.http_refused == {"connections_max": 1}
            assert not any(one.closed for one in frontends)
            await frontends[0].close()
            await stack.until(lambda: stack.metrics.http_connections < 16)
            assert await health(stack) == 200
            for one in frontends:
                await one.close()

    async def test_one_address_leaves_room_for_others(self, new_stack):
        async with (
            new_stack(api={"connections_per_address_max": 8}) as stack,
            aiohttp.ClientSession() as session,
        ):
            frontends = [await session.ws_connect(f"{stack.ws_url}?guest=ana") for _ in range(8)]
            reader, writer = await connect(stack)
            assert (await all_of(reader)).startswith(b"HTTP/1.1 503 ")
            writer.close()
            assert stack.metrics.http_refused == {"connections_per_address_max": 1}
            other = ("127.0.0.2", 0)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", stack.http.port, local_addr=other
            )
            assert await ask(reader, writer) == 200
            writer.close()
            for one in frontends:
                await one.close()

    async def test_requests_sent_ahead_are_not_taken_without_bound(self, new_stack):
        async with new_stack() as stack:
            reader, writer = await connect(stack)
            waiting = (
                b"GET /v1/sessions/ana/events HTTP/1.1\r\nHost: localhost\r\nAccept:"
                b" text/event-stream\r\n\r\n"
            )
            async with aiohttp.ClientSession(stack.http.url) as session:
                async with session.post("/v1/sessions", json={"name": "ana"}) as answer:
                    assert answer.status == 201
            writer.write(waiting)
            await reader.readuntil(b"\r\n\r\n")
            sent = 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    while sent < 64 * 1024 * 1024:
                        writer.write(WHOLE * 1000)
                        sent += len(WHOLE) * 1000
                        await writer.drain()
            writer.transport.abort()

    async def test_the_metrics_say_it(self, new_stack):
        async with new_stack(api={"connections_max": 1}) as stack:
            _, writer = await connect(stack, HALF)
            async with (
                aiohttp.ClientSession(stack.http.url) as session,
                session.get("/metrics") as answer,
            ):
                text = await answer.text()
            assert "guestd_http_connections 1.0" in text
            assert 'guestd_http_refused_total{reason="displaced"} 1.0' in text
            writer.close()


class TestLocalhost:
    async def test_both_loopback_addresses_are_listened_on(self, new_stack):
        async with new_stack(api={"host": "localhost"}) as stack:
            assert stack.http.url == f"http://127.0.0.1:{stack.http.port}"
            for address in ("127.0.0.1", "::1"):
                reader, writer = await asyncio.open_connection(address, stack.http.port)
                assert await ask(reader, writer) == 200
                writer.close()

    async def test_it_is_the_default(self, new_stack):
        async with new_stack() as stack:
            reader, writer = await asyncio.open_connection("::1", stack.http.port)
            assert await ask(reader, writer) == 200
            writer.close()

    async def test_a_port_that_one_of_them_has_lost_is_said(self, new_stack):
        with socket.socket(socket.AF_INET6) as other:
            other.bind(("::1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(ConfigError, match=f"port {port} on localhost is already in use"):
                async with new_stack(api={"host": "localhost", "port": port}):
                    pass

    async def test_told_one_address_it_listens_on_that_one_only(self, new_stack):
        async with new_stack(api={"host": "127.0.0.1"}) as stack:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("::1", stack.http.port)

    def test_a_machine_without_ipv6_starts(self):
        sockets = bind_all(("127.0.0.1", "2001:db8::1"), 0)  # an address that no machine has
        assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1"]
        for one in sockets:
            one.close()

    def test_no_address_at_all_is_an_error(self):
        with pytest.raises(OSError):
            bind_all(("2001:db8::1",), 0)


async def test_who_expects_a_continue_and_is_gone_is_no_error(new_stack, caplog):
    async with new_stack() as stack:
        for _ in range(20):
            one = socket.create_connection(("127.0.0.1", stack.http.port))
            one.sendall(
                b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nExpect:"
                b" 100-continue\r\nContent-Length: 5\r\n\r\n"
            )
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
            await asyncio.sleep(0.01)
        await stack.until(lambda: stack.metrics.http_connections == 0)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def test_of_a_body_that_its_handler_does_not_read_little_is_taken(new_stack):
    """A megabyte goes with the request for an event stream. The loop reads up to 256 KiB at once;
    aiohttp alone takes 768."""
    async with new_stack() as stack:
        stack.fleet.open(OpenGuest("ana"))
        head = (
            "GET /v1/sessions/ana/events HTTP/1.1\r\nHost: localhost\r\nAccept:"
            " text/event-stream\r\n"
        )
        reader, writer = await connect(
            stack, f"{head}Content-Length: 1000000\r\n\r\n".encode() + b"x" * 1_000_000
        )
        assert b" 200 " in await reader.readuntil(b"\r\n")
        (connection,) = stack.http._connections._open.values()
        taken = -1
        while taken != (taken := connection.received_bytes):
            await asyncio.sleep(0.05)
        assert taken < 400_000
        writer.transport.abort()


async def test_an_address_that_comes_with_too_many_new_connections_waits(new_stack):
    """Of one that waits a chunk is read and no more; who has come in time, and another address, do
    not wait."""
    async with new_stack(api={"new_per_address_burst": 3, "new_per_address_per_s": 0.001}) as stack:
        first = [await connect(stack) for _ in range(3)]
        assert [await ask(*one) for one in first] == [200, 200, 200]
        body = (
            b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
            + b"x" * 1_000_000
        )
        _, late = await connect(stack, body)
        await stack.until(lambda: len(stack.http._connections._open) == 4)
        waiting = list(stack.http._connections._open)[-1]
        await stack.until(lambda: not waiting.is_reading())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", stack.http.port, local_addr=("127.0.0.2", 0)
        )
        assert await ask(reader, writer) == 200
        assert [await ask(*one) for one in first] == [200, 200, 200]
        assert not waiting.is_reading() and stack.http._connections.received_bytes(waiting) == 0
        for one in (late, writer, *(writer for _, writer in first)):
            one.transport.abort()


async def test_who_waited_and_left_gives_the_turn_to_the_next(new_stack):
    async with new_stack(api={"new_per_address_burst": 1, "new_per_address_per_s": 0.5}) as stack:
        first = await connect(stack)
        assert await ask(*first) == 200
        gone = [await connect(stack, WHOLE) for _ in range(40)]
        connections = stack.http._connections
        await stack.until(lambda: len(connections._open) == 41)
        for _, writer in gone:
            writer.transport.abort()
        last = await connect(stack)
        async with asyncio.timeout(30.0):  # eighty seconds, if those who left had to be waited for
            assert await ask(*last) == 200
        for _, writer in (first, last):
            writer.transport.abort()


async def test_new_connections_are_read_from_one_in_each_turn_of_the_loop(new_stack):
    """A hundred that come at once with a request each: between any two of them every other socket
    is looked at."""
    async with new_stack() as stack:
        loop, turn, seen = asyncio.get_running_loop(), 0, []

        def tick():
            nonlocal turn
            turn += 1
            loop.call_soon(tick)

        def health():
            seen.append(turn)
            return {}

        tick()
        stack.http._health = health
        request_ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        socks = [socket.create_connection(("127.0.0.1", stack.http.port)) for _ in range(100)]
        try:
            for one in socks:
                one.sendall(request_)
            await stack.until(lambda: len(seen) == 100)
        finally:
            for one in socks:
                one.close()
        assert max(Counter(seen).values()) == 1
