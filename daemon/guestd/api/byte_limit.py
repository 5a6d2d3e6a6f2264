"""Bytes held for clients that do not read, or do not finish sending: counted, with one limit for
all.

A limit per client alone allows clients times limit. While the sum is over its own limit, the holder
with the greatest `burden` is evicted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class BytesHolder(Protocol):
    def burden(self) -> float:
        """The holder with the greatest burden is evicted first; 0 or less: never."""

    def evict(self) -> None:
        """Free what is held, and tell the client why. Must call `SharedByteLimit.remove` before it
        returns."""


class SharedByteLimit:
    """`total` is what all holders hold now. `on_evicted` is called for each holder that the limit
    evicts."""

    def __init__(self, bytes_max: int, on_evicted: Callable[[], None] = lambda: None) -> None:
        self._bytes_max = bytes_max
        self._on_evicted = on_evicted
        self._held: dict[BytesHolder, int] = {}
        self.total = 0

    def __len__(self) -> int:
        return len(self._held)

    def of(self, holder: BytesHolder) -> int:
        return self._held.get(holder, 0)

    def set(self, holder: BytesHolder, held_bytes: int) -> None:
        """`holder` holds that many bytes from now on. May call `evict` of any holder, this one
        included."""
        self.total += held_bytes - self._held.get(holder, 0)
        if held_bytes:
            self._held[holder] = held_bytes
        else:
            self._held.pop(holder, None)
        while self.total > self._bytes_max and self._evict_one():
            pass

    def remove(self, holder: BytesHolder) -> None:
        self.total -= self._held.pop(holder, 0)

    def _evict_one(self) -> bool:
        burdened = max(self._held, key=lambda holder: holder.burden())
        if burdened.burden() <= 0:
            return False
        self._on_evicted()
        burdened.evict()
        return True
