"""What `simulator.origins_allowed` and `simulator.hosts_allowed` may contain, and what matches.

A browser's Origin header is `scheme://host[:port]` without the scheme's own port, or the word
`null`: never a path, a bare name or `*`. An entry in another form would be compared in vain for
ever, so reading the configuration refuses it and says what to write.

An entry may have one `*`: for the first label of a host (`https://*.example.org`; one label, as in
a certificate), or for the host of an application's own scheme (`vscode-webview://*`). So a match is
a look-up: of the origin itself, and of the origin with its first label or its host replaced."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_WEB = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(.*))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
#: The host of an application's own scheme: an id, `localhost`, or `.` in Electron.
_APP_HOST = re.compile(r"[a-z0-9._~@+-]+")

#: What a page from a file sends: browsers `null`, some embedded ones (WebView, Electron) the other.
_FROM_FILES = ("null", "file://")


class OriginPatterns:
    """Raises ValueError for an entry that can never match."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._known = frozenset(origin_entry(one) for one in entries)

    def match(self, origin: str) -> bool:
        """`origin` as the header has it."""
        given = origin.lower()
        if given in _FROM_FILES:
            return "null" in self._known
        scheme, _, place = given.rstrip("/").partition("://")
        first, dot, rest = place.partition(".")
        return (
            f"{scheme}://{place}" in self._known
            or (bool(dot and _LABEL.fullmatch(first)) and f"{scheme}://*.{rest}" in self._known)
            or (bool(_APP_HOST.fullmatch(place)) and f"{scheme}://*" in self._known)
        )


def origin_entry(text: str) -> str:
    """An entry of `origins_allowed` as it is compared. Raises ValueError with what to write."""
    given = text.strip().lower()
    if given == "null":
        return given
    if given == "*":
        raise ValueError(
            "would let every page in; name the pages, such as https://dev.example.org, or all of a"
            " domain as https://*.example.org"
        )
    if given.startswith("file:"):
        raise ValueError('never matches; pages from files have the origin null, write "null"')
    scheme, separator, rest = given.partition("://")
    if not separator:
        raise ValueError(f"has no scheme, so it never matches; write {_with_scheme(given)}")
    if scheme in ("ws", "wss"):
        page = f"{'http' if scheme == 'ws' else 'https'}://{rest}"
        raise ValueError(f"never matches; an origin is the page's address, write {page}")
    if not _SCHEME.fullmatch(scheme):
        raise ValueError("has no valid scheme; write https:// or http://, an entry for each")
    authority, _, path = rest.partition("/")
    if path or not authority.isprintable() or set("?#@\\ ") & set(rest):
        plain = re.split(r"[?#\\ ]", authority)[0].rpartition("@")[2]
        raise ValueError(
            f"never matches: an origin has no path, query or user; write {scheme}://{plain}"
        )
    return f"{scheme}://{_authority(scheme, authority)}"


def host_entry(text: str) -> str:
    """An entry of `hosts_allowed` as it is compared. Raises ValueError with what to write."""
    given = text.strip().lower()
    if _address(given.strip("[]")) is not None:
        return given.strip("[]")
    plain = re.split(r"[/?#]", given.partition("://")[2] or given)[0].rpartition("@")[2]
    plain = re.sub(r":[0-9*]*$", "", plain)
    if given != plain:
        raise ValueError(f"never matches; a host has no scheme, port or path, write {plain}")
    if not _is_name(given):
        raise ValueError("is not a host name; write a name such as dev.example.org, without *")
    return given


def _authority(scheme: str, authority: str) -> str:
    found = _AUTHORITY.fullmatch(authority)
    host, port = found.groups() if found is not None else (authority, None)
    if not host:
        raise ValueError(f"has no host; write {scheme}://localhost or the page's own")
    if scheme not in _WEB:
        if (host != "*" and not _APP_HOST.fullmatch(host)) or port is not None:
            raise ValueError(f"is no origin; write {scheme}://ID with the application's id, or *")
        return host
    return _host(scheme, host) + _port(scheme, host, port)


def _port(scheme: str, host: str, port: str | None) -> str:
    if not port or port == str(_WEB[scheme]):
        return ""
    if port == "*" and host in ("localhost", "127.0.0.1", "[::1]"):
        raise ValueError("is not needed: pages of this machine are let in; leave it out")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"has no valid port; write an entry for each, as {scheme}://{host}:5173")
    return f":{int(port)}"


def _host(scheme: str, host: str) -> str:
    if host == "*":
        raise ValueError(
            f"would let every page in; write all of a domain as {scheme}://*.example.org"
        )
    if host.startswith("[") or host.replace(".", "").isdigit():
        address = _address(host.strip("[]"))
        if address is None:
            raise ValueError(f"has no valid address; write one as {scheme}://192.168.1.5:5173")
        return f"[{address}]" if address.version == 6 else str(address)
    name = host.removeprefix("*.")
    if not name.isascii():
        raise ValueError(f"never matches; browsers write {scheme}://{_in_ascii(host)}")
    if "*" in name or not _is_name(name):
        raise ValueError(
            "is no host; a * may only be the whole first part of a name, as"
            f" {scheme}://*.example.org"
        )
    if name != host and ("." not in name or name.rpartition(".")[2].isdigit()):
        raise ValueError(
            f"would let in names of other owners; write a domain of yours, {scheme}://*.example.org"
        )
    return host


def _with_scheme(given: str) -> str:
    is_plain_http = given.startswith(("localhost", "127.", "192.168.", "10."))
    return f"{'http' if is_plain_http else 'https'}://{given.partition('/')[0]}"


def _is_name(host: str) -> bool:
    return all(_LABEL.fullmatch(label) for label in host.split("."))


def _in_ascii(host: str) -> str:
    """A name as browsers write it (punycode)."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return "the name in its xn-- form"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
