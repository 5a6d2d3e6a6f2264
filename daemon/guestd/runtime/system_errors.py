"""A failure of the system, or of a connection, in words for people: neither `[Errno 111]` nor the
name of an exception."""

from __future__ import annotations

import os
import re
import socket

#: asyncio and aiohttp write where they wanted to connect to behind the words of the system.
_PLACE = re.compile(r"\('([^']+)', (\d+)")
_NUMBER = re.compile(r"\[Errno (-?\d+)\] ?")

#: By name: the journal's commands do not load aiohttp for its errors. Those of its parser have a
#: status that nobody sent, the bytes that they could not read, and the URL: all may be secret.
_WORDS = {
    "ServerDisconnectedError": "the connection ended without an answer",
    "IncompleteReadError": "the connection ended without an answer",
    "ClientPayloadError": "the answer was cut off",
    "ClientResponseError": "the answer is not valid HTTP",
    "HttpProcessingError": "the answer is not valid HTTP",
    "InvalidURL": "the URL is not valid",
}


def in_words(error: BaseException) -> str:
    """Without a number; of a connection with the address that was tried, if it is known."""
    inner = getattr(error, "os_error", None)  # of aiohttp's ClientConnectorError
    if isinstance(inner, OSError):
        return in_words(inner)
    if type(error).__name__ == "ClientHttpProxyError":
        return f"the proxy answered {getattr(error, 'status', 'nothing')}"
    refused = getattr(error, "certificate_error", None)  # of aiohttp's, which has no os_error
    if isinstance(refused, OSError):
        return in_words(refused)
    for kind in type(error).__mro__:
        if known := _WORDS.get(kind.__name__):
            return known
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "SSLCertVerificationError" in kinds:
        why = getattr(error, "verify_message", "") or "it is not trusted"
        return f"its certificate was refused: {why}"
    if "SSLError" in kinds and isinstance(error, OSError):
        from .tls import tls_failure

        return tls_failure(error)
    match error:
        case socket.gaierror():
            return "the name cannot be resolved"
        case OSError() if (number := _number_of(error)) is not None:
            place = _PLACE.search(str(error))
            where = f" at {_shown(place[1])}:{place[2]}" if place else ""
            return f"{os.strerror(number).lower()}{_file_of(error)}{where}"
        case TimeoutError():
            return "no answer in time"
    return _NUMBER.sub("", str(error)) or type(error).__name__


def _number_of(error: OSError) -> int | None:
    if error.errno is not None and error.errno > 0:
        return error.errno
    inner = _NUMBER.search(str(error))  # several addresses were tried: the first one's
    return int(inner[1]) if inner and int(inner[1]) > 0 else None


def _file_of(error: OSError) -> str:
    return f": {error.filename}" if isinstance(error.filename, str) and error.filename else ""


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
