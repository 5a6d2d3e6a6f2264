"""The real clock: the loop's monotonic seconds, and wall-clock milliseconds for what is stored."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from time import time_ns


def epoch_ms() -> int:
    """The wall clock, in milliseconds since 1970."""
    return time_ns() // 1_000_000


class LoopClock:
    """Both are asked for every message, so they are called without a method of ours between."""

    __slots__ = ("epoch_ms", "now")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.now = loop.time
        self.epoch_ms = epoch_ms
