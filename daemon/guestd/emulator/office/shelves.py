"""Collections with an end: the platform forgets, in an order one can name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

from .calls import Refusal

Thing = TypeVar("Thing")


class Shelf(Generic[Thing]):
    """The last `most` things, by id; the oldest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[str, Thing] = OrderedDict()

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[Thing]:
        return iter(self._things.values())

    def get(self, thing_id: str) -> Thing | None:
        return self._things.get(thing_id)

    def put(self, thing_id: str, thing: Thing) -> Thing | None:
        """Returns what had to go."""
        self._things[thing_id] = thing
        return self._things.popitem(last=False)[1] if len(self._things) > self._most else None

    def take(self, thing_id: str) -> Thing | None:
        return self._things.pop(thing_id, None)


class Register(Generic[Thing]):
    """Living things and ended ones, `most` of each. Of the ended the oldest goes first; a living
    one is never forgotten, a new one is refused instead."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.living: Shelf[Thing] = Shelf(most + 1)
        self.ended: Shelf[Thing] = Shelf(most)

    def __iter__(self) -> Iterator[Thing]:
        yield from self.ended
        yield from self.living

    def get(self, thing_id: str) -> Thing | None:
        return self.living.get(thing_id) or self.ended.get(thing_id)

    def put(self, thing_id: str, thing: Thing) -> None:
        if len(self.living) >= self._most:
            raise Refusal(
                503, "limit.exceeded", f"{self._most} are running already; end some first"
            )
        self.living.put(thing_id, thing)

    def end(self, thing_id: str) -> None:
        thing = self.living.take(thing_id)
        if thing is not None:
            self.ended.put(thing_id, thing)
