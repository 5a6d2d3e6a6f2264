"""One connection to a name with several addresses: the next is tried while the one before is still silent (RFC 8305).

A refused address costs nothing, but a silent one (broken IPv6, a dead node of a load balancer) costs all the time there is,
and after every pause the first address is the first again: a name whose first address is silent would never be reached.
So attempts are staggered, the families take turns, the first connection wins and the others are given up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest

ATTEMPT_DELAY_S = 0.25  # RFC 8305 §5's recommendation
ADDRESSES_MAX = 8  # of a name; within the default time limit of a dial each gets its turn


def in_turns(addresses: Sequence[str]) -> list[str]:
    """The first `ADDRESSES_MAX`, IPv6 and IPv4 in turns, beginning with the family that the system put first."""
    first = [one for one in addresses if _is_ipv6(one) == _is_ipv6(addresses[0])]
    second = [one for one in addresses if _is_ipv6(one) != _is_ipv6(addresses[0])]
    taken_in_turns = (one for pair in zip_longest(first, second) for one in pair if one is not None)
    return list(taken_in_turns)[:ADDRESSES_MAX]


async def connected(
    addresses: Sequence[str],
    connect: Callable[[str], Awaitable[socket.socket]],
    delay_s: float = ATTEMPT_DELAY_S,
) -> tuple[str, socket.socket]:
    """The address that answered first, and its socket. Raises the last OSError if none does.

    An attempt is made when the one before has failed, or has been silent for `delay_s`. Without a time limit of its own.
    """
    if len(addresses) == 1:
        return addresses[0], await connect(addresses[0])
    waiting = list(addresses)
    racing: dict[asyncio.Future[socket.socket], str] = {}
    error: BaseException = OSError("the name has no address")
    try:
        while waiting or racing:
            if waiting:
                address = waiting.pop(0)
                racing[asyncio.ensure_future(connect(address))] = address
            done, _ = await asyncio.wait(
                racing, timeout=delay_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                problem = attempt.exception()
                if problem is None:
                    return racing.pop(attempt), attempt.result()
                error = problem
                del racing[attempt]
        raise error
    finally:
        await _give_up(racing)


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


async def _give_up(attempts: dict[asyncio.Future[socket.socket], str]) -> None:
    """Cancel what still races, and close what won too late."""
    for attempt in attempts:
        attempt.cancel()
    for late in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(late, socket.socket):
            late.close()


def _is_ipv6(address: str) -> bool:
    return ":" in address
