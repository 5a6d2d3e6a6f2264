"""What the parts of a guest session share: the number of the next event, and new ids."""

from __future__ import annotations

from random import Random
from uuid import UUID


class EventNumbers:
    """The session's `seq`: 1, 2, 3, … without holes, whichever part writes the event."""

    __slots__ = ("last",)

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self) -> int:
        self.last = seq = self.last + 1
        return seq


def draw_id(rng: Random) -> str:
    """A UUID, as the platform wants tracing ids and attachment ids."""
    return str(UUID(int=rng.getrandbits(128), version=4))
