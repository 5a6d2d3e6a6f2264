"""When retention has its turn under load: as many rows go as come, and up to twice as many while there is a backlog.

A journal that is never idle would else keep everything. What ended is deleted in batches of `BATCH_ROWS`, each in a transaction
that the next commit waits for, some ten milliseconds. Each row written allows two to go, so that a backlog shrinks as fast as the
journal is written. Where little is written, one batch a second goes all the same: what guests said is to go when it was promised,
and not when enough others have spoken.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Rows deleted in one transaction.
BATCH_ROWS = 1000

#: Rows that may go for each row that comes.
CATCH_UP = 2

#: Between two looks while nothing is due, and between two batches while little is written.
LOOK_S = 1.0


@dataclass(slots=True, frozen=True)
class Swept:
    """What one batch deleted; `more`: there may be more whose time has come."""

    rows: int
    more: bool

    def __bool__(self) -> bool:
        return self.more


class RetirePace:
    def __init__(self) -> None:
        self._debt = 0
        self._nothing_until = 0.0
        self._next_at = 0.0

    def written(self, rows: int) -> None:
        self._debt += CATCH_UP * rows

    def is_due(self, now: float) -> bool:
        return now >= self._nothing_until and (self._debt >= BATCH_ROWS or now >= self._next_at)

    def swept(self, swept: Swept, now: float) -> None:
        self._next_at = now + LOOK_S
        self._debt = max(0, self._debt - max(swept.rows, 1))
        if not swept.more:
            self._debt = 0
            self._nothing_until = now + LOOK_S
