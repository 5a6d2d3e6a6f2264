"""The URL by which a client knows the emulator: the scheme and the host of its own request.

A proxy that ends TLS speaks plain HTTP to the emulator and tells the client's scheme in a header.
Any client can write such a header, so it counts only on a connection that comes from a trusted
proxy. Wrong or not, it changes nothing but the URLs in the answers to that one client."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence

from .core.storage_urls import base_for

#: The values of a header, in the order in which they stand in the request.
HeaderValues = Callable[[str], Sequence[str]]

_SCHEMES = {"https": "https", "wss": "https", "http": "http", "ws": "http"}
#: RFC 7239: `for=192.0.2.1;proto=https, for=…`, the proxy nearest to the client first.
_PROTO = re.compile(r'(?:^|;)\s*proto\s*=\s*"?([a-z]+)', re.IGNORECASE)


class TrustedProxies:
    """`networks`: of the proxies that are believed. Raises ValueError if one is not a network."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(one) for one in networks)

    def client_url(self, bound: str, peer: str | None, values: HeaderValues) -> str:
        """The emulator as the client of this request asked for it. `bound`: its own URL, which
        counts where the request does not say; `peer`: the address that the connection is from."""
        found = base_for(next(iter(values("Host")), None), bound)
        scheme = _told_scheme(values)
        if scheme is None or not self._is_trusted(peer):
            return found
        return f"{scheme}://{found.partition('://')[2]}"

    def _is_trusted(self, peer: str | None) -> bool:
        try:
            address = ipaddress.ip_address(peer or "")
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in network for network in self._networks)


def _told_scheme(values: HeaderValues) -> str | None:
    """The scheme that the first of several proxies was spoken to with; None if none tells."""
    for told in values("X-Forwarded-Proto"):
        return _SCHEMES.get(told.partition(",")[0].strip().lower())
    for told in values("Forwarded"):
        found = _PROTO.search(told.partition(",")[0])
        return _SCHEMES.get(found[1].lower()) if found else None
    return None
