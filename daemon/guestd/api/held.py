"""How many bytes are held for clients that do not take them or do not finish sending them: counted,
with one bound for all.

A bound per client alone allows clients times bound. When the sum is over its own bound, whoever has
the largest share by
`burden` is let go, until the sum is within the bound again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Holder(Protocol):
    def burden(self) -> float:
        """The holder with the greatest burden is let go first; 0 or less: never."""

    def let_go(self) -> None:
        """Free what is held, and tell the client why. It has called `HeldBytes.leave` when it
        returns."""


class HeldBytes:
    """`total` is what all holders hold now. `told` is called when the bound made a holder lose its
    place."""

    def __init__(self, bytes_max: int, told: Callable[[], None] = lambda: None) -> None:
        self._bytes_max = bytes_max
        self._told = told
        self._held: dict[Holder, int] = {}
        self.total = 0

    def __len__(self) -> int:
        return len(self._held)

    def of(self, holder: Holder) -> int:
        return self._held.get(holder, 0)

    def set(self, holder: Holder, held_bytes: int) -> None:
        """`holder` holds that many bytes from now on. May call `let_go` of any holder, this one
        included."""
        self.total += held_bytes - self._held.get(holder, 0)
        if held_bytes:
            self._held[holder] = held_bytes
        else:
            self._held.pop(holder, None)
        while self.total > self._bytes_max and self._let_one_go():
            pass

    def leave(self, holder: Holder) -> None:
        self.total -= self._held.pop(holder, 0)

    def _let_one_go(self) -> bool:
        burdened = max(self._held, key=lambda holder: holder.burden())
        if burdened.burden() <= 0:
            return False
        self._told()
        burdened.let_go()
        return True
