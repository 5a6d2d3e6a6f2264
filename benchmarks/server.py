"""The far side of the benchmarks: the cheapest server that still speaks the guest protocol.

It runs in its own process, so that only the client's CPU and memory are measured. Frames are built
from one template; every message has its own id and a later time than the one before, as the real
platform's have.

    python benchmarks/server.py [--tls CERTIFICATE KEY]
                                     prints {"port": …, "control": …}, then obeys JSON lines on the control port:
    {"do": "paced", "rate": 10000, "seconds": 5}      spread over all connections, answers {"sent": n}
    {"do": "flood", "connections": 100, "messages": 1000}
    {"do": "state"}                                    answers {"connections": n, "echoes": n, "pings": n}
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import ssl
import sys
from typing import ClassVar

import uvloop

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = re.compile(rb"sec-websocket-key:\s*(\S+)", re.IGNORECASE)
TRACE = re.compile(rb'"tracingId":"([^"]*)"')

SESSION = (
    b'{"type":"response","class":"SessionResponse","code":200,"tracingId":"%s","body":{"connected":true,"newSession":true,'
    b'"readOnly":false,"allowedMedia":{"inbound":{"fileTypes":[{"type":"*/*"}],"maxFileSizeKB":10240}},'
    b'"blockedExtensions":[".exe"],"maxCustomDataBytes":2048,"durationSeconds":259200,"expirationDate":1906000000}}'
)
ECHO = (
    b'{"type":"response","class":"StructuredMessage","code":200,"tracingId":"SGVhbHRoQ2hlY2tNZXNzYWdlSWQ=","body":{"id":"e",'
    b'"type":"Text","text":"ping","direction":"Inbound","metadata":{"durationSeconds":"259200","expirationDate":"1906000000"}}}'
)
MESSAGE = (
    b'{"type":"message","class":"StructuredMessage","code":200,"body":{"id":"%032x","type":"Text",'
    b'"text":"Your parcel left the depot this morning and should be with you before the'
    b' evening.","direction":"Outbound",'
    b'"channel":{"time":"2027-05-31T%02d:%02d:%02d.%03dZ","type":"Private","from":{"nickname":"Leo"},"to":{}},'
    b'"originatingEntity":"Human","metadata":{"correlationId":"0d9c1f7e-4a53-4c9b-8a3d-3b1f7c5d9e42"}}}'
)


def frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    return b"\x81\x7e" + size.to_bytes(2, "big") + payload


def message(n: int) -> bytes:
    """The n-th message of a run, one millisecond after the one before."""
    ms = n % 86_400_000
    return frame(MESSAGE % (n, ms // 3_600_000, ms // 60_000 % 60, ms // 1000 % 60, ms % 1000))


class Guest(asyncio.Protocol):
    live: ClassVar[list[Guest]] = []
    echoes = 0
    pings = 0

    def __init__(self) -> None:
        self.tail = b""
        self.upgraded = False
        self.configured = False

    def connection_made(self, transport) -> None:
        self.transport = transport

    def connection_lost(self, error) -> None:
        if self in Guest.live:
            Guest.live.remove(self)

    def data_received(self, data: bytes) -> None:
        data = self.tail + data
        if not self.upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.tail = data
                return
            key = KEY.search(data[: end + 2]).group(1)
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection:"
                b" Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            self.upgraded = True
            data = data[end + 4 :]
        while len(data) >= 6:
            size, at = data[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(data[2:4], "big"), 4
            if len(data) < at + 4 + size:
                break
            mask = data[at : at + 4]
            body = data[at + 4 : at + 4 + size]
            self.frame_received(data[0], mask, body)
            data = data[at + 4 + size :]
        self.tail = data

    def frame_received(self, head: int, mask: bytes, body: bytes) -> None:
        if head == 0x89:
            Guest.pings += 1
            body = bytes(b ^ mask[n % 4] for n, b in enumerate(body))
            self.transport.write(bytes((0x8A, len(body))) + body)
        elif head == 0x88:
            self.transport.write(b"\x88\x02\x03\xe8")
            self.transport.close()
        elif not self.configured:
            text = bytes(b ^ mask[n % 4] for n, b in enumerate(body))
            trace = TRACE.search(text)
            self.transport.write(frame(SESSION % (trace.group(1) if trace else b"t")))
            self.configured = True
            Guest.live.append(self)
        else:
            Guest.echoes += 1
            self.transport.write(frame(ECHO))


class Counter:
    n = 0


async def paced(rate: int, seconds: float) -> int:
    """Every message its own write, evenly over the connections, in slices of 5 ms."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    guests = Guest.live
    sent = 0
    total = int(rate * seconds)
    while sent < total:
        due = min(total, int((loop.time() - start) * rate))
        while sent < due:
            Counter.n += 1
            guests[sent % len(guests)].transport.write(message(Counter.n))
            sent += 1
        await asyncio.sleep(0.005)
    return sent


async def flood(connections: int, messages: int) -> int:
    """As fast as the client reads, many frames per write."""
    batch = min(50, messages)
    for _ in range(0, messages, batch):
        for guest in Guest.live[:connections]:
            run = []
            for _ in range(batch):
                Counter.n += 1
                run.append(message(Counter.n))
            guest.transport.write(b"".join(run))
        while any(
            guest.transport.get_write_buffer_size() > 1 << 20 for guest in Guest.live[:connections]
        ):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
    return messages * connections


async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        order = json.loads(line)
        do = order.pop("do")
        if do == "paced":
            answer = {"sent": await paced(**order)}
        elif do == "flood":
            answer = {"sent": await flood(**order)}
        else:
            answer = {"connections": len(Guest.live), "echoes": Guest.echoes, "pings": Guest.pings}
        writer.write(json.dumps(answer).encode() + b"\n")
    writer.close()


def tls() -> ssl.SSLContext | None:
    if "--tls" not in sys.argv:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[sys.argv.index("--tls") + 1 :][:2])
    return context


async def main() -> None:
    loop = asyncio.get_running_loop()
    guests = await loop.create_server(Guest, "127.0.0.1", 0, backlog=8192, ssl=tls())
    controls = await asyncio.start_server(control, "127.0.0.1", 0)
    ports = {
        "port": guests.sockets[0].getsockname()[1],
        "control": controls.sockets[0].getsockname()[1],
    }
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
