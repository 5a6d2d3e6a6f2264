"""Connections of the HTTP port: how many there may be, and how long one may wait for a complete
request head.

aiohttp speaks HTTP; this stands between it and the sockets. A connection is waiting, or busy from a
complete head to the end of its handler. A waiting one is closed after `head_timeout_s` if a head
has begun, after `keepalive_timeout_s` if not. At a limit the connection that has waited longest
gives its place to the new one; only where all are busy the new one is refused with 503. So a flood
of unfinished heads displaces itself, and clients that send whole requests are served.

The first requests of new connections are read one per loop iteration, and at a limited rate for
each address. Until then `FIRST_BYTES` are held of it and no more;
after that a connection is read a chunk at a time. So a thousand at once with large bodies leave
time for all others, and hold little memory.

One timer looks at all connections, and after many have gone sees to their memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from ..observe.metrics import Metrics
from .callers import UNIX_SOCKET, caller_at
from .memory_trimming import MemoryTrimmer
from .rate_limiting import LoopRateLimiter
from .settings import ApiSettings

_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length:"
    b" 0\r\n\r\n"
)

#: How often the timer looks, at most; a time limit is kept to within this.
_SWEEP_INTERVAL_MAX_S = 1.0
_SWEEP_INTERVAL_MIN_S = 0.05

#: How long a closed connection may take to send what is written already. It is the last word to a
#: peer that was refused.
_CLOSE_TIMEOUT_S = 2.0


#: The first byte of TCP_INFO: neither side has closed (Linux, net/tcp_states.h).
_ESTABLISHED = 1

#: What is read of a connection before it is its turn: most request heads fit, and enough to see
#: that a client sends frames before its handshake is answered (`handshakes.EARLY_BYTES_MAX`).
FIRST_BYTES = 4096

#: The most that is read of one connection at a time. aiohttp stops reading when it holds twice as
#: much of a body.
CHUNK_BYTES = 16_384

#: The loop reads one connection at a time, and what was read is passed on before the next read.
_BUFFER = bytearray(CHUNK_BYTES)
_FIRST_BUFFER = memoryview(_BUFFER)[:FIRST_BYTES]


@dataclass(slots=True, frozen=True)
class ConnectionLimits:
    """Times in seconds. What is said of an address does not apply to the Unix socket.

    `new_per_address_per_s`: first requests of new connections, after a burst of
    `new_per_address_burst`."""

    head_timeout_s: float = 10.0
    keepalive_timeout_s: float = 75.0
    connections_max: int = 4096
    per_address_max: int = 2048
    new_per_address_per_s: float = 150.0
    new_per_address_burst: int = 250


def limits_of(settings: ApiSettings) -> ConnectionLimits:
    return ConnectionLimits(
        settings.head_timeout_s,
        settings.keepalive_timeout_s,
        settings.connections_max,
        settings.connections_per_address_max,
        settings.new_per_address_per_s,
        settings.new_per_address_burst,
    )


class Connections:
    """`guard` the protocols of a server, say when each of them is `busy`, and `close` after the
    server."""

    def __init__(self, limits: ConnectionLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._open: dict[asyncio.BaseTransport, _Connection] = {}
        self._closing: dict[_Connection, float] = {}
        self._waiting: dict[_Connection, None] = {}
        self._by_caller: dict[str, _Caller] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._trimmer = MemoryTrimmer()
        self._limiter = LoopRateLimiter()
        shortest_s = min(limits.head_timeout_s, limits.keepalive_timeout_s)
        self._sweep_interval_s = max(
            _SWEEP_INTERVAL_MIN_S, min(_SWEEP_INTERVAL_MAX_S, shortest_s / 4)
        )

    def guard(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.BaseProtocol]:
        """A protocol factory whose connections are counted and timed here."""
        return lambda: _Connection(self, make)

    @contextlib.contextmanager
    def busy(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        """A request of this connection is being answered: no time limit of ours applies."""
        connection = self._open.get(transport) if transport is not None else None
        if connection is None:
            yield
            return
        self._leave_queue(connection)
        try:
            yield
        finally:
            if self._open.get(connection.transport) is connection:
                self._enter_queue(connection)

    def received_bytes(self, transport: asyncio.BaseTransport | None) -> int:
        """Of the request in progress, its head included, and of whatever came with it or after it.

        Of requests that were sent without waiting for answers: of all of them."""
        connection = self._open.get(transport) if transport is not None else None
        return connection.received_bytes if connection is not None else 0

    def close(self) -> None:
        """Abort what is still open."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in [*self._open.values(), *self._closing]:
            connection.transport.abort()

    # ------------------------------------------------------------------ events of connections

    def opened(self, connection: _Connection) -> bool:
        """Whether the connection may stay."""
        self._displace_oldest(connection.caller)
        reason = self._refusal(connection.caller)
        if reason:
            self._metrics.count_http_refused(reason)
            self._disconnect(connection, _FULL)
            return False
        self._open[connection.transport] = connection
        self._caller(connection.caller).connections += 1
        self._enter_queue(connection)
        self._metrics.http_connections += 1
        if self._timer is None:
            self._plan_sweep()
        return True

    def begin_when_admitted(self, connection: _Connection, begin: Callable[[], bool]) -> None:
        """Call `begin` when this connection may be read, maybe at once; it returns whether the
        connection still exists."""
        if connection.caller == UNIX_SOCKET:
            self._limiter.submit(begin)
            return

        def pass_on() -> bool:
            if connection.peer_has_closed():
                connection.transport.abort()
                return False
            self._limiter.submit(begin)
            return True

        self._by_caller[connection.caller].new.submit(pass_on)

    def closed(self, connection: _Connection) -> None:
        self._closing.pop(connection, None)
        self._release(connection)
        self._trimmer.gone()

    # ------------------------------------------------------------------ limits

    def _refusal(self, name: str) -> str:
        """Which limit is reached for this caller; "" for none."""
        caller = self._by_caller.get(name)
        if (
            caller is not None
            and name != UNIX_SOCKET
            and caller.connections >= self._limits.per_address_max
        ):
            return "connections_per_address_max"
        if len(self._open) >= self._limits.connections_max:
            return "connections_max"
        return ""

    def _displace_oldest(self, name: str) -> None:
        """If a limit is reached, close the connection that has waited longest, of this caller or of
        all."""
        reason = self._refusal(name)
        if not reason:
            return
        is_callers_own = reason == "connections_per_address_max"
        queue = self._by_caller[name].waiting if is_callers_own else self._waiting
        oldest = next(iter(queue), None)
        if oldest is not None:
            self._metrics.count_http_refused("displaced")
            self._disconnect(oldest, _FULL)

    def _caller(self, name: str) -> _Caller:
        caller = self._by_caller.get(name)
        if caller is None:
            caller = self._by_caller[name] = _Caller(self._limits)
        return caller

    def _enter_queue(self, connection: _Connection) -> None:
        connection.wait(asyncio.get_running_loop().time())
        self._waiting[connection] = None
        self._by_caller[connection.caller].waiting[connection] = None

    def _leave_queue(self, connection: _Connection) -> None:
        self._waiting.pop(connection, None)
        self._by_caller[connection.caller].waiting.pop(connection, None)

    def _disconnect(self, connection: _Connection, answer: bytes = b"") -> None:
        """Its place is free at once; the socket is aborted if it does not close in time."""
        self._release(connection)
        self._closing[connection] = asyncio.get_running_loop().time() + _CLOSE_TIMEOUT_S
        if answer and not connection.transport.is_closing():
            connection.transport.write(answer)
        connection.transport.close()
        if self._timer is None:
            self._plan_sweep()

    def _release(self, connection: _Connection) -> None:
        if self._open.pop(connection.transport, None) is None:
            return
        self._leave_queue(connection)
        caller = self._by_caller[connection.caller]
        caller.connections -= 1
        if not caller.connections:
            del self._by_caller[connection.caller]
        self._metrics.http_connections -= 1

    # ------------------------------------------------------------------ time

    def _plan_sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._sweep_interval_s, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._waiting):
            if (
                connection.has_head_begun
                and now - connection.head_since >= self._limits.head_timeout_s
            ):
                self._metrics.count_http_refused("head_timeout_s")
                self._disconnect(connection, _TIMED_OUT)
            elif connection.idle_s(now) >= self._limits.keepalive_timeout_s:
                self._disconnect(connection)
        for connection in [one for one, abort_at in self._closing.items() if now >= abort_at]:
            connection.transport.abort()
        self._trimmer.trim_if_due(now)
        if self._open or self._closing or self._trimmer.is_due:
            self._plan_sweep()


