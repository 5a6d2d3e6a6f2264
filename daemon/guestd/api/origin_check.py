"""Checks a request's Host and Origin headers.

A browser lets any page open a WebSocket to loopback, and a name that resolves to 127.0.0.1 proves
nothing. So a request must name a host we answer to (else 421: DNS rebinding), and a page must be
local or on the list (else 403). Clients other than browsers send no Origin and are allowed: they
could forge one anyway."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from .settings import SimulatorSettings


class OriginCheck:
    def __init__(self, settings: SimulatorSettings) -> None:
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.origins_allowed)
        self._hosts = frozenset(host.lower() for host in (*settings.hosts_allowed, settings.host))

    def refuse(self, request: web.Request) -> web.Response | None:
        """The answer to a request that is refused; None if it is allowed."""
        host = _host(f"//{request.headers.get('Host', '')}")
        if not (_is_local(host) or host in self._hosts):
            return web.Response(
                status=421,
                text=f"unknown host {host[:100]!r}; add it to simulator.hosts_allowed\n",
            )
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_allowed(origin):
            text = f"origin {origin[:200]!r} is not allowed; add it to simulator.origins_allowed\n"
            return web.Response(status=403, text=text)
        return None

    def is_cross_site_page(self, request: web.Request) -> bool:
        """A browser says with Sec-Fetch-Site that another site's page caused the request; a GET of
        it has no Origin."""
        is_cross_site = request.headers.get("Sec-Fetch-Site", "").lower() == "cross-site"
        return is_cross_site and "Origin" not in request.headers

    def _is_allowed(self, origin: str) -> bool:
        if origin.rstrip("/").lower() in self._origins:
            return True
        return origin.lower().startswith(("http://", "https://")) and _is_local(_host(origin))


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
