"""Steps that failed in a load run, though no threshold asks about them.

As with k6, only thresholds decide whether a load run has passed: some steps of a thousand guests
always fail. A run without such a threshold passes with every step failed, so that is said, with the
line that would have made it fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..guest.actions import OPENING
from ..measure.threshold_expressions import Threshold, ThresholdError, parse
from ..results import Summary, ThresholdResult
from .texts import some

#: What is to be added to the file's `thresholds`, or after `--threshold`.
REMEDY = "steps_failed == 0"


def steps_not_asked_about(summary: Summary) -> int:
    """How many times a step failed that no threshold counts; of a functional run none, because
    there each failed step fails the run."""
    asked = list(_thresholds(summary.thresholds))
    if summary.kind == "test" or any(one.figure == "steps_failed" for one in asked):
        return 0
    labels = {one.label for one in asked if one.statistic.startswith("failed")}
    failed = sum(one.failed for one in summary.steps if one.label not in labels)
    return failed + sum(one.count for one in summary.errors if one.step == OPENING)


def _thresholds(results: Iterable[ThresholdResult]) -> Iterator[Threshold]:
    for one in results:
        try:
            yield parse(one.expression)
        except ThresholdError:  # of a version that knows other figures
            continue


def not_asked(summary: Summary) -> str:
    """One sentence without the line to add and without its stop, or "" where all is asked about."""
    failed = steps_not_asked_about(summary)
    if not failed:
        return ""
    them = "it" if failed == 1 else "them"
    return f"{some(failed, 'step')} failed; no threshold asks about {them}"
