"""Pages that retention emptied go back to the file system, a few at a time.

SQLite uses free pages again before it makes the file larger, so the size of the file would stay
that of its largest moment. `auto_vacuum = INCREMENTAL` lets it move the last pages of the file into
free ones and cut the file off. That is chosen when the file is made; one without it is given it by
`guestd journal compact`, see database.py.

A file under steady load always has free pages, of what just went and for what comes next. So it
starts only when more than FREE_SHARE_MAX of the pages are free, and stops at FREE_SHARE_KEPT. A
commit that comes meanwhile waits for one step, a few milliseconds; steps under load are STEP_S
apart."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

#: Pages moved and cut off in one transaction: 256 KiB, about what a commit of a thousand rows
#: writes.
STEP_PAGES = 64

#: Between two steps under load. 64 pages each 0.1 s are 2.5 MiB/s: a gigabyte is given back in
#: seven minutes.
STEP_S = 0.1

#: Between two looks while there is little to give back.
LOOK_S = 1.0

#: The file may be 1.3 times what is kept in it. Pages that are only partly filled take 1.18 to 1.21
#: of that under load, so that 1.21 / (1 - 0.06) = 1.29 is left.
FREE_SHARE_MAX = 0.06
FREE_SHARE_KEPT = 0.03

#: Below this it is not worth a write: 256 KiB, what one batch of retention sets free.
FREE_PAGES_MIN = 64


@dataclass(slots=True, frozen=True)
class FilePages:
    """How many pages a file has, and how many of them are free."""

    total: int
    free: int

    def excess(self, share: float) -> int:
        """How many free pages must go until no more than that share of what is left is free."""
        return max(0, int((self.free - share * self.total) / (1 - share)))


class ShrinkPace:
    """When a step is due, and of how many pages. Ask `step_pages` with what the file holds only if
    `is_due`."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._is_shrinking = False

    def is_due(self, now: float, in_pause: bool) -> bool:
        """Is it time to look at the file? In a pause, one step follows the other."""
        return now >= self._next_at or (in_pause and self._is_shrinking)

    def step_pages(self, pages: FilePages, now: float) -> int:
        """How many pages to give back now; 0 for none."""
        share = FREE_SHARE_KEPT if self._is_shrinking else FREE_SHARE_MAX
        self._is_shrinking = pages.free >= FREE_PAGES_MIN and pages.free > share * pages.total
        excess = pages.excess(FREE_SHARE_KEPT) if self._is_shrinking else 0
        self._next_at = now + (STEP_S if self._is_shrinking else LOOK_S)
        return min(STEP_PAGES, excess)


def can_shrink(connection: sqlite3.Connection) -> bool:
    """Was the file made so that pages can be given back one by one?"""
    return bool(connection.execute("PRAGMA auto_vacuum").fetchone()[0] == 2)


def look(connection: sqlite3.Connection) -> FilePages:
    """Raises sqlite3.Error."""
    total = connection.execute("PRAGMA page_count").fetchone()[0]
    return FilePages(total, connection.execute("PRAGMA freelist_count").fetchone()[0])


def give_back(connection: sqlite3.Connection, pages: int) -> None:
    """One transaction; the file becomes shorter with the next checkpoint. Raises sqlite3.Error and
    has changed nothing.

    As a script, because `execute` ends such a statement, which has rows without columns, after its
    first page."""
    connection.executescript(f"PRAGMA incremental_vacuum({pages})")
