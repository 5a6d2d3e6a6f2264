"""Returns memory to the operating system after many clients have disconnected.

The objects of a client form reference cycles, which Python collects only after many thousand new
objects. And the C library keeps freed memory between blocks that are still in use. So after a burst
both are trimmed, rarely: together they block the loop for some ten milliseconds. Python's allocator
keeps arenas of 1 MiB that are not empty; the next burst uses them again."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

#: Fewer clients are not worth it: each costs some 50 KiB.
GONE_MIN = 64

#: Between two times: a hundredth of a percent of the loop.
PAUSE_S = 20.0


class MemoryTrimmer:
    """Call `gone` for each client that disconnects, and `trim_if_due` from time to time while
    `is_due`."""

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
        """Trim if enough clients have gone, and the last time was long enough ago."""
        if self.is_due and now >= self._not_before:
            self._gone = 0
            self._not_before = now + PAUSE_S
            self._give_back()


def trim_memory() -> None:
    """Collect the young generations, and trim glibc's heap; other C libraries are left alone."""
    gc.collect(1)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
