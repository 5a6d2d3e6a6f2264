"""A bounded store for things that run and end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from ..core.stores import BoundedStore
from .calls import PlatformRefusal

T = TypeVar("T")


class LiveStore(Generic[T]):
    """Running entries and ended ones, at most `entries_max` of each. The oldest ended entry is
    evicted first; a running one never is: a new one is refused instead."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self.running: BoundedStore[T] = BoundedStore(entries_max + 1)
        self.ended: BoundedStore[T] = BoundedStore(entries_max)

    def __iter__(self) -> Iterator[T]:
        yield from self.ended
        yield from self.running

    def get(self, entry_id: str) -> T | None:
        return self.running.get(entry_id) or self.ended.get(entry_id)

    def put(self, entry_id: str, entry: T) -> None:
        if len(self.running) >= self._entries_max:
            raise PlatformRefusal(
                503, "limit.exceeded", f"{self._entries_max} are running already; end some first"
            )
        self.running.put(entry_id, entry)

    def end(self, entry_id: str) -> None:
        entry = self.running.pop(entry_id)
        if entry is not None:
            self.ended.put(entry_id, entry)
