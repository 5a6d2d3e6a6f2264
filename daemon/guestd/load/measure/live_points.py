"""A run so far as points, for those who look at it while it lasts.

The points of a report are drawn once, at the end, and may take a tenth of a second; meanwhile that
would hold up the event loop that is being measured. So here each second costs its own point, and a
few folds where the rows have become too many. A point tells at which version it changed last, so
that a reader is given what is new to it and no more."""

from __future__ import annotations

from ..results import Point
from .partial import MeasuredRow, Partial
from .rows import point
from .timeline import Timeline

#: Then each is two seconds long, then four.
ROWS_MAX = 256
#: Of a busy second folding a row takes two milliseconds. All are folded in 64 seconds, long before
#: the next doubling is due; meanwhile there are up to 32 more.
FOLDED_AT_ONCE = 4

#: What a point tells of.
_MEASURES = ("echo_latency", "first_reply")


class LivePoints(Timeline):
    """`take` what was measured, then `settle` it once a second."""

    def __init__(self) -> None:
        super().__init__(ROWS_MAX)
        self._changed: set[tuple[int, int]] = set()
        self._told: dict[tuple[int, int], tuple[int, Point]] = {}

    def take(self, partial: Partial) -> None:
        for row in partial.rows:
            kept = {name: row.measures[name] for name in _MEASURES if name in row.measures}
            self.add(
                MeasuredRow(
                    start_s=row.start_s,
                    length_s=row.length_s,
                    measures=kept,
                    counts=row.counts,
                    processes=row.processes,
                )
            )

    def settle(self, until_s: int, version: int) -> None:
        """What has changed before `until_s` is of this version now."""
        self.fold_some(FOLDED_AT_ONCE)
        later = set()
        for key in self._changed & self._rows.keys():
            start_s, length_s = key
            if start_s >= until_s:
                later.add(key)
                continue
            if start_s + length_s > until_s:
                later.add(key)
            length = float(min(length_s, until_s - start_s))
            self._told[key] = version, point([self._rows[key]], start_s, length)
        self._changed = later
        for gone in self._told.keys() - self._rows.keys():
            del self._told[gone]

    def since(self, version: int) -> list[Point]:
        """Those that changed after it, in order of time. Each takes the place of those that lie
        within it."""
        found = [one for at, one in self._told.values() if at > version]
        return sorted(found, key=lambda one: one.at_s)

    def _put(self, row: MeasuredRow) -> tuple[int, int]:
        key = super()._put(row)
        self._changed.add(key)
        return key
