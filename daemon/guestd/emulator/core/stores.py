"""A mapping with a bound: the platform forgets the oldest entry first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedStore(Generic[T]):
    """The newest `entries_max` entries by id; the oldest is evicted first."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._entries: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def get(self, entry_id: str) -> T | None:
        return self._entries.get(entry_id)

    def put(self, entry_id: str, entry: T) -> T | None:
        """Returns the entry that was evicted, if any."""
        self._entries[entry_id] = entry
        if len(self._entries) > self._entries_max:
            return self._entries.popitem(last=False)[1]
        return None

    def pop(self, entry_id: str) -> T | None:
        return self._entries.pop(entry_id, None)
