"""One connection to a name with several addresses: the next is tried while the one before is still
silent (RFC 8305).

A refused address costs nothing, but a silent one (broken IPv6, a dead node of a load balancer) uses
up the whole time limit, and the next attempt starts with the same address: a name whose first
address is silent would never be reached. So attempts are staggered, the families take turns, the
first connection wins and the others are given up. A TLS connection has won only when its handshake
is done: a node that accepts connections and then stays silent is as useless as one that accepts
none."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from typing import cast

ATTEMPT_DELAY_S = 0.25  # RFC 8305 §5's recommendation
ADDRESSES_MAX = 8  # of a name; within the default time limit of a dial each gets its turn


def in_turns(addresses: Sequence[str]) -> list[str]:
    """The first `ADDRESSES_MAX`, IPv6 and IPv4 in turns, beginning with the family that the system
    put first."""
    if len(addresses) < 2:
        return list(addresses)
    first = [one for one in addresses if _is_ipv6(one) == _is_ipv6(addresses[0])]
    second = [one for one in addresses if _is_ipv6(one) != _is_ipv6(addresses[0])]
    taken_in_turns = (one for pair in zip_longest(first, second) for one in pair if one is not None)
    return list(taken_in_turns)[:ADDRESSES_MAX]


class ConnectedSocket(asyncio.Protocol):
    """A connection that has won or may win, before its own protocol takes it over; until then
    nothing is read from it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not asyncio's by class
        self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Everything from here on is the protocol's. Raises ConnectionResetError if the connection
        ended meanwhile."""
        transport = self._transport
        if transport is None or self._is_lost or transport.is_closing():
            raise ConnectionResetError("the connection ended at once")
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if (
            not transport.is_closing()
        ):  # what the protocol wrote may have shown that the peer is gone
            transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connected(
    addresses: Sequence[str],
    connect: Callable[[str], Awaitable[ConnectedSocket]],
    delay_s: float = ATTEMPT_DELAY_S,
) -> ConnectedSocket:
    """The connection that was there first. Raises an OSError if none comes: the refusal of a
    certificate if there was one, since it says what to do, or else the last.

    An attempt is made when the one before has failed, or has been silent for `delay_s`. Without a
    time limit of its own."""
    if len(addresses) == 1:
        return await connect(addresses[0])
    waiting = list(addresses)
    racing: set[asyncio.Future[ConnectedSocket]] = set()
    error: BaseException = OSError("the name has no address")
    try:
        while waiting or racing:
            if waiting:
                racing.add(asyncio.ensure_future(connect(waiting.pop(0))))
            done, _ = await asyncio.wait(
                racing, timeout=delay_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                problem = attempt.exception()
                racing.discard(attempt)
                if problem is None:
                    return attempt.result()
                if not isinstance(error, ssl.SSLCertVerificationError):
                    error = problem
        raise error
    finally:
        await _give_up(racing)


async def open_connection(
    loop: asyncio.AbstractEventLoop,
    address: str,
    port: int,
    local_address: str | None,
    tls: ssl.SSLContext | None,
    server_name: str | None,
) -> ConnectedSocket:
    """Connected by TCP, and by TLS if there is a context. Raises OSError. Nothing stays open if it
    fails or is cancelled."""
    opened = await open_socket(loop, address, port, local_address)
    try:
        _, protocol = await loop.create_connection(
            ConnectedSocket, sock=opened, ssl=tls, server_hostname=server_name
        )
    except BaseException:
        opened.close()
        raise
    return protocol


async def open_socket(
    loop: asyncio.AbstractEventLoop, address: str, port: int, local_address: str | None
) -> socket.socket:
    """A connected TCP socket. Raises OSError. Nothing stays open if it fails or is cancelled."""
    family = socket.AF_INET6 if _is_ipv6(address) else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if local_address is not None:
            opened.bind((local_address, 0))
        await loop.sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


async def _give_up(attempts: set[asyncio.Future[ConnectedSocket]]) -> None:
    """Cancel what still races, and close what won too late."""
    for attempt in attempts:
        attempt.cancel()
    for late in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(late, ConnectedSocket):
            late.close()


def _is_ipv6(address: str) -> bool:
    return ":" in address
