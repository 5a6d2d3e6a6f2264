"""What follows from all numbers before a number, without keeping it for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

State = TypeVar("State")

#: So many are computed again at most; a million guests leave a thousand states.
EVERY = 1024


class RunningState(Generic[State]):
    """`follow(state, number)` is the state after that number. Asked for in rising order, each is
    computed once."""

    __slots__ = ("_at", "_follow", "_kept", "_state")

    def __init__(self, first: State, follow: Callable[[State, int], State]) -> None:
        self._kept = [first]
        self._follow = follow
        self._state = first
        self._at = 0

    def before(self, number: int) -> State:
        """The state that the numbers 0 … number - 1 lead to."""
        if not self._at <= number < self._at + EVERY:
            place = min(number // EVERY, len(self._kept) - 1)
            self._at, self._state = place * EVERY, self._kept[place]
        while self._at < number:
            self._state = self._follow(self._state, self._at)
            self._at += 1
            if self._at == len(self._kept) * EVERY:
                self._kept.append(self._state)
        return self._state
