"""What the parts of a guest session share: the number of the next event, and new ids."""

from __future__ import annotations

from random import Random

_NEITHER_VERSION_NOR_VARIANT = ~((0xF000 << 64) | (0xC000 << 48))
_VERSION_4 = (0x4000 << 64) | (0x8000 << 48)


class EventNumbers:
    """The session's `seq`: 1, 2, 3, … without holes, whichever part writes the event."""

    __slots__ = ("last",)

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self) -> int:
        self.last = seq = self.last + 1
        return seq


def draw_id(rng: Random) -> str:
    """A UUID of version 4, as the platform wants tracing ids and attachment ids. Written by hand: a
    message needs one, and `str(UUID(...))` takes three times as long."""
    bits = rng.getrandbits(128) & _NEITHER_VERSION_NOR_VARIANT | _VERSION_4
    digits = bits.to_bytes(16, "big").hex()  # several times faster than those of an integer
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
