"""Rows of numbers in memory that is taken once: the newest push out the oldest."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from math import nan


class RowRing:
    """The last `rows_max` rows. A row that lacks a column has NaN there, which JSON has as null."""

    def __init__(self, columns: Sequence[str], rows_max: int) -> None:
        self._columns = {name: array("d", [nan]) * rows_max for name in columns}
        self._rows_max = rows_max
        self._next = self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, row: Mapping[str, float]) -> None:
        for name, values in self._columns.items():
            values[self._next] = row.get(name, nan)
        self._next = (self._next + 1) % self._rows_max
        self._count = min(self._count + 1, self._rows_max)

    def last(self, rows: int) -> dict[str, list[float]]:
        """The values of each column, oldest first, of at most so many rows."""
        wanted = min(rows, self._count)
        start = (self._next - wanted) % self._rows_max
        head, tail = slice(start, start + wanted), max(0, start + wanted - self._rows_max)
        return {
            name: (values[head] + values[:tail]).tolist() for name, values in self._columns.items()
        }
