"""A guest that costs next to nothing, for measuring the other side: raw frames with a mask, made
before they are needed, and answers that are counted and thrown away.

    python benchmarks/client_frames.py PORT DEPLOYMENT    obeys JSON lines on standard input:
    {"do": "open", "count": 1000}                  answers when all have joined
    {"do": "say", "total": 10000, "rate": 2000}    texts, evenly over all guests
    {"do": "beat", "total": 10000, "rate": 2000}   health checks
    {"do": "wait", "received": 20000}              answers when so many frames have come in all
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from random import Random
from typing import Any, ClassVar

import uvloop
from websockets.utils import apply_mask

RNG = Random(1)
TEXT = "Your parcel left the depot this morning and should be with you before the evening."
HEADERS = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
SLICE_S = 0.005


def masked(request: dict[str, Any]) -> bytes:
    text = json.dumps(request, separators=(",", ":")).encode()
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    mask = RNG.randbytes(4)
    return head + mask + apply_mask(text, mask)


class Guest(asyncio.Protocol):
    all: ClassVar[list[Guest]] = []
    received = 0
    joined = 0

    def __init__(self, port: int, deployment: str) -> None:
        token = f"c3a6e0a2-0000-4000-8000-{len(Guest.all):012x}"
        Guest.all.append(self)
        self.hello = (
            f"GET /v1?deploymentId={deployment} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{HEADERS}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        known = {"token": token, "tracingId": "0d9c1f7e-4a53-4c9b-8a3d-3b1f7c5d9e42"}
        self.join = masked({"action": "configureSession", "deploymentId": deployment, **known})
        self.text = masked(
            {"action": "onMessage", **known, "message": {"type": "Text", "text": TEXT}}
        )
        self.beat = masked({"action": "echo", **known, "message": {"type": "Text", "text": "ping"}})
        self.tail = b""
        self.upgraded = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.hello)

    def data_received(self, data: bytes) -> None:
        data = self.tail + data
        if not self.upgraded:
            if b"\r\n\r\n" not in data:
                self.tail = data
                return
            assert data.startswith(b"HTTP/1.1 101"), data
            self.upgraded = True
            data = data.partition(b"\r\n\r\n")[2]
            self.transport.write(self.join)
        while len(data) >= 4:
            size, at = data[1], 2
            if size == 126:
                size, at = int.from_bytes(data[2:4], "big"), 4
            if len(data) < at + size:
                break
            Guest.received += 1
            if b'"SessionResponse"' in data[: at + size]:
                Guest.joined += 1
            data = data[at + size :]
        self.tail = data


async def open_more(port: int, deployment: str, count: int) -> None:
    loop, due = asyncio.get_running_loop(), Guest.joined + count
    for n in range(count):
        await loop.create_connection(lambda: Guest(port, deployment), "127.0.0.1", port)
        if n % 100 == 99:
            while Guest.joined < due - count + n + 1:
                await asyncio.sleep(0.001)
    while Guest.joined < due:
        await asyncio.sleep(0.005)


async def paced(what: str, total: int, rate: int) -> None:
    """Each frame its own write, in slices of 5 ms, as benchmarks/server.py paces."""
    loop, guests = asyncio.get_running_loop(), Guest.all
    begun, sent = loop.time(), 0
    while sent < total:
        due = min(total, int((loop.time() - begun) * rate))
        while sent < due:
            guest = guests[sent % len(guests)]
            guest.transport.write(guest.text if what == "say" else guest.beat)
            sent += 1
        await asyncio.sleep(SLICE_S)


async def wait(received: int) -> None:
    while Guest.received < received:
        await asyncio.sleep(0.02)


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    port, deployment = int(sys.argv[1]), sys.argv[2]
    while line := await reader.readline():
        order = json.loads(line)
        do = order.pop("do")
        if do == "open":
            await open_more(port, deployment, order["count"])
        elif do == "wait":
            await wait(order["received"])
        else:
            await paced(do, **order)
        print(json.dumps({"received": Guest.received}), flush=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main())
