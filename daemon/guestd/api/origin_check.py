"""Checks a request's Host and Origin headers.

A browser lets any page open a WebSocket to loopback, and a name that resolves to 127.0.0.1 proves
nothing. So a request must name a host we answer to (else 421: DNS rebinding), and a page must be
local or on the list (else 403). Clients other than browsers send no Origin and are allowed: they
could forge one anyway."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from ..model.errors import ConfigError
from .origin_patterns import OriginPatterns, host_entry
from .settings import SimulatorSettings


@dataclass(slots=True, frozen=True)
class AccessRefusal:
    """Why a request is refused. `key` is the setting that would let it in, and `value` what it
    would have to contain."""

    status: int
    code: str
    text: str
    key: str
    value: str


class OriginCheck:
    """Raises ConfigError for entries that can never match."""

    def __init__(self, settings: SimulatorSettings) -> None:
        try:
            self._origins = OriginPatterns(settings.origins_allowed)
        except ValueError as error:
            raise _bad("origins_allowed", error) from None
        try:
            given = [host_entry(host) for host in settings.hosts_allowed]
        except ValueError as error:
            raise _bad("hosts_allowed", error) from None
        self._hosts = frozenset((*given, settings.host.lower()))

    def refusal(self, request: web.Request) -> AccessRefusal | None:
        """None if the request is allowed."""
        host = _host(f"//{request.headers.get('Host', '')}")
        if not (_is_local(host) or host in self._hosts):
            text = f"unknown host {host[:100]!a}; add it to simulator.hosts_allowed"
            return AccessRefusal(421, "no_such_host", text, "hosts_allowed", host)
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_allowed(origin):
            text = f"origin {origin[:200]!a} is not allowed; add it to simulator.origins_allowed"
            return AccessRefusal(403, "origin_refused", text, "origins_allowed", origin)
        return None

    def cross_site_refusal(self, request: web.Request) -> AccessRefusal | None:
        """A browser says with Sec-Fetch-Site that another site's page caused the request; a GET of
        it has no Origin. Its Referer usually names the page."""
        is_cross_site = request.headers.get("Sec-Fetch-Site", "").lower() == "cross-site"
        if not is_cross_site or "Origin" in request.headers:
            return None
        text = (
            "a page of another site sent this; add its origin to simulator.origins_allowed, and"
            " use fetch()"
        )
        page = "/".join(request.headers.get("Referer", "").split("/", 3)[:3])
        return AccessRefusal(403, "origin_refused", text, "origins_allowed", page)

    def _is_allowed(self, origin: str) -> bool:
        if self._origins.match(origin):
            return True
        return origin.lower().startswith(("http://", "https://")) and _is_local(_host(origin))


def _bad(key: str, error: ValueError) -> ConfigError:
    problem, _, remedy = str(error).partition("; ")
    return ConfigError(f"simulator.{key}", problem, remedy or "leave it out")


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
