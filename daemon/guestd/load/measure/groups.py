"""What is counted by step, cause, bucket and kind of failure, each a bounded number of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ...model.endings import Cause
from .histogram import LatencyHistogram
from .partial import FailureTally, LostTally, Partial, StepTally, ThrottledTally, WarningTally

#: Causes, buckets and kinds of failures. What comes on top is counted as "other".
GROUPS_MAX = 200
#: The cause of a loss that a scenario has asked for, with `drop`: no error, and counted apart.
DROPPED = Cause.RECONNECT_ASKED.value
OTHER = "other"

Key = TypeVar("Key", bound=Hashable)


def add_counts(into: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        into[name] = into.get(name, 0) + count


@dataclass(slots=True)
class StepTotals:
    run: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    took: LatencyHistogram = field(default_factory=LatencyHistogram)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


@dataclass(slots=True)
class LostTotals:
    count: int = 0
    restore: LatencyHistogram = field(default_factory=LatencyHistogram)


def _bounded(groups: Mapping[Key, object], key: Key, other: Key) -> Key:
    """`key`, or `other` if it would be one too many."""
    return key if key in groups or len(groups) - (other in groups) < GROUPS_MAX else other


class MeasuredGroups:
    """`steps` by the numbers of scenario and step, which a file bounds; `lost` connections by
    cause; `throttled` by bucket and who used it; `failures` that are no step's by kind, words and
    scenario; `warnings` of the log by their words."""

    def __init__(self) -> None:
        self.steps: dict[tuple[int, int], StepTotals] = {}
        self.lost: dict[str, LostTotals] = {}
        self.throttled: dict[tuple[str, str], int] = {}
        self.failures: dict[tuple[str, str, int | None], int] = {}
        self.warnings: dict[str, int] = {}

    def step(self, scenario: int, step: int) -> StepTotals:
        totals = self.steps.get((scenario, step))
        if totals is None:
            totals = self.steps[scenario, step] = StepTotals()
        return totals

    def lost_by(self, cause: str) -> LostTotals:
        return self.lost.setdefault(_bounded(self.lost, cause, OTHER), LostTotals())

    def throttle(self, bucket: str, used_by: str, count: int = 1) -> None:
        key = _bounded(self.throttled, (bucket, used_by), (OTHER, ""))
        self.throttled[key] = self.throttled.get(key, 0) + count

    def fail(self, kind: str, what: str, scenario: int | None, count: int = 1) -> None:
        key = _bounded(self.failures, (kind, what, scenario), (OTHER, OTHER, None))
        self.failures[key] = self.failures.get(key, 0) + count

    def warn(self, what: str, count: int = 1) -> None:
        key = _bounded(self.warnings, what, OTHER)
        self.warnings[key] = self.warnings.get(key, 0) + count

    def absorb(self, partial: Partial) -> None:
        for step in partial.steps:
            totals = self.step(step.scenario, step.step)
            totals.run += step.run
            add_counts(totals.failures, step.failures)
            totals.took.add(LatencyHistogram.unpack(step.took))
        for each in partial.throttled:
            self.throttle(each.bucket, each.used_by, each.count)
        for lost in partial.lost:
            by_cause = self.lost_by(lost.cause)
            by_cause.count += lost.count
            by_cause.restore.add(LatencyHistogram.unpack(lost.restore))
        for failure in partial.failures:
            self.fail(failure.kind, failure.what, failure.scenario, failure.count)
        for warning in partial.warnings:
            self.warn(warning.what, warning.count)

    def partial(self) -> Partial:
        """All of it, in an order of its own."""
        return Partial(
            steps=[
                StepTally(
                    scenario=scenario,
                    step=step,
                    run=totals.run,
                    failures=dict(sorted(totals.failures.items())),
                    took=totals.took.pack(),
                )
                for (scenario, step), totals in sorted(self.steps.items())
            ],
            throttled=[
                ThrottledTally(bucket=bucket, used_by=used_by, count=count)
                for (bucket, used_by), count in sorted(self.throttled.items())
            ],
            lost=[
                LostTally(cause=cause, count=totals.count, restore=totals.restore.pack())
                for cause, totals in sorted(self.lost.items())
            ],
            failures=[
                FailureTally(kind=kind, what=what, scenario=scenario, count=count)
                for (kind, what, scenario), count in sorted(
                    self.failures.items(), key=lambda each: repr(each[0])
                )
            ],
            warnings=[
                WarningTally(what=what, count=count)
                for what, count in sorted(self.warnings.items())
            ],
        )
