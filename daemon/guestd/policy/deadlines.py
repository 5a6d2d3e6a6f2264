"""When is what due? A hashed timer wheel: constant cost to set, move and cancel a deadline,
whatever their number.

Time is cut into ticks. A deadline goes into the slot of its tick; slots are dicts, so that
cancelling is a deletion and a slot keeps the order of insertion. Deadlines further away than one
turn of the wheel lie in their slot and are passed over until their turn has come. Nothing fires
early; a deadline fires at most one tick late."""

from __future__ import annotations

from math import ceil
from typing import Generic, TypeVar

Key = TypeVar("Key")


class DeadlineWheel(Generic[Key]):
    """One deadline per key, in seconds of the clock that `now` comes from; setting a key again
    moves it."""

    __slots__ = ("_at", "_done_tick", "_slots", "_tick_s")

    def __init__(self, tick_s: float = 0.05, slots: int = 2048, now: float = 0.0) -> None:
        self._tick_s = tick_s
        self._slots: list[dict[Key, float] | None] = [None] * slots
        self._at: dict[Key, int] = {}
        self._done_tick = int(now / tick_s)

    def __len__(self) -> int:
        return len(self._at)

    def set(self, key: Key, at: float) -> None:
        self.cancel(key)
        tick = max(ceil(at / self._tick_s), self._done_tick + 1)
        self._at[key] = tick
        n = tick % len(self._slots)
        slot = self._slots[n]
        if slot is None:
            slot = self._slots[n] = {}
        slot[key] = at

    def cancel(self, key: Key) -> None:
        tick = self._at.pop(key, None)
        if tick is not None:
            slot = self._slots[tick % len(self._slots)]
            assert slot is not None
            del slot[key]

    def due(self, now: float) -> list[Key]:
        """Take out and return every key whose deadline has come, earliest first, equal ones as they
        were set."""
        tick_now = int(now / self._tick_s + 1e-9)
        found: list[tuple[float, Key]] = []
        first = max(self._done_tick + 1, tick_now - len(self._slots) + 1)
        for tick in range(first, tick_now + 1):
            slot = self._slots[tick % len(self._slots)]
            if slot:
                ripe = [(at, key) for key, at in slot.items() if self._at[key] <= tick_now]
                for _, key in ripe:
                    del slot[key], self._at[key]
                found += ripe
        self._done_tick = max(self._done_tick, tick_now)
        found.sort(key=lambda pair: pair[0])
        return [key for _, key in found]

    def next_at(self) -> float | None:
        """When to look again: not after the earliest deadline by more than a tick. None if there is
        none."""
        if not self._at:
            return None
        for tick in range(self._done_tick + 1, self._done_tick + len(self._slots)):
            slot = self._slots[tick % len(self._slots)]
            if slot and any(self._at[key] <= tick for key in slot):
                return tick * self._tick_s
        return (self._done_tick + len(self._slots)) * self._tick_s
