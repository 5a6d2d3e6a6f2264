"""Counts the clients of each remote address, so that one address cannot take all of them.

An address is the peer's IPv4 address, or the /64 network of its IPv6 address, which one host gets
as a whole. Behind a reverse proxy all clients have the proxy's address: set the bound to the bound
for all there. A Unix socket has no address and is not counted: the operating system decides who
may connect."""

from __future__ import annotations

import ipaddress
import logging

from aiohttp import web

logger = logging.getLogger(__name__)


class AddressCounts:
    """`what` and `setting` are for the one log line when an address reaches its bound."""

    def __init__(self, per_address_max: int, what: str, setting: str) -> None:
        self.per_address_max = per_address_max
        self._what = what
        self._setting = setting
        self._counts: dict[str, int] = {}
        self._reported: set[str] = set()

    def enter(self, address: str) -> bool:
        """Count one more; False, and nothing is counted, if the address has its share already. ""
        is not counted."""
        count = self._counts.get(address, 0)
        if not address:
            return True
        if count >= self.per_address_max:
            self._tell_once(address)
            return False
        self._counts[address] = count + 1
        return True

    def leave(self, address: str) -> None:
        count = self._counts.get(address, 0) - 1
        if count > 0:
            self._counts[address] = count
        else:
            self._counts.pop(address, None)
            self._reported.discard(address)

    def _tell_once(self, address: str) -> None:
        """Once until the address has no client left; only addresses with clients are remembered."""
        if address not in self._reported:
            self._reported.add(address)
            limit = f"{self._setting} = {self.per_address_max}"
            logger.warning(
                "%s has %d %s already; more are refused (%s)",
                address,
                self.per_address_max,
                self._what,
                limit,
            )


def address_of(request: web.Request) -> str:
    """The key to count by; "" for a Unix socket."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if not isinstance(peer, tuple):
        return ""
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0])
    except ValueError:
        return str(peer[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def share_of(clients_max: int, per_address_max: int) -> int:
    """`per_address_max`, or half of all places where it is 0."""
    return per_address_max or max(1, clients_max // 2)
