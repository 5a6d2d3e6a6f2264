"""Listening sockets for a host and a port: `localhost` is both loopback addresses (RFC 6761 §6.3),
on the same port.

A client that takes the first address of `localhost` only finds us at either, whatever its resolver
names first."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence

from ..model.errors import ConfigError

LOCALHOST_ADDRESSES = ("127.0.0.1", "::1")

#: A head start for bursts of connections; the kernel lowers it to net.core.somaxconn.
BACKLOG = 1024

#: With port 0 the port that one address has found may be taken on the next; then another one is
#: looked for.
_FREE_PORT_TRIES = 20

#: This machine does not have the address, or no IPv6 at all.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


async def listen_on(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of `host`, all with the same port; 0 takes a free one.
    Raises ConfigError."""
    try:
        addresses = LOCALHOST_ADDRESSES if host == "localhost" else await _resolve(host, port)
        return bind_all(addresses, port)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = (
            "is already in use" if is_taken else f"cannot be listened on: {error.strerror or error}"
        )
        raise ConfigError(
            "simulator.port",
            f"port {port} on {host} {why}",
            "choose another with --port or simulator.port (0 takes a free one; make run PORT=3001)",
        ) from None


def bind_all(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Listening sockets with the same port; addresses that this machine does not have are left out.

    Raises OSError if none is left, or if the port cannot be had on one of the others.
    """
    for _ in range(_FREE_PORT_TRIES):
        try:
            return _bind_once(addresses, port)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on all addresses")


def _bind_once(addresses: Sequence[str], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for address in addresses:
            try:
                one = _bind(address, port)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
                continue
            bound.append(one)
            port = one.getsockname()[1]
        if not bound and missing is not None:
            raise missing
    except BaseException:
        for one in bound:
            one.close()
        raise
    return bound


def _bind(address: str, port: int) -> socket.socket:
    is_ipv6 = ":" in address
    one = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(BACKLOG)
        one.setblocking(False)
    except BaseException:
        one.close()
        raise
    return one


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
