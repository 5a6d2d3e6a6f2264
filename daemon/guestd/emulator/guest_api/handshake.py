"""The upgrade to a WebSocket (RFC 6455, 4.2).

Clients ask for it in one form, give or take some headers. That form is read here; all that differs
from it, if only by a space, is left to the `websockets` library, which knows every rule and how to
refuse. A refusal is always the library's."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple, cast

from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_HEAD = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: [!-~ ]*[!-~]\r\n)+)\r\n")
_CONNECTION = ("upgrade", "keep-alive, upgrade")
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")


class UpgradeAnswer(NamedTuple):
    """What the client is sent; whether the connection is a WebSocket now, or over."""

    data: bytes
    is_open: bool


class UpgradeRequest:
    """A whole head. `path` is None if it is none that can be read."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._core: ServerProtocol | None = None
        self._request: Request | None = None
        self._headers: dict[str, list[str]] = {}
        self.path = self._read_plain() or self._read_any()

    def values(self, name: str) -> Sequence[str]:
        if self._core is not None:
            return cast(Request, self._request).headers.get_all(name)
        return self._headers.get(name.lower(), ())

    def value(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)

    def accept(self, epoch_s: int) -> UpgradeAnswer:
        """Or the refusal of what is no upgrade."""
        if self._core is not None:
            return self._answer(self._core.accept(cast(Request, self._request)))
        digest = sha1(self._headers["sec-websocket-key"][0].encode() + _GUID).digest()
        return UpgradeAnswer(_accepted(epoch_s) + b64encode(digest) + b"\r\n\r\n", is_open=True)

    def refuse(self, status: int, text: str, retry_after_s: int | None = None) -> UpgradeAnswer:
        if self._core is None:
            self._read_any()
        assert self._core is not None
        response = self._core.reject(status, text + "\n")
        if retry_after_s is not None:
            response.headers["Retry-After"] = str(retry_after_s)
        return self._answer(response)

    def unreadable(self) -> UpgradeAnswer:
        """What the library says to such a head."""
        assert self._core is not None
        return UpgradeAnswer(b"".join(self._core.data_to_send()), is_open=False)

    # ------------------------------------------------------------------

    def _read_plain(self) -> str | None:
        found = _HEAD.fullmatch(self._head)
        if found is None:
            return None
        headers: dict[str, list[str]] = {}
        for line in found[2].decode().split("\r\n")[:-1]:
            name, _, value = line.partition(": ")
            headers.setdefault(name.lower(), []).append(value)
        if (
            headers.get("sec-websocket-version") == ["13"]
            and ", ".join(headers.get("connection", ())).lower() in _CONNECTION
            and [one.lower() for one in headers.get("upgrade", ())] == ["websocket"]
            and _KEY.fullmatch(", ".join(headers.get("sec-websocket-key", ())))
        ):
            self._headers = headers
            return found[1].decode()
        return None

    def _read_any(self) -> str | None:
        self._core = ServerProtocol()
        self._core.receive_data(self._head)
        for event in self._core.events_received():
            self._request = cast(Request, event)
        return self._request.path if self._request is not None else None

    def _answer(self, response: Response) -> UpgradeAnswer:
        assert self._core is not None
        self._core.send_response(response)
        return UpgradeAnswer(b"".join(self._core.data_to_send()), response.status_code == 101)


@lru_cache(maxsize=1)
def _accepted(epoch_s: int) -> bytes:
    """Up to the key."""
    return (
        f"HTTP/1.1 101 Switching Protocols\r\nDate: {formatdate(epoch_s, usegmt=True)}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    ).encode()
