"""`platform.proxy_url`, read once for the guest socket, the REST calls and the uploads, so that all
three present the same.

Percent-encoded letters are UTF-8 (RFC 3986 §2.5), and so are the bytes of the Basic credentials
(RFC 7617 §2.1)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from .errors import ConfigError

KEY = "platform.proxy_url"
REMEDY = "write http://user:password@host:port, with letters beyond ASCII percent-encoded as UTF-8"

_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(slots=True, frozen=True)
class Proxy:
    """`url` is without credentials; `authorization` the value of Proxy-Authorization, "" if there
    are none."""

    host: str
    port: int
    url: str
    authorization: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """For the proxy only: of a CONNECT, or of a request for a plain `http://` URL."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_of(url: str) -> Proxy:
    """Raises ConfigError, which names the key and never the password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        raise ConfigError(KEY, "is not a URL with a host and a port", REMEDY) from None
    if parts.scheme != "http" or not parts.hostname or _CONTROL.search(url):
        raise ConfigError(KEY, "is not an http:// URL with a host", REMEDY)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(parts.hostname, port, f"http://{host}:{port}", _authorization(parts))


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    try:
        user = unquote(parts.username, errors="strict")
        password = unquote(parts.password or "", errors="strict")
        pair = f"{user}:{password}".encode()
    except UnicodeError:
        raise ConfigError(KEY, "has a user or password that is not UTF-8", REMEDY) from None
    if ":" in user:
        raise ConfigError(
            KEY, "has a user with a colon in it, which Basic credentials cannot carry", REMEDY
        )
    if any(byte < 0x20 or byte == 0x7F for byte in pair):
        raise ConfigError(KEY, "has a user or password with a control character in it", REMEDY)
    return f"Basic {base64.b64encode(pair).decode()}"
