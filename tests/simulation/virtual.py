"""A loop on which time jumps: nothing ever waits, and the same seed gives the same run.

The selector never blocks; instead of sleeping until the next deadline it moves the clock there.
When nothing is scheduled at all the run is stuck, and says so. Threads have no place here: the
journal commits inline."""

from __future__ import annotations

import asyncio
import selectors


class Stuck(AssertionError):
    """Nothing is scheduled any more, and somebody is still waiting."""


class _Jumping(selectors.SelectSelector):
    loop: VirtualLoop

    def select(self, timeout=None):
        if timeout is None:
            raise Stuck("nothing can ever happen again")
        self.loop.jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Jumping()
        super().__init__(selector)
        selector.loop = self
        self._now = 1000.0
        self.epoch_offset_s = 1_800_000_000.0

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds

    def epoch_ms(self) -> int:
        return int((self._now + self.epoch_offset_s) * 1000)

    def call_soon_threadsafe(self, callback, *arguments, context=None):
        raise AssertionError("no threads in virtual time")


class VirtualClock:
    """The Clock port; its wall may jump."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.now = loop.time
        self.epoch_ms = loop.epoch_ms
