"""Clients that mean harm, by kind, for tests that measure what they cost others.

    python tests/soak/hostile_clients.py HOST PORT KIND COUNT SECONDS [GUEST]

Each client lives one connection after the other until it is cancelled: when it is closed or refused
it comes back after
`PAUSE_S`. They use plain sockets and the standard library only, so that they can do what client
libraries do not allow."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
import os
import resource
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

PAUSE_S = 0.5
KEY = base64.b64encode(b"hostile clients!").decode()
MIB = 1_048_576


@dataclass(frozen=True)
class Target:
    """Where they go, and the guest session whose events they ask for: best a long conversation."""

    host: str
    port: int
    guest: str = "victim"


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_until_closed(self) -> bytes:
        """Read and forget; the last bytes are returned."""
        last = b""
        while piece := await self.reader.read(65_536):
            last = piece
        return last

    async def stay_deaf(self) -> None:
        """Read nothing; return when the other side has reset the connection."""
        self.writer.transport.pause_reading()
        own = self.writer.get_extra_info("socket")
        while own.fileno() >= 0 and not own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def connected(target: Target, receive_buffer: int | None = None) -> AsyncIterator[Connection]:
    own = socket.socket()
    writer = None
    try:
        if receive_buffer is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, (target.host, target.port))
        reader, writer = await asyncio.open_connection(sock=own, limit=65_536)
        yield Connection(reader, writer)
    finally:
        if writer is not None:
            writer.transport.abort()
        else:
            own.close()


async def ended(reading: asyncio.Future[bytes]) -> None:
    """Stop it, whatever came of it. Unlike `await reading` this does not take our own cancellation
    for that of `reading`."""
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


def request(target: Target, path: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {target.host}:{target.port}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@contextlib.asynccontextmanager
async def upgraded(
    target: Target, query: str = "", receive_buffer: int | None = None
) -> AsyncIterator[Connection]:
    async with connected(target, receive_buffer) as connection:
        upgrade = (
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
        )
        await connection.send(request(target, f"/?guest={target.guest}{query}", *upgrade))
        await connection.reader.readuntil(b"\r\n\r\n")
        yield connection


def header(length: int, opcode: int = 1) -> bytes:
    """Of one final, masked frame whose mask is zero, so that the payload stays as it is."""
    first = 0x80 | opcode
    if length < 126:
        return struct.pack("!BB4x", first, 0x80 | length)
    if length < 65_536:
        return struct.pack("!BBH4x", first, 0x80 | 126, length)
    return struct.pack("!BBQ4x", first, 0x80 | 127, length)


def frame(payload: bytes) -> bytes:
    return header(len(payload)) + payload


RESUME = frame(b'{"action":"resume","since":0}')


def large_frame(size: int = MIB) -> bytes:
    """A file in one frame of about that size, as a guest might send it."""
    data = base64.b64encode(bytes(size * 3 // 4 - 300)).decode()
    return json.dumps(
        {"action": "upload", "filename": "a.pdf", "contentType": "application/x", "buffer": data}
    ).encode()


# ---------------------------------------------------------------------- the simulator


async def resume_flood(target: Target) -> None:
    """1,000 wishes to see everything again, at once, and again; reads all it gets."""
    async with upgraded(target) as connection:
        reading = asyncio.ensure_future(connection.read_until_closed())
        try:
            while not reading.done():
                await connection.send(RESUME * 1000)
                await asyncio.sleep(1.0)
        finally:
            await ended(reading)


async def deaf_resume_flood(target: Target) -> None:
    async with upgraded(target, receive_buffer=4096) as connection:
        connection.writer.write(RESUME * 1000)
        await connection.stay_deaf()


async def since_zero(target: Target) -> None:
    """Reads the whole conversation, closes, comes back for it."""
    async with upgraded(target, "&since=0") as connection:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30.0):
                await connection.read_until_closed()


async def deaf_socket(target: Target) -> None:
    async with upgraded(target, "&since=0", receive_buffer=4096) as connection:
        await connection.stay_deaf()


@functools.cache
def framed_file() -> bytes:
    """One for all clients, as `many_headers`."""
    return frame(large_frame(MIB - 1000))


async def large_frames(target: Target) -> None:
    """Two frames of 1 MB a second, as M5 was found."""
    payload = framed_file()
    async with upgraded(target) as connection:
        reading = asyncio.ensure_future(connection.read_until_closed())
        try:
            while not reading.done():
                await connection.send(payload)
                await asyncio.sleep(0.5)
        finally:
            await ended(reading)


async def unfinished_frame(target: Target) -> None:
    async with upgraded(target) as connection:
        await connection.send(header(MIB - 1000) + b"x" * (MIB - 2000))
        await connection.read_until_closed()


# ---------------------------------------------------------------------- HTTP


async def deaf_stream(target: Target) -> None:
    """An event stream of everything that is not read."""
    async with connected(target, receive_buffer=4096) as connection:
        path = f"/v1/sessions/{target.guest}/events?after=0"
        await connection.send(request(target, path, "Accept: text/event-stream"))
        await connection.stay_deaf()


async def half_head(target: Target) -> None:
    async with connected(target) as connection:
        await connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
        await connection.read_until_closed()


async def post_without_body(target: Target) -> None:
    async with connected(target) as connection:
        headers = ("Content-Type: application/json", "Content-Length: 1000")
        await connection.send(request(target, "/v1/sessions", *headers, method="POST"))
        await connection.read_until_closed()


async def slow_body(target: Target) -> None:
    """One byte in two seconds."""
    async with connected(target) as connection:
        headers = ("Content-Type: application/json", "Content-Length: 100000")
        await connection.send(request(target, "/v1/sessions", *headers, method="POST"))
        reading = asyncio.ensure_future(connection.read_until_closed())
        try:
            while not reading.done():
                await connection.send(b" ")
                await asyncio.sleep(2.0)
        finally:
            await ended(reading)


@functools.cache
def many_headers() -> bytes:
    """One body for all clients: a thousand copies would take more time and memory than the daemon
    does."""
    return b"--b\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100_000))


async def multipart_bomb(target: Target) -> None:
    """Many thousand headers of one part."""
    body = many_headers()
    async with connected(target) as connection:
        path = f"/v1/sessions/{target.guest}/attachments"
        headers = (
            "Content-Type: multipart/form-data; boundary=b",
            f"Content-Length: {len(body) + 1000}",
        )
        connection.writer.write(request(target, path, *headers, method="POST"))
        await connection.send(body)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30.0):
                await connection.read_until_closed()


KINDS: dict[str, Callable[[Target], Awaitable[None]]] = {
    one.__name__: one
    for one in (
        resume_flood,
        deaf_resume_flood,
        since_zero,
        deaf_socket,
        large_frames,
        unfinished_frame,
        deaf_stream,
        half_head,
        post_without_body,
        slow_body,
        multipart_bomb,
    )
}


class Hostiles:
    """`count` clients of one kind: `async with Hostiles(…):` they live; after it all their sockets
    are closed."""

    def __init__(self, kind: str, target: Target, count: int) -> None:
        self._kind = KINDS[kind]
        self._target = target
        self._count = count
        self._lives: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Hostiles:
        self._lives = [asyncio.create_task(self._live(n)) for n in range(self._count)]
        return self

    async def __aexit__(self, *about: object) -> None:
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)

    async def _live(self, number: int) -> None:
        await asyncio.sleep(number * 0.001)
        while True:
            with contextlib.suppress(
                OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                await self._kind(self._target)
            await asyncio.sleep(PAUSE_S)


async def _main(
    host: str, port: str, kind: str, count: str, seconds: str, guest: str = "victim"
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with Hostiles(kind, Target(host, int(port), guest), int(count)):
        print(f"{count} clients of kind {kind} from process {os.getpid()}", flush=True)
        await asyncio.sleep(float(seconds))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
