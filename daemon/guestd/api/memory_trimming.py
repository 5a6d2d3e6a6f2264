"""Memory given back to the operating system after many clients have gone.

What a client was made of refers to itself in circles, which Python looks for only after many
thousand new objects. And the C library keeps what is freed between blocks that are still in use. So
after a burst both are asked for it, rarely: together they stop the loop for some ten milliseconds.
Python's own allocator keeps its arenas of 1 MiB in which anything is left; the next burst uses them
again."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

#: Fewer clients have left nothing to speak of: each costs some 50 KiB.
GONE_MIN = 64

#: Between two times: a hundredth of a percent of the loop.
PAUSE_S = 20.0


class MemoryTrimmer:
    """Say who has `gone`, and call `tidy` now and then while there `is_due` something."""

    def __init__(self, give_back: Callable[[], None] | None = None) -> None:
        self._give_back = give_back or trim_memory
        self._gone = 0
        self._not_before = 0.0

    @property
    def is_due(self) -> bool:
        return self._gone >= GONE_MIN

    def gone(self) -> None:
        self._gone += 1

    def trim_if_due(self, now: float) -> None:
        """Give back what enough clients have left, if the last time was long enough ago."""
        if self.is_due and now >= self._not_before:
            self._gone = 0
            self._not_before = now + PAUSE_S
            self._give_back()


def trim_memory() -> None:
    """Collect what is young, and return what the C library has free; other libraries than glibc's
    are left alone."""
    gc.collect(1)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
