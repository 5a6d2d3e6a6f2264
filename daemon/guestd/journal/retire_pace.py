"""When retention has its turn under load: as many rows go as come, and up to twice as many while
there is a backlog.

A journal that is never idle would else keep everything. What ended is deleted in batches of
`BATCH_ROWS`, each in a transaction that the next commit waits for, some ten milliseconds. Each row
written allows two to go, so that a backlog shrinks as fast as the journal is written. Where little
is written, one batch a second goes all the same: what guests said is to go when it was promised,
and not when enough others have spoken.

After each transaction of the writer, at most one batch goes, or twice the rows of that transaction
if that is more: no commit waits longer for retention than one batch takes, or about twice as long
as the commits before it took."""

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
        self._debt = 0  # rows that may go
        self._turn = 0  # of those, how many before the next commit
        self._nothing_until = 0.0
        self._next_at = 0.0

    def written(self, rows: int) -> None:
        """A transaction of so many rows is durable."""
        self._debt += CATCH_UP * rows
        self._turn = max(CATCH_UP * rows, 1)

    def is_due(self, now: float) -> bool:
        """Is a batch to go, before the next commit?"""
        if self._turn <= 0 or now < self._nothing_until:
            return False
        return self._debt >= BATCH_ROWS or now >= self._next_at

    def swept(self, swept: Swept, now: float) -> None:
        """A batch was tried."""
        self._next_at = now + LOOK_S
        self._turn -= BATCH_ROWS
        self._debt = max(0, self._debt - max(swept.rows, 1))
        if not swept.more:
            self._debt = 0
            self._nothing_until = now + LOOK_S
