"""A run at one moment: the one source of what the terminal and the console show of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from ..results import (
    ErrorGroup,
    LostConnections,
    Overhead,
    Percentiles,
    Point,
    ThresholdResult,
    Throttling,
)
from .merged import RunMeasures
from .overhead import overhead
from .summary import (
    RunFacts,
    dropped_connections_of,
    errors_of,
    figures_of,
    lost_connections_of,
    throttling_of,
    warnings_of,
)
from .thresholds import ThresholdWatch


@dataclass(slots=True, frozen=True, kw_only=True)
class LiveView:
    """`left_s` None: until all guests are through. `guests_wanted`: how many there should be now;
    None where they arrive, or the run is over. `guests` by state, as in `Point`. `echo_minute`
    and `sent_minute`: of each of the last 60 seconds, oldest first, p95 in ms and messages sent.
    `waits`: what guests wait for, and how many do; `warnings` of the log; with the errors they have
    the most frequent first. `page`: where the console shows the run, or ""."""

    title: str
    elapsed_s: float
    left_s: float | None = None
    planned: int = 0
    guests_wanted: int | None = None
    guests: Mapping[str, int] = field(default_factory=dict)
    opened: int = 0
    ended: int = 0
    unconfirmed_end: int = 0
    failed: int = 0
    sent: int = 0
    confirmed: int = 0
    received: int = 0
    opened_per_s: float = 0.0
    sent_per_s: float = 0.0
    received_per_s: float = 0.0
    echo: Percentiles = field(default_factory=Percentiles)
    first_reply: Percentiles = field(default_factory=Percentiles)
    echo_minute: Sequence[float | None] = ()
    sent_minute: Sequence[float | None] = ()
    waits: Sequence[tuple[str, int]] = ()
    errors: Sequence[ErrorGroup] = ()
    lost_connections: Sequence[LostConnections] = ()
    dropped_connections: int = 0
    throttling: Sequence[Throttling] = ()
    warnings: Sequence[tuple[str, int]] = ()
    thresholds: Sequence[ThresholdResult] = ()
    overhead: Overhead = field(default_factory=Overhead)
    stopping: bool = False
    page: str = ""


def live_view(
    measures: RunMeasures,
    facts: RunFacts,
    watch: ThresholdWatch,
    guests: Mapping[str, int],
    waits: Sequence[tuple[str, int]],
    length_s: float = inf,
    stopping: bool = False,
    page: str = "",
    guests_wanted: int | None = None,
) -> LiveView:
    """As of `facts.for_s`. `length_s`: of the load model, infinite where the guests decide. Takes a
    few milliseconds, of a run with many different latencies too."""
    at_s = facts.for_s
    points = measures.recent.points(at_s)
    last = points[-1] if points else Point(at_s=0.0, length_s=1.0)
    return LiveView(
        title=facts.name,
        elapsed_s=at_s,
        left_s=None if length_s == inf else max(0.0, length_s - at_s),
        planned=sum(process.started for process in measures.processes.values()),
        guests_wanted=guests_wanted,
        guests=dict(guests),
        opened=measures.count("live"),
        ended=measures.count("ended"),
        unconfirmed_end=measures.count("unconfirmed_end"),
        failed=measures.count("failed"),
        sent=measures.count("sent"),
        confirmed=measures.count("confirmed"),
        received=measures.count("received"),
        opened_per_s=last.opened,
        sent_per_s=last.sent,
        received_per_s=last.received,
        echo=measures.measure("echo_latency").briefly(),
        first_reply=measures.measure("first_reply").briefly(),
        echo_minute=[one.echo_ms.p95 for one in points],
        sent_minute=[float(one.sent) for one in points],
        waits=waits,
        errors=errors_of(measures, facts),
        lost_connections=lost_connections_of(measures),
        dropped_connections=dropped_connections_of(measures).count,
        throttling=throttling_of(measures),
        warnings=[(one.what, one.count) for one in warnings_of(measures)],
        thresholds=watch.so_far(figures_of(measures, facts)),
        overhead=overhead(measures),
        stopping=stopping,
        page=page,
    )
