"""The real clock: the loop's monotonic seconds, and wall-clock milliseconds for what is stored."""

from __future__ import annotations

import time
from asyncio import AbstractEventLoop


class LoopClock:
    __slots__ = ("now",)

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.now = loop.time

    def epoch_ms(self) -> int:
        return epoch_ms()


def epoch_ms() -> int:
    """The wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
