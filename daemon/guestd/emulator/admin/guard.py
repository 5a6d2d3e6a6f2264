"""Who may use `/__emulator/…`: checked by the Host that is asked for and by the Origin of the page.

Any page that a browser shows can send a plain POST to loopback, and a name that resolves to
127.0.0.1 lets it read answers as well (DNS rebinding). The admin API shows tokens and texts and can
delete everything, so it is for local callers and for those that are named. The platform's own API
stays open to every page, as the real one is."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web


class AdminGuard:
    """`hosts`: allowed names besides loopback and plain addresses; `origins`: allowed pages
    besides local ones."""

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    def refuse(self, request: web.Request) -> web.Response | None:
        """The error response for a caller that is not allowed; None for one that is."""
        host = _host(f"//{request.headers.get('Host', '')}")
        if not self._is_ours(host):
            return _no(
                421,
                f"host {host[:100]!r} is not allowed for the admin API; allow it with"
                " --control-host",
            )
        origin = request.headers.get("Origin")
        if origin is not None and origin.rstrip("/").lower() in self._origins:
            return None
        if origin is not None and not _is_local_page(origin):
            return _no(
                403,
                f"origin {origin[:200]!r} is not allowed for the admin API; allow it with"
                " --control-origin",
            )
        if request.headers.get("Sec-Fetch-Site", "").lower() == "cross-site":
            return _no(
                403,
                "pages of other sites are not allowed for the admin API; allow their origin with"
                " --control-origin",
            )
        return None

    def _is_ours(self, host: str) -> bool:
        """Plain addresses are safe: no name server can have redirected them here."""
        return _is_local_name(host) or host in self._hosts or _address(host) is not None


def _no(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


def _is_local_page(origin: str) -> bool:
    host, address = _host(origin), _address(_host(origin))
    is_local = _is_local_name(host) or (address is not None and address.is_loopback)
    return is_local and origin.startswith(("http://", "https://"))


def _is_local_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""
