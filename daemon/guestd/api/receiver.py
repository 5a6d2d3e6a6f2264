"""The messages of one frontend, one at a time, also those that were left out as too large.

Texts are decoded here and not by aiohttp. Of a message that was left out it may have the beginning,
which may end within a character, and on that it would close the socket.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType

from .frame_skipper import Oversize
from .frontend import Socket
from .throttled_protocol import ThrottledProtocol

_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
_CONTROL = (WSMsgType.PING, WSMsgType.PONG)


@dataclass(slots=True, frozen=True)
class ReceivedMessage:
    """`size_bytes`: of the payload as aiohttp had it. `text`: of a text. `data`: of a ping.
    `oversize`: if it was left out."""

    type: WSMsgType
    size_bytes: int
    text: str = ""
    data: bytes = b""
    oversize: Oversize | None = None


class MessageReceiver:
    """Call `next`, work on what it gives, and then say `done`."""

    def __init__(self, socket: Socket, protocol: ThrottledProtocol) -> None:
        self._socket = socket
        self._protocol = protocol
        self._messages = 0

    async def next(self) -> ReceivedMessage | None:
        """The next message; None when the socket is closed. A text that is not UTF-8 closes it
        (1007)."""
        self._protocol.wait()
        message = await self._socket.receive()
        self._protocol.take()
        if message.type in _CONTROL:
            return ReceivedMessage(message.type, len(message.data), data=bytes(message.data))
        if message.type not in _DATA:
            return None
        size_bytes = len(message.data)
        oversize = self._oversize()
        if oversize is not None or message.type is WSMsgType.BINARY:
            return ReceivedMessage(message.type, size_bytes, oversize=oversize)
        try:
            return ReceivedMessage(message.type, size_bytes, message.data.decode())
        except UnicodeDecodeError:
            await self._socket.close(code=WSCloseCode.INVALID_TEXT)
            return None

    def done(self, received: ReceivedMessage) -> None:
        self._protocol.done(received.size_bytes)

    def _oversize(self) -> Oversize | None:
        """Whether the data message that just came stands for one that was left out."""
        number = self._messages
        self._messages += 1
        refused = self._protocol.refused
        return refused.popleft() if refused and refused[0].number == number else None
