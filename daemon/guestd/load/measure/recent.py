"""The last minute by seconds, for a live view. Each second costs once, not at each look."""

from __future__ import annotations

from ..results import Point
from .partial import MeasuredRow
from .rows import point
from .timeline import copied, merge_row

SECONDS = 60


class RecentSeconds:
    """Add the rows as they come; rows longer than a second, and those of more than a minute ago,
    are left out."""

    def __init__(self) -> None:
        self._rows: dict[int, MeasuredRow] = {}
        self._points: dict[int, Point] = {}

    def add(self, row: MeasuredRow) -> None:
        newest = max(self._rows, default=0)
        if row.length_s != 1 or row.start_s <= newest - SECONDS:
            return
        there = self._rows.get(row.start_s)
        if there is None:
            self._rows[row.start_s] = copied(row, row.start_s, 1)
        else:
            merge_row(there, row)
        self._points.pop(row.start_s, None)
        for old in [second for second in self._rows if second <= row.start_s - SECONDS]:
            del self._rows[old]
            self._points.pop(old, None)

    def points(self, until_s: float, seconds: int = SECONDS) -> list[Point]:
        """One for each of the last whole seconds before `until_s`, oldest first; fewer at the
        start of a run."""
        end = int(until_s)
        return [self._point(second) for second in range(max(0, end - seconds), end)]

    def _point(self, second: int) -> Point:
        known = self._points.get(second)
        if known is None:
            row = self._rows.get(second)
            known = point([] if row is None else [row], second, 1.0)
            if row is not None:
                self._points[second] = known
        return known
