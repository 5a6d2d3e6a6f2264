"""The opening handshake of RFC 6455 §4.1, as a client that offers no extension and no subprotocol:
the request, and what makes an answer to it valid.

The library's own handshake makes a protocol object, a logger and a parser for each connection: a
third of what a connect costs. What is compared is still read by the library's parsers."""

from __future__ import annotations

from functools import lru_cache

from websockets.exceptions import InvalidHeader
from websockets.headers import (
    build_authorization_basic,
    build_host,
    parse_connection,
    parse_upgrade,
)
from websockets.uri import WebSocketURI
from websockets.utils import accept_key, generate_key

Headers = tuple[tuple[str, str], ...]


def request(uri: WebSocketURI, headers: Headers) -> tuple[bytes, str]:
    """The request with a fresh key, and the `Sec-WebSocket-Accept` that its answer must have."""
    key = generate_key()
    if uri.user_info is not None:
        headers = (*headers, ("Authorization", build_authorization_basic(*uri.user_info)))
    own = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = _same_for_all(uri.resource_name, uri.host, uri.port, uri.secure)
    return f"{head}{own}Sec-WebSocket-Key: {key}\r\n\r\n".encode(), accept_key(key)


@lru_cache(maxsize=64)
def _same_for_all(resource: str, host: str, port: int, secure: bool) -> str:
    """What each request to one target begins with."""
    lines = [
        f"GET {resource} HTTP/1.1",
        f"Host: {build_host(host, port, secure)}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def fault_in_answer(headers: dict[str, str], accept: str) -> str:
    """Why a 101 with these headers (names in lower case) is no valid upgrade, or ""."""
    connection, upgrade = headers.get("connection", ""), headers.get("upgrade", "")
    if connection.lower() != "upgrade" or upgrade.lower() != "websocket":  # as nearly all write it
        fault = _fault_in_lists(connection, upgrade)
        if fault:
            return fault
    if headers.get("sec-websocket-accept") != accept:
        return "Sec-WebSocket-Accept is missing or belongs to another request"
    for name in ("sec-websocket-extensions", "sec-websocket-protocol"):
        if headers.get(name):
            return f"a {name} that was not offered"
    return ""


def _fault_in_lists(connection: str, upgrade: str) -> str:
    try:
        options = [one.lower() for one in parse_connection(connection)]
        protocols = [one.lower() for one in parse_upgrade(upgrade)]
    except InvalidHeader as error:
        return f"the {error.name} header is not valid"
    if "upgrade" not in options:
        return "the Connection header does not say Upgrade"
    return "" if protocols == ["websocket"] else "the Upgrade header does not say websocket"
