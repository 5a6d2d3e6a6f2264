"""URLs of stored files, with the host that each client knows the emulator by.

The world keeps one form of a URL, at the address that the emulator is bound to. A client may have
come by another: a container's name, a name of the certificate, the address of this machine seen
from a phone. What leaves for a client has the host that its own request named."""

from __future__ import annotations

import re

PATH = "/__storage/"
_PATH = PATH.encode()
#: A header may contain anything, and this goes into JSON.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def base_for(host: str | None, bound: str) -> str:
    """The base of URLs for a client whose Host header is this one; `bound` if there is none."""
    if host is None or not _HOST.fullmatch(host):
        return bound
    return f"{bound.partition('://')[0]}://{host}"


def with_base(payload: bytes, bound: str, base: str) -> bytes:
    """JSON for that client. Only whole strings that begin as a URL of ours are changed, so that a
    text that quotes one stays as it is."""
    if base == bound or _PATH not in payload:
        return payload
    return payload.replace(f'"{bound}{PATH}'.encode(), f'"{base}{PATH}'.encode())
