"""A run over time as at most 200 points, whose percentiles are of all samples of their part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from ..results import Percentiles, Point
from .groups import add_counts
from .histogram import LatencyHistogram
from .partial import MeasuredRow, ProcessSample
from .timeline import Timeline, merge_facts

POINTS_MAX = 200


def points(timeline: Timeline, ended_s: float | None = None) -> list[Point]:
    """From the run's start to `ended_s` (None: the last that was measured), also where nothing was
    measured. What came after the end is part of the last point. For the end of a run: of a thousand
    busy rows it takes 100 ms."""
    end_s = float(timeline.end_s) if ended_s is None else max(ended_s, 0.0)
    if not end_s or not timeline.end_s:
        return []
    length_s = part_s(end_s, timeline.length_s)
    parts: list[list[MeasuredRow]] = [[] for _ in range(0, ceil(end_s), length_s)]
    for row in timeline:
        parts[min(row.start_s // length_s, len(parts) - 1)].append(row)
    return [
        point(part, at_s, min(length_s, end_s - at_s))
        for part, at_s in zip(parts, range(0, ceil(end_s), length_s), strict=True)
    ]


def part_s(end_s: float, row_s: int) -> int:
    """How long a part is, in seconds: whole rows, and no more than 200 parts."""
    return row_s * max(1, ceil(ceil(end_s) / row_s / POINTS_MAX))


def cpu_share(sample: ProcessSample) -> float:
    """Of one core."""
    return sample.cpu_us / sample.span_us if sample.span_us else 0.0


def point(rows: Sequence[MeasuredRow], at_s: float, length_s: float) -> Point:
    """Rows of one part."""
    part = MeasuredRow(start_s=0)
    for row in rows:
        merge_facts(part, row)
    counts, samples = part.counts, part.processes.values()
    return Point(
        at_s=float(at_s),
        length_s=length_s,
        guests=_guests(samples),
        sent=counts.get("sent", 0),
        confirmed=counts.get("confirmed", 0),
        received=counts.get("received", 0),
        opened=counts.get("live", 0),
        ended=counts.get("ended", 0),
        steps_failed=counts.get("steps_failed", 0),
        echo_ms=_percentiles(rows, "echo_latency"),
        first_reply_ms=_percentiles(rows, "first_reply"),
        lost_connections=counts.get("lost_connections", 0),
        throttled=counts.get("throttled", 0),
        cpu=max((cpu_share(sample) for sample in samples), default=0.0),
        lag_ms=max((sample.lag_us for sample in samples), default=0) / 1000,
    )


def _percentiles(rows: Sequence[MeasuredRow], name: str) -> Percentiles:
    times = LatencyHistogram()
    for row in rows:
        if name in row.measures:
            times.add(LatencyHistogram.unpack(row.measures[name]))
    return times.percentiles(encoded=False)


def _guests(samples: Iterable[ProcessSample]) -> dict[str, int]:
    """By state, of all processes."""
    guests: dict[str, int] = {}
    for sample in samples:
        add_counts(guests, sample.states)
    return guests
