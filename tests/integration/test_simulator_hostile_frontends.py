"""Frontends that break the rules, never read or vanish: they lose their own connection, and
nothing else."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import weakref

import pytest

from guestd.api.frontend import Frontend

from ..soak.hostile_clients import Target, header, upgraded
from ..soak.hostile_clients import frame as framed
from .frontend_client import frame, live, open_frontend


def intakes(stack):
    return [socket._req.transport.get_protocol() for socket in stack.http._simulator._sockets]


async def test_a_frame_over_the_bound_is_skipped_and_not_held(new_stack):
    """It is answered before its end, and the frame behind it is heard."""
    async with new_stack(emulator={"agent": "echo"}) as stack:
        async with (
            upgraded(Target("127.0.0.1", stack.http.port, "ana")) as own,
            asyncio.timeout(30.0),
        ):
            await own.reader.readuntil(b'"state":"live"')
            await own.send(header(3_000_000) + bytes(1_500_000))
            await own.reader.readuntil(b"the message has 3000000 bytes")
            await stack.until(lambda: not any(one.pending_bytes for one in intakes(stack)))
            assert stack.metrics.frontends_unfinished_bytes() == 0
            await own.send(bytes(1_500_000) + framed(b'{"action": "send", "text": "still here"}'))
            await own.reader.readuntil(b'"text":"still here"')


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"\x83\x80mask", 1002),
        (b"\xf1\x80mask", 1002),
        (b"\x80\x80mask", 1002),
        (b"\x81\xff" + b"\x80" + bytes(7) + b"mask", 1009),
        (header(2, 1) + b"\xff\xfe", 1007),
        (
            b"\x01\xff" + (2_000_000).to_bytes(8, "big") + bytes(2_000_004) + framed(b"another"),
            1002,
        ),
    ],
    ids=[
        "opcode",
        "reserved bits",
        "nothing to continue",
        "length",
        "no UTF-8",
        "a message within one too large",
    ],
)
async def test_a_frame_that_is_wrong_in_itself_closes_that_frontend_only(new_stack, wrong, code):
    async with (
        new_stack(emulator={"agent": "echo"}) as stack,
        open_frontend(stack, "?guest=bob") as other,
    ):
        await live(other)
        async with (
            upgraded(Target("127.0.0.1", stack.http.port, "ana")) as own,
            asyncio.timeout(30.0),
        ):
            await own.reader.readuntil(b'"state":"live"')
            await own.send(wrong)
            assert b"\x88\x02" + code.to_bytes(2, "big") in await own.read_until_closed()
        await other.send('{"action": "send", "text": "hello"}')
        await frame(other, kind="message", direction="Outbound")
        assert stack.live() == 2, "the guest session of the closed frontend lives on"


async def test_a_frontend_that_never_reads_is_closed_and_hurts_nobody(new_stack):
    """The frontend gets far more than sockets and its queue hold. Others go on; it is told where to
    resume."""
    api = {"queue_events_max": 64, "queue_bytes_max": 200_000, "write_timeout_s": 1.0}
    async with new_stack(
        api=api, emulator={"agent": "silent", "limits": {"strict": False}}
    ) as stack:
        reader, writer = await _deaf_frontend(stack, "slow")
        async with open_frontend(stack, "?guest=quick") as quick:
            await live(quick)
            await stack.until(lambda: stack.live() == 2)
            slow = stack.emulator.world.sessions[_token(stack, "slow")]
            for n in range(3000):
                _, effects = stack.emulator.world.agent_says(slow, "x" * 3900, stack.emulator.now())
                stack.emulator.perform(effects)
                if n % 50 == 0:
                    await asyncio.sleep(0.005)
            await quick.send('{"action": "send", "text": "am I heard?", "command_id": "q"}')
            await frame(quick, kind="delivery", status="confirmed")
            await stack.until(lambda: stack.metrics.watchers_closed_slow == 1, 20.0)
            assert stack.metrics.watchers_lagging >= 1
            assert stack.live() == 2
        writer.close()
        last = stack.fleet.view(stack.fleet.find("slow")).seq
        async with open_frontend(stack, f"?guest=slow&since={last - 1}") as frontend:
            assert (await frame(frontend, kind="message"))["seq"] == last


def _token(stack, name):
    return stack.fleet._runners[stack.fleet.find(name)].machine.guest.token


async def _deaf_frontend(stack, name):
    """Upgrades by hand over a socket with a tiny receive buffer, and then never reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    host, port = stack.http.url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    writer.write(
        f"GET /?guest={name} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection:"
        " Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version:"
        " 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()
    return reader, writer


@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
@pytest.mark.parametrize(
    "data", ['{"a": ' * 260 + "1" + "}" * 260, '{"a": "\\ud800"}', f'{{"a": {10**30}}}']
)
async def test_sock_4_a_context_that_cannot_be_written_out_again_ends_nothing(
    new_stack, dialect, data
):
    async with new_stack(dialect=dialect) as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        await frontend.send(f'{{"action": "context", "command_id": "c1", "data": {data}}}')
        assert (await frame(frontend, command_id="c1"))["field"] == "data"
        await frontend.send(
            json.dumps({"action": "send", "text": "still here", "command_id": "c2"})
        )
        await frame(frontend, command_id="c2", ok=True)


async def test_a_frontend_that_is_gone_before_it_is_answered_leaves_no_trace(new_stack, caplog):
    """Found by two thousand kills: a traceback of somebody who had hung up."""
    upgrade = (
        b"GET /?guest=ana HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection:"
        b" Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key:"
        b" dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    events = (
        b"GET /v1/sessions/ana/events HTTP/1.1\r\nHost: localhost\r\nAccept:"
        b" text/event-stream\r\n\r\n"
    )
    async with new_stack() as stack:
        for n in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
            writer.write(upgrade if n < 100 else events)
            writer.transport.abort()
        await asyncio.sleep(0.2)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def test_a_frontend_that_has_left_is_in_no_reference_cycle(new_stack, monkeypatch):
    """A thousand that come and go would otherwise fill the memory until a full collection."""
    sockets = weakref.WeakSet()
    made = Frontend.__init__

    def remembered(self, socket, *more):
        sockets.add(socket)
        made(self, socket, *more)

    monkeypatch.setattr(Frontend, "__init__", remembered)
    async with new_stack(emulator={"agent": "silent"}) as stack:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with upgraded(Target("127.0.0.1", stack.http.port, "ana")) as frontend:
                    await frontend.reader.read(100)
                await stack.until(lambda: stack.metrics.http_connections == 0)
            await stack.until(lambda: not sockets)
        finally:
            gc.enable()
