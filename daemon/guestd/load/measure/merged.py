"""All that the processes of a run have measured, added up."""

from __future__ import annotations

from .groups import MeasuredGroups, add_counts
from .histogram import LatencyHistogram
from .partial import MeasuredRow, Partial, ProcessTally
from .recent import RecentSeconds
from .timeline import Timeline, copied, merged_packed


class RunMeasures:
    """`absorb` what the workers report, in any order. `measures` and `counts` are those of the
    whole run so far, by the names of `guest.actions` and steps_run, steps_failed, lost_connections,
    throttled; what was not measured yet is missing. `recent` has the last minute by seconds."""

    def __init__(self) -> None:
        self.measures: dict[str, LatencyHistogram] = {}
        self.counts: dict[str, int] = {}
        self.groups = MeasuredGroups()
        self.processes: dict[str, ProcessTally] = {}
        self.timeline = Timeline()
        self.recent = RecentSeconds()

    def count(self, name: str) -> int:
        return self.counts.get(name, 0)

    def measure(self, name: str) -> LatencyHistogram:
        return self.measures.get(name) or LatencyHistogram()

    def absorb(self, partial: Partial) -> None:
        """Add what a worker has measured since its last report."""
        for row in partial.rows:
            self._absorb_row(row)
        self.timeline.fold_some()
        self.groups.absorb(partial)
        for worker, process in partial.processes.items():
            self._absorb_process(worker, process)

    def partial(self) -> Partial:
        """All of it as one value, the same however it came together."""
        partial = self.groups.partial()
        partial.rows = [copied(row, row.start_s, row.length_s) for row in self.timeline.rows()]
        partial.processes = dict(sorted(self.processes.items()))
        return partial

    def _absorb_row(self, row: MeasuredRow) -> None:
        self.timeline.add(row)
        self.recent.add(row)
        add_counts(self.counts, row.counts)
        for name, packed in row.measures.items():
            self.measures.setdefault(name, LatencyHistogram()).add(LatencyHistogram.unpack(packed))

    def _absorb_process(self, worker: str, process: ProcessTally) -> None:
        there = self.processes.get(worker, ProcessTally())
        self.processes[worker] = ProcessTally(
            lag=merged_packed(there.lag, process.lag),
            memory_bytes=max(there.memory_bytes, process.memory_bytes),
            started=there.started + process.started,
            late=there.late + process.late,
        )


def merge(a: Partial, b: Partial) -> Partial:
    """Both as one; the order does not matter, but for groups beyond the 200th."""
    both = RunMeasures()
    both.absorb(a)
    both.absorb(b)
    return both.partial()
