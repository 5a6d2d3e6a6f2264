"""Leaves messages that are too large out of what a frontend sends, so that its socket stays open.

aiohttp closes a WebSocket on a message over its limit (1009). This reads the headers of the frames
(RFC 6455, 5.2) before aiohttp does, and hands on everything but the data frames of such a message.
In its place aiohttp gets an empty message at the moment the excess is known; if it has parts of
the message already, it gets an empty last part. So the listener hears of it in order with the
other messages, and `refused` says which ones to answer with an error.

At most 9 bytes of a header are kept in memory, whatever is sent. A frame that is wrong in itself
is handed on with everything behind it, because aiohttp closes the socket on it. Compression is not
negotiated, so a message has as many bytes as its frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_FINAL, _RESERVED, _OPCODE, _CONTROL = 0x80, 0x70, 0x0F, 0x08
_MASKED, _LENGTH = 0x80, 0x7F
_CONTINUATION = 0
_OPCODES = frozenset((_CONTINUATION, 1, 2, 8, 9, 10))
_CONTROL_BYTES_MAX = 125

#: Final, binary or continuation, masked with zeros, of no bytes.
_EMPTY_MESSAGE = b"\x82\x80\0\0\0\0"
_EMPTY_LAST_PART = b"\x80\x80\0\0\0\0"

#: More bytes than a connection can carry.
_ENDLESS = 1 << 80


@dataclass(slots=True, frozen=True)
class Oversize:
    """The data message with this `number`, counted from 0 on the connection. `size_bytes` is what
    its frames so far give; all of it if `is_whole`."""

    number: int
    size_bytes: int
    is_whole: bool


class FrameSkipper:
    """Of one connection. `message_bytes_max` counts the payloads of all frames of a message."""

    __slots__ = (
        "_head",
        "_is_open",
        "_is_refused",
        "_is_skipped",
        "_message_bytes",
        "_message_bytes_max",
        "_messages",
        "_rest_bytes",
        "_stand_in",
        "frames",
        "refused",
    )

    def __init__(self, message_bytes_max: int) -> None:
        self._message_bytes_max = message_bytes_max
        #: At most a few: each stands for more bytes than the limit, and the listener takes them
        #: one by one.
        self.refused: deque[Oversize] = deque()
        #: How many headers were read up to their length.
        self.frames = 0
        self._head = b""
        self._rest_bytes = 0
        self._is_skipped = False
        self._stand_in = b""
        self._is_open = False
        self._is_refused = False
        self._message_bytes = 0
        self._messages = 0

    def pass_on(self, chunk: bytes) -> bytes:
        """What aiohttp is to have of `chunk`, the bytes that follow those of the last call."""
        data = self._head + chunk
        kept: list[bytes] = []
        kept_from = at = 0
        end = len(data)
        while at < end:
            if not self._rest_bytes and not self._begin_frame(data, at):
                break
            frame_end = min(end, at + self._rest_bytes)
            self._rest_bytes -= frame_end - at
            if self._is_skipped:
                kept += (data[kept_from:at], self._stand_in)
                self._stand_in = b""
                kept_from = frame_end
            at = frame_end
        self._head = data[at:]
        rest = data[kept_from:at]
        return b"".join((*kept, rest)) if kept else rest

    def _begin_frame(self, data: bytes, at: int) -> bool:
        """Whether the header is there up to its length; then it is known how long the frame is,
        and what becomes of it."""
        if len(data) < at + 2:
            return False
        first = data[at]
        length = data[at + 1] & _LENGTH
        head_bytes = 6 if data[at + 1] & _MASKED else 2
        self._is_skipped = False
        if first & _RESERVED or first & _OPCODE not in _OPCODES:
            self._rest_bytes = _ENDLESS
        elif first & _CONTROL:
            is_right = first & _FINAL and length <= _CONTROL_BYTES_MAX
            self._rest_bytes = head_bytes + length if is_right else _ENDLESS
        else:
            if length > 125:
                more = 2 if length == 126 else 8
                if len(data) < at + 2 + more:
                    return False
                length = int.from_bytes(data[at + 2 : at + 2 + more], "big")
                head_bytes += more
            self._rest_bytes = head_bytes + length
            self._begin_data(first, length)
        self.frames += 1
        return True

    def _begin_data(self, first: int, length: int) -> None:
        is_continuation = first & _OPCODE == _CONTINUATION
        if is_continuation is not self._is_open or length >> 63:
            self._give_up()
            return
        self._message_bytes = self._message_bytes + length if is_continuation else length
        is_final = bool(first & _FINAL)
        self._is_open = not is_final
        if self._is_refused:
            self._is_skipped = True
            self._is_refused = not is_final
        elif self._message_bytes > self._message_bytes_max:
            self._is_skipped = True
            self._is_refused = not is_final
            self._stand_in = _EMPTY_LAST_PART if is_continuation else _EMPTY_MESSAGE
            self.refused.append(Oversize(self._messages, self._message_bytes, is_final))
            self._messages += 1
        elif is_final:
            self._messages += 1

    def _give_up(self) -> None:
        """On frames in a wrong order. aiohttp sees that itself, unless it knows nothing of the
        message under way: then it gets something else that is out of order."""
        self._rest_bytes = _ENDLESS
        self._is_skipped = self._is_refused
        self._stand_in = _EMPTY_LAST_PART if self._is_refused else b""
