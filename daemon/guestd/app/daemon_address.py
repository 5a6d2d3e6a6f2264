"""Where a daemon is, in the forms in which people write it: host:port, http(s):// or ws(s)://."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_HTTP = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_SOCKET = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}


def daemon_url(given: str) -> str:
    """As http:// or https://, without a slash at its end. Raises ValueError."""
    parts = _parts(given)
    url = f"{_HTTP[parts.scheme]}://{parts.netloc}"
    if parts.path.strip("/") or parts.query or parts.fragment:
        problem = f"{given!r} is not the address of a daemon"
        raise ValueError(f"{problem}; write {url}, without what follows the port")
    return url


def simulator_url(given: str) -> str:
    """Of the WebSocket; a path and a query stay. Raises ValueError."""
    parts = _parts(given)
    return parts._replace(scheme=_SOCKET[parts.scheme], path=parts.path or "/").geturl()


def _parts(given: str) -> SplitResult:
    text = given.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host = parts.hostname or ""
        is_one = parts.scheme in _HTTP and host.strip("0123456789") != "" and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or parts.netloc.endswith(":") or any(map(str.isspace, text)):
        raise ValueError(
            f"{given!r} is not the address of a daemon; write host:port or http://host:port"
        )
    return parts
