"""Which thresholds of a file say something of a functional run, in which each scenario is played
once.

How long something took, how much failed, was lost or doubled can be judged there as in a load run.
How many guests or messages there were cannot: the load decides it. Nor can a percentile of fewer
values than it needs, because it would be their longest; `max` asks for that."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from ..results import ThresholdResult
from .threshold_expressions import Threshold, parse
from .thresholds import MeasuredFigures, ThresholdWatch

_VOLUMES = frozenset(
    (
        "sessions.planned",
        "sessions.opened",
        "sessions.ended",
        "messages.sent",
        "messages.confirmed",
        "messages.received",
        "steps_run",
    )
)


def why_ignored(threshold: Threshold, measured: int, value: float | None) -> str:
    """`measured`: how many values its figure has; `value`: as it was found, None if it was not.
    "" if it is to be judged."""
    if threshold.unit == "per_s":
        return "a rate per second depends on the load"
    if threshold.statistic == "count" and _is_volume(threshold):
        return "how many there are depends on the load"
    if value is None:
        return "nothing was measured"
    share = threshold.quantile
    needed = ceil(1 / (1 - share)) if share is not None and 0.5 < share < 1 else 1
    if threshold.unit == "ms" and measured < needed:
        return f"{threshold.statistic} needs {needed} values, and there are {measured}; ask for max"
    return ""


def _is_volume(threshold: Threshold) -> bool:
    """Of a time or a step `count` says how often it was measured."""
    return threshold.figure in _VOLUMES or not threshold.counts


def functional_results(watch: ThresholdWatch, figures: MeasuredFigures) -> list[ThresholdResult]:
    """As of a load run; those that say nothing here are `ignored`, with the reason."""
    return list(_judged(watch.results(figures), figures))


def _judged(
    results: Iterable[ThresholdResult], figures: MeasuredFigures
) -> Iterable[ThresholdResult]:
    for one in results:
        threshold = parse(one.expression)
        measured = figures.times(threshold).count if threshold.unit == "ms" else 0
        if why := why_ignored(threshold, measured, one.value):
            one.ignored, one.ok, one.note = True, True, why
        yield one
