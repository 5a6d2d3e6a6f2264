"""The caller that a connection or request is counted for: the remote address, since a token may be
shared by many."""

from __future__ import annotations

import asyncio
import ipaddress

from aiohttp import web

#: All connections by the Unix socket, which only our own user may use.
UNIX_SOCKET = "unix"

#: One subscriber has a whole /64 of IPv6 addresses and may use another for each connection.
_IPV6_PREFIX_BITS = 64


def caller_of(request: web.Request) -> str:
    """The caller of a request. UNIX_SOCKET also for a connection that is closed already."""
    return caller_at(request.transport)


def caller_at(transport: asyncio.BaseTransport | None) -> str:
    """The caller at the other end: an IPv4 address, an IPv6 network, or UNIX_SOCKET."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    if not isinstance(peer, tuple):
        return UNIX_SOCKET
    try:
        address = ipaddress.ip_address(peer[0])
    except ValueError:
        return str(peer[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    bits = int(address) >> (128 - _IPV6_PREFIX_BITS) << (128 - _IPV6_PREFIX_BITS)
    return f"{ipaddress.IPv6Address(bits)}/{_IPV6_PREFIX_BITS}"
