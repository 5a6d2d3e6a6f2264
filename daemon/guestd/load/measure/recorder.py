"""Counts what the guests of one process do. Called for every message, so it only counts.

Latencies are taken as the guests give them, which is from the *intended* time: when a message was
due by its scenario, not when it could at last be sent. That is the correction for coordinated
omission. A guest that sends one message after the other stops sending while the platform stalls; if
each message were timed from its sending, a stall of five seconds would be one slow message, and the
four that were due meanwhile would be fast, or missing. Timed from when they were due they show what
a guest who does not wait would have met: 5 s, 4 s, 3 s, 2 s and 1 s. HdrHistogram's own correction
(`record_corrected_value`) makes those samples up from an assumed interval; here they are measured,
none is added. `echo_as_sent` keeps the other figure, so that a report can show both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..guest.actions import CountName, MeasureName, StepDone
from .groups import DROPPED, MeasuredGroups
from .histogram import LatencyHistogram
from .partial import MeasuredRow, Partial, ProcessSample, ProcessTally

#: A guest that starts so long after it was meant to was started late, by our own fault.
LATE_START_S = 0.25
#: Seconds between two reports. More are counted as if they were the newest of these.
SECONDS_MAX = 1024

StepCount = Literal["steps_run", "steps_failed"]


class _Measures(dict[str, LatencyHistogram]):
    def __missing__(self, name: str) -> LatencyHistogram:
        made = self[name] = LatencyHistogram()
        return made


@dataclass(slots=True)
class _OpenRow:
    measures: _Measures = field(default_factory=_Measures)
    counts: dict[str, int] = field(default_factory=dict)
    sample: ProcessSample | None = None

    def count(self, name: str, times: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + times


class Recorder:
    """`worker` names the process. All `at_s` are since the run's start."""

    def __init__(self, worker: str = "0") -> None:
        self._worker = worker
        self._open = 0
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[int, _OpenRow] = {}
        self._second = -1
        self._row = _OpenRow()
        self._groups = MeasuredGroups()
        self._lag = LatencyHistogram()
        self._process = ProcessTally()

    def measured(self, name: MeasureName, value_s: float, at_s: float) -> None:
        row = self._row if int(at_s) == self._second else self._row_at(at_s)
        row.measures[name].record(value_s)

    def counted(self, name: CountName | StepCount, at_s: float) -> None:
        row = self._row if int(at_s) == self._second else self._row_at(at_s)
        counts = row.counts
        counts[name] = counts.get(name, 0) + 1

    def step_done(self, scenario: int, done: StepDone, at_s: float) -> None:
        """What was cut short is not counted: it was neither passed nor failed."""
        if done.cut_short:
            return
        step = self._groups.step(scenario, done.step)
        step.run += 1
        self.counted("steps_run", at_s)
        if done.failure:
            self.counted("steps_failed", at_s)
            step.failures[done.failure] = step.failures.get(done.failure, 0) + 1
        else:
            step.took.record(done.took_s)

    def lost_connection(self, cause: str, at_s: float) -> None:
        is_dropped = cause == DROPPED
        self._row_at(at_s).count("dropped_connections" if is_dropped else "lost_connections")
        self._groups.lost_by(cause).count += 1

    def restored(self, cause: str, took_s: float) -> None:
        """The connection that was lost by `cause` is back."""
        self._groups.lost_by(cause).restore.record(took_s)

    def throttled(self, bucket: str, used_by: str, at_s: float) -> None:
        """An answer 429: which limit it was, and what had used it up."""
        self._row_at(at_s).count("throttled")
        self._groups.throttle(bucket, used_by)

    def failure(self, kind: str, what: str, scenario: int | None = None) -> None:
        """Something failed that is not a step: a session that could not be opened, was ended, …
        `what` is the same for failures alike: without ids or times."""
        self._groups.fail(kind, what, scenario)

    def started(self, late_s: float) -> None:
        """A guest was started, so long after it was meant to be."""
        self._process.started += 1
        self._process.late += late_s > LATE_START_S

    def opened(self, at_s: float) -> None:
        """A guest has its session."""
        sample = self._sample_at(at_s)
        self._open += 1
        sample.open_most = max(sample.open_most, self._open)

    def ended(self, at_s: float) -> None:
        """A guest that had its session has it no more."""
        self._sample_at(at_s)
        self._open -= 1

    def lag(self, lag_s: float, at_s: float) -> None:
        """How late the event loop called a timer: several times a second."""
        self._lag.record(lag_s)
        sample = self._sample_at(at_s)
        sample.lag_us = max(sample.lag_us, int(lag_s * 1e6))

    def sampled(
        self, at_s: float, states: Mapping[str, int], cpu_s: float, span_s: float, memory_bytes: int
    ) -> None:
        """Once a second: the guests of this process by state, and the CPU time that the process
        used in the last `span_s`."""
        sample = self._sample_at(at_s)
        sample.at_us = int(at_s * 1e6)
        sample.states = {state: count for state, count in states.items() if count}
        sample.cpu_us += int(cpu_s * 1e6)
        sample.span_us += int(span_s * 1e6)
        self._process.memory_bytes = max(self._process.memory_bytes, memory_bytes)

    def partial(self) -> Partial:
        """All since the last call."""
        self._process.lag = self._lag.pack()
        partial = self._groups.partial()
        partial.rows = [self._packed(second, row) for second, row in sorted(self._rows.items())]
        partial.processes = {self._worker: self._process}
        self._clear()
        return partial

    def _packed(self, second: int, row: _OpenRow) -> MeasuredRow:
        return MeasuredRow(
            start_s=second,
            measures={name: each.pack() for name, each in row.measures.items()},
            counts=row.counts,
            processes={} if row.sample is None else {self._worker: row.sample},
        )

    def _row_at(self, at_s: float) -> _OpenRow:
        second = max(0, int(at_s))
        row = self._rows.get(second)
        if row is None:
            if len(self._rows) >= SECONDS_MAX:
                second = max(self._rows)
                return self._rows[second]
            row = self._rows[second] = _OpenRow()
        self._second, self._row = second, row
        return row

    def _sample_at(self, at_s: float) -> ProcessSample:
        row = self._row_at(at_s)
        if row.sample is None:
            row.sample = ProcessSample(open_most=self._open)
        return row.sample
