"""How long may an arrived message wait for an earlier one that is still under way?

The platform's wire promises no order and carries no sequence, so nothing tells that an earlier
message is missing. Order can only be bought with waiting, and every message pays. A fixed second
(what others do) makes a chat feel broken; no wait at all shows messages in the wrong order wherever
the path reorders them.

So the price follows the evidence. Reordering is a property of the path, not of one session: all
sessions of a deployment share one judge, and what one of them learns the others know at once.

- It starts with a little distrust (`initial_ms`), which ends after `trust_after` messages came in
  order.
- A message that came late by d raises the hold to 2 × d at once, up to `max_ms`.
- In-order traffic halves a learned hold every `HALF_LIFE` messages; below 5 ms it is nothing
  (`min_ms`)."""

from __future__ import annotations

HALF_LIFE = 2000


class ReorderDelay:
    __slots__ = ("_in_order", "_max_ms", "_min_ms", "_step", "hold_ms")

    def __init__(
        self,
        initial_ms: float = 100.0,
        min_ms: float = 0.0,
        max_ms: float = 2000.0,
        trust_after: int = 20,
    ) -> None:
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._step = trust_after
        self._in_order = 0
        self.hold_ms = min(max(initial_ms, min_ms), max_ms)

    @property
    def has_reason(self) -> bool:
        """Disorder was seen, or `min_ms` buys order; without either it is the first distrust."""
        return self._step == HALF_LIFE or self._min_ms > 0.0

    def saw_in_order(self) -> None:
        if self.hold_ms > self._min_ms:
            self._in_order += 1
            if self._in_order >= self._step:
                self._relax()

    def saw_displacement(self, late_ms: float) -> None:
        self._in_order = 0
        self._step = HALF_LIFE
        self.hold_ms = max(self.hold_ms, min(2.0 * late_ms + 10.0, self._max_ms))

    def _relax(self) -> None:
        self._in_order = 0
        trusted_at_once = self._step != HALF_LIFE
        halved = self.hold_ms / 2.0
        self.hold_ms = (
            self._min_ms if trusted_at_once or halved < 5.0 else max(halved, self._min_ms)
        )
