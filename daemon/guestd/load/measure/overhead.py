"""Whether the load generator itself was in the way: then its figures are not the platform's."""

from __future__ import annotations

from ..results import Overhead
from .histogram import LatencyHistogram
from .merged import RunMeasures
from .partial import MeasuredRow
from .recorder import LATE_START_S

#: Of one core, in the busiest minute of the busiest process. Beyond it a message waits for others
#: more often than not.
CPU_SHARE_MAX = 0.7
LAG_LIMIT_MS = 50.0
#: More late starts than this share of the guests, and the load was not what was planned.
LATE_SHARE_MAX = 0.01
BUSIEST_S = 60


def overhead(measures: RunMeasures) -> Overhead:
    """A run is valid where `reasons` is empty. The figures are those of the worst process."""
    processes = measures.processes
    lags = [LatencyHistogram.unpack(process.lag) for process in processes.values()]
    rows = sorted(measures.timeline, key=lambda row: row.start_s)
    figures = Overhead(
        workers=max(1, len(processes)),
        cpu_share=max((_busiest_share(rows, worker) for worker in processes), default=0.0),
        cpu_share_max=CPU_SHARE_MAX,
        lag_p99_ms=max((lag.at_share(0.99) for lag in lags), default=0) / 1000,
        lag_max_ms=max((lag.at_share(1.0) for lag in lags), default=0) / 1000,
        lag_limit_ms=LAG_LIMIT_MS,
        late_starts=sum(process.late for process in processes.values()),
        memory_bytes=max((process.memory_bytes for process in processes.values()), default=0),
    )
    figures.reasons = _reasons(figures, sum(process.started for process in processes.values()))
    return figures


def _reasons(figures: Overhead, started: int) -> list[str]:
    reasons = []
    whose = "the load generator" if figures.workers == 1 else "a process of the load generator"
    if figures.cpu_share > figures.cpu_share_max:
        reasons.append(
            f"{whose} used {figures.cpu_share:.0%} of a core in its busiest minute, more than"
            f" {figures.cpu_share_max:.0%}: use more workers, or fewer guests"
        )
    if figures.lag_p99_ms > figures.lag_limit_ms:
        reasons.append(
            f"the event loop of {whose} was late by {figures.lag_p99_ms:.0f} ms (p99), more than"
            f" {figures.lag_limit_ms:.0f} ms: latencies contain that"
        )
    if figures.late_starts > LATE_SHARE_MAX * started:
        reasons.append(
            f"{figures.late_starts:,} of {started:,} guests were started more than"
            f" {LATE_START_S:g} s late: the load was not what was planned"
        )
    return reasons


def _busiest_share(rows: list[MeasuredRow], worker: str) -> float:
    """CPU per time over the minute in which it was highest; of a shorter run over all of it."""
    samples = [row.processes[worker] for row in rows if worker in row.processes]
    worst = 0.0
    cpu_us = span_us = first = 0
    for last, sample in enumerate(samples):
        cpu_us += sample.cpu_us
        span_us += sample.span_us
        while first < last and span_us - samples[first].span_us >= BUSIEST_S * 1_000_000:
            cpu_us -= samples[first].cpu_us
            span_us -= samples[first].span_us
            first += 1
        if span_us >= BUSIEST_S * 1_000_000 or last == len(samples) - 1:
            worst = max(worst, cpu_us / span_us if span_us else 0.0)
    return worst
