"""A run over time as at most 200 points, whose percentiles are of all samples of their part."""

from __future__ import annotations

from math import ceil

from ..results import Point
from .histogram import LatencyHistogram
from .partial import MeasuredRow, ProcessSample
from .timeline import Timeline, copied, merge_row

POINTS_MAX = 200


def points(timeline: Timeline, ended_s: float | None = None) -> list[Point]:
    """From the run's start to `ended_s` (None: the last that was measured), also where nothing was
    measured. What came after the end is part of the last point."""
    rows = timeline.rows()
    end_s = float(timeline.end_s) if ended_s is None else max(ended_s, 0.0)
    if not rows or not end_s:
        return []
    length_s = part_s(end_s, timeline.length_s)
    parts = [MeasuredRow(start_s=at, length_s=length_s) for at in range(0, ceil(end_s), length_s)]
    for row in rows:
        merge_row(parts[min(row.start_s // length_s, len(parts) - 1)], copied(row, 0, 1))
    return [_point(part, min(part.length_s, end_s - part.start_s)) for part in parts]


def part_s(end_s: float, row_s: int) -> int:
    """How long a part is, in seconds: whole rows, and no more than 200 parts."""
    return row_s * max(1, ceil(ceil(end_s) / row_s / POINTS_MAX))


def guests_of(part: MeasuredRow) -> dict[str, int]:
    """By state, of all processes."""
    guests: dict[str, int] = {}
    for sample in part.processes.values():
        for state, count in sample.states.items():
            guests[state] = guests.get(state, 0) + count
    return guests


def cpu_share(sample: ProcessSample) -> float:
    """Of one core."""
    return sample.cpu_us / sample.span_us if sample.span_us else 0.0


def _point(part: MeasuredRow, length_s: float) -> Point:
    counts = part.counts
    echo, first_reply = (
        LatencyHistogram.unpack(part.measures.get(name, b"")).percentiles(encoded=False)
        for name in ("echo_latency", "first_reply")
    )
    samples = part.processes.values()
    return Point(
        at_s=float(part.start_s),
        length_s=length_s,
        guests=guests_of(part),
        sent=counts.get("sent", 0),
        confirmed=counts.get("confirmed", 0),
        received=counts.get("received", 0),
        opened=counts.get("opened", 0),
        ended=counts.get("ended", 0),
        steps_failed=counts.get("steps_failed", 0),
        echo_ms=echo,
        first_reply_ms=first_reply,
        lost_connections=counts.get("lost_connections", 0),
        throttled=counts.get("throttled", 0),
        cpu=max((cpu_share(sample) for sample in samples), default=0.0),
        lag_ms=max((sample.lag_us for sample in samples), default=0) / 1000,
    )
