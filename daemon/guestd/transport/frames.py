"""The few frames we write ourselves, and the header of a frame that is read (RFC 6455 §5.2)."""

from __future__ import annotations

import os
from struct import Struct

from websockets.frames import Close

try:
    from websockets.speedups import apply_mask
except ImportError:  # an installation without a compiler's work
    from websockets.utils import apply_mask

TEXT_HEAD = 0x81  # FIN, no extension, opcode 1
CLOSE_HEAD = 0x88
PING_HEAD = 0x89
PONG_HEAD = 0x8A
FIN = 0x80

#: The header of a masked frame, by how its length is written.
_SHORT, _MEDIUM, _LONG = (Struct(one).pack for one in (">BB4s", ">BBH4s", ">BBQ4s"))

CONTROL = 0x08


def is_illegal(head: int, second: int) -> bool:
    """True if no unmasked frame without extensions begins with these two bytes."""
    if second & 0x80 or head & 0x70:
        return True
    return bool(head & CONTROL) and (second > 125 or not head & FIN)


class _Masks:
    """Masking keys that cannot be foreseen (RFC 6455 §5.3), drawn from the system a thousand at a
    time: a call of the system for each frame costs more than the rest of the frame."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._at, self._drawn = 0, b""

    def next(self) -> bytes:
        at = self._at
        if at == len(self._drawn):
            at, self._drawn = 0, os.urandom(4096)
        self._at = at + 4
        return self._drawn[at : at + 4]


_masks = _Masks()


def _masked(head: int, payload: bytes) -> bytes:
    mask, length = _masks.next(), len(payload)
    if length < 126:
        header = _SHORT(head, 0x80 | length, mask)
    elif length < 65536:
        header = _MEDIUM(head, 0xFE, length, mask)
    else:
        header = _LONG(head, 0xFF, length, mask)
    return header + apply_mask(payload, mask)


def text_frame(payload: bytes) -> bytes:
    return _masked(TEXT_HEAD, payload)


def ping_frame(payload: bytes) -> bytes:
    return _masked(PING_HEAD, payload)


def close_frame(code: int, reason: str) -> bytes:
    """The reason is cut to what a control frame holds: it is for people; programs use the code."""
    fitting = reason.encode()[:123].decode(errors="ignore")
    return _masked(CLOSE_HEAD, Close(code, fitting).serialize())


def measure(data: bytes, at: int) -> tuple[int, int] | None:
    """(start of payload, length of payload) of the unmasked frame at `at`; None if its header is
    not whole yet."""
    length = data[at + 1] & 0x7F
    if length < 126:
        return at + 2, length
    if length == 126:
        return (
            None if len(data) < at + 4 else (at + 4, int.from_bytes(data[at + 2 : at + 4], "big"))
        )
    return None if len(data) < at + 10 else (at + 10, int.from_bytes(data[at + 2 : at + 10], "big"))
