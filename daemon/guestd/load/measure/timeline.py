"""The rows of a run over time, never more than 1,024 and a second's share of them.

A row is a second until there are too many; then it is two seconds, then four. So a run of a day
costs no more memory than one of a quarter of an hour, and its points (at most 200) are no coarser
than they would be anyway. Which length is reached depends on the end alone, so that it does not
matter in which order rows come. Folding all rows at once would hold up the event loop that is being
measured; `fold_some` does a few in each second."""

from __future__ import annotations

from collections.abc import Iterator

from .groups import add_counts
from .histogram import LatencyHistogram
from .partial import MeasuredRow, ProcessSample

ROWS_MAX = 1024
#: 1,024 rows are folded in 64 seconds, long before the next doubling is due.
FOLDED_AT_ONCE = 16


def merged_packed(a: bytes, b: bytes) -> bytes:
    """Two packed histograms as one."""
    if not a or not b:
        return a or b
    both = LatencyHistogram.unpack(a)
    both.add(LatencyHistogram.unpack(b))
    return both.pack()


def _later(a: ProcessSample, b: ProcessSample) -> ProcessSample:
    return max(a, b, key=lambda each: (each.at_us, sorted(each.states.items())))


def _merged_sample(a: ProcessSample, b: ProcessSample) -> ProcessSample:
    later = _later(a, b)
    return ProcessSample(
        at_us=later.at_us,
        states=later.states,
        open_most=max(a.open_most, b.open_most),
        cpu_us=a.cpu_us + b.cpu_us,
        span_us=a.span_us + b.span_us,
        lag_us=max(a.lag_us, b.lag_us),
    )


def merge_row(into: MeasuredRow, row: MeasuredRow) -> None:
    """All but when they were."""
    for name, packed in row.measures.items():
        into.measures[name] = merged_packed(into.measures.get(name, b""), packed)
    merge_facts(into, row)


def merge_facts(into: MeasuredRow, row: MeasuredRow) -> None:
    """Counts and processes, without the histograms."""
    add_counts(into.counts, row.counts)
    for worker, sample in row.processes.items():
        there = into.processes.get(worker)
        into.processes[worker] = sample if there is None else _merged_sample(there, sample)


def copied(row: MeasuredRow, start_s: int, length_s: int) -> MeasuredRow:
    return MeasuredRow(
        start_s=start_s,
        length_s=length_s,
        measures=dict(row.measures),
        counts=dict(row.counts),
        processes=dict(row.processes),
    )


class Timeline:
    """`length_s` is that of new rows; there may be shorter ones that are not folded yet."""

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self.length_s = 1
        self._rows_max = rows_max
        self._rows: dict[tuple[int, int], MeasuredRow] = {}

    def __iter__(self) -> Iterator[MeasuredRow]:
        """As they are, in no order."""
        return iter(self._rows.values())

    @property
    def end_s(self) -> int:
        return max((row.start_s + row.length_s for row in self), default=0)

    def add(self, row: MeasuredRow) -> None:
        self.length_s = max(self.length_s, row.length_s)
        while row.start_s + row.length_s > self._rows_max * self.length_s:
            self.length_s *= 2
        self._put(row)

    def fold_some(self, at_most: int = FOLDED_AT_ONCE) -> bool:
        """Make rows as long as they should be, from the oldest on; whether there are more to do.
        `at_most`, or the few more that become one row with the last of these: else a reader would
        take that row for all of its time. No row is folded after the last doubling is done."""
        short = sorted(key for key in self._rows if key[1] < self.length_s)
        count = min(at_most, len(short))
        while 0 < count < len(short) and self._start_of(short[count]) == self._start_of(
            short[count - 1]
        ):
            count += 1
        for key in short[:count]:
            self._put(self._rows.pop(key))
        return len(short) > count

    def rows(self) -> list[MeasuredRow]:
        """All, in order of time, each `length_s` long."""
        while self.fold_some(ROWS_MAX):
            pass
        return sorted(self, key=lambda row: row.start_s)

    def _put(self, row: MeasuredRow) -> tuple[int, int]:
        """Where it is now."""
        key = (self._start_of((row.start_s, row.length_s)), self.length_s)
        there = self._rows.get(key)
        if there is None:
            self._rows[key] = copied(row, *key)
        else:
            merge_row(there, row)
        return key

    def _start_of(self, key: tuple[int, int]) -> int:
        """Of the row that one with this key becomes a part of."""
        return key[0] // self.length_s * self.length_s