class _Caller:
    """What one address has open."""

    __slots__ = ("connections", "new", "waiting")

    def __init__(self, limits: ConnectionLimits) -> None:
        self.connections = 0
        burst = limits.new_per_address_burst
        self.new = LoopRateLimiter(burst, limits.new_per_address_per_s, float(burst))
        self.waiting: dict[_Connection, None] = {}


class _Connection(asyncio.BufferedProtocol):
    """Passes everything on to the protocol that speaks HTTP, and notes when a head has begun."""

    __slots__ = (
        "_connections",
        "_has_begun",
        "_inner",
        "_make",
        "_unsent_bytes",
        "_waiting_since",
        "caller",
        "has_head_begun",
        "head_since",
        "received_bytes",
        "transport",
    )

    def __init__(self, connections: Connections, make: Callable[[], asyncio.Protocol]) -> None:
        self._connections = connections
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._waiting_since = self.head_since = 0.0
        self._unsent_bytes = 0
        self._has_begun = False
        self.caller = UNIX_SOCKET
        self.has_head_begun = False
        self.received_bytes = 0
        self.transport: asyncio.Transport

    def wait(self, now: float) -> None:
        """For a request head, from now on."""
        self._waiting_since, self.has_head_begun = now, False

    def idle_s(self, now: float) -> float:
        """Since when nothing has moved. An answer that is still being read out counts as
        movement."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes < self._unsent_bytes:
            self._waiting_since = now
        self._unsent_bytes = unsent_bytes
        return now - self._waiting_since

    def peer_has_closed(self) -> bool:
        """Whether the peer has closed. While reading is paused, only the kernel knows."""
        if self.transport.is_closing():
            return True
        own = self.transport.get_extra_info("socket")
        if own is None or sys.platform != "linux":
            return False
        state: bytes = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return state[0] != _ESTABLISHED

    # ------------------------------------------------------------------ asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.caller = caller_at(transport)
        if self._connections.opened(self):
            self._inner = self._make()
            self._inner.connection_made(transport)

    def get_buffer(self, sizehint: int) -> bytearray | memoryview:
        return _BUFFER if self._has_begun else _FIRST_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(_BUFFER[:nbytes])
        if self._has_begun:
            self.data_received(data)
            return
        # not earlier: uvloop starts to read after `connection_made`, paused or not
        self.transport.pause_reading()
        self._connections.begin_when_admitted(self, lambda: self._begin(data))

    def _begin(self, data: bytes) -> bool:
        if self.transport.is_closing():
            return False
        self._has_begun = True
        self.transport.resume_reading()  # before the data: the protocol that gets them may pause it
        self.data_received(data)
        return True

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            return
        if not self.has_head_begun:
            self.has_head_begun = True
            self.received_bytes = 0
            self.head_since = asyncio.get_running_loop().time()
        self.received_bytes += len(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.closed(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)
            self._inner = None
