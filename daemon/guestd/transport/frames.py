"""The few frames we write ourselves, and the header of a frame that is read (RFC 6455 §5.2)."""

from __future__ import annotations

from websockets.frames import Close, Frame, Opcode

TEXT_HEAD = 0x81  # FIN, no extension, opcode 1
PONG_HEAD = 0x8A
FIN = 0x80
CONTROL = 0x08


def is_illegal(head: int, second: int) -> bool:
    """True if no unmasked frame without extensions begins with these two bytes."""
    if second & 0x80 or head & 0x70:
        return True
    return bool(head & CONTROL) and (second > 125 or not head & FIN)


def text_frame(payload: bytes) -> bytes:
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


def ping_frame(payload: bytes) -> bytes:
    return Frame(Opcode.PING, payload).serialize(mask=True)


def close_frame(code: int, reason: str) -> bytes:
    """The reason is cut to what a control frame holds: it is for people; programs use the code."""
    fitting = reason.encode()[:123].decode(errors="ignore")
    return Frame(Opcode.CLOSE, Close(code, fitting).serialize()).serialize(mask=True)


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
