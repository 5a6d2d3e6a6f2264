"""Thresholds judged: while the run lasts, for those that end it, and at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..results import ThresholdResult
from ..scenario.file import ThresholdRule
from .figures import FIGURES
from .histogram import LatencyHistogram
from .merged import RunMeasures
from .threshold_expressions import Threshold, ThresholdError, parse

#: The figure of a count → its name in `RunMeasures.counts`.
_COUNTED = {
    "sessions.opened": "live",
    "sessions.ended": "ended",
    "sessions.unconfirmed_end": "unconfirmed_end",
    "sessions.failed": "failed",
    "messages.sent": "sent",
    "messages.confirmed": "confirmed",
    "messages.received": "received",
    "messages.failed": "send_failed",
    "reconnected": "reconnected",
    "steps_run": "steps_run",
    "steps_failed": "steps_failed",
    "uncertain": "uncertain",
    "lost_connections": "lost_connections",
    "dropped_connections": "dropped_connections",
    "throttled": "throttled",
}


@dataclass(slots=True)
class MeasuredFigures:
    """What thresholds are compared with. `labels`: those of the steps, by the numbers of scenario
    and step. `found`: what only the end tells: lost, doubled, reordered; and what else is to be
    taken for what was counted, such as uncertain. `for_s`: how long the run lasts so far."""

    measures: RunMeasures
    labels: Mapping[tuple[int, int], str]
    for_s: float
    found: Mapping[str, int] = field(default_factory=dict)

    def value(self, threshold: Threshold) -> float | None:
        """In the threshold's unit; None where nothing was measured, or not yet."""
        if threshold.figure == "step":
            return self._of_step(threshold)
        if FIGURES[threshold.figure].kind == "times":
            return _of_times(self.measures.measure(threshold.figure), threshold)
        count = self.count(threshold.figure)
        if count is None or threshold.statistic == "count":
            return count
        return self._rate(count, FIGURES[threshold.figure].rate_of)

    def count(self, name: str) -> int | None:
        """None: not known yet."""
        if name in self.found:
            return self.found[name]
        if name == "sessions.planned":
            return sum(process.started for process in self.measures.processes.values())
        return None if FIGURES[name].at_end else self.measures.count(_COUNTED[name])

    def times(self, threshold: Threshold) -> LatencyHistogram:
        """The distribution that it is about; of a step's label, of all steps with it."""
        if threshold.figure != "step":
            return self.measures.measure(threshold.figure)
        took = LatencyHistogram()
        for key, totals in self.measures.groups.steps.items():
            if self.labels.get(key) == threshold.label:
                took.add(totals.took)
        return took

    def _of_step(self, threshold: Threshold) -> float | None:
        if not threshold.statistic.startswith("failed"):
            return _of_times(self.times(threshold), threshold)
        steps = self.measures.groups.steps.items()
        mine = [totals for key, totals in steps if self.labels.get(key) == threshold.label]
        failed = sum(totals.failed for totals in mine)
        if threshold.statistic == "failed":
            return failed
        run = sum(totals.run for totals in mine)
        return failed / run if run else None

    def _rate(self, count: int, rate_of: str) -> float | None:
        if not rate_of:
            return count / self.for_s if self.for_s > 0 else None
        whole = self.count(rate_of)
        return count / whole if whole else None


def _of_times(times: LatencyHistogram, threshold: Threshold) -> float | None:
    if threshold.statistic == "count":
        return times.count
    if not times.counts:
        return None
    if threshold.statistic == "avg":
        return times.mean_us() / 1000
    share = threshold.quantile
    return times.least_us() / 1000 if share is None else times.at_share(share) / 1000


@dataclass(slots=True)
class _Watched:
    rule: ThresholdRule
    threshold: Threshold
    over_since_s: float | None = None
    met_since_s: float | None = None
    aborted: bool = False


class ThresholdWatch:
    """The thresholds of one run; of several that say the same, one, which ends the run if one of
    them is to. Raises ThresholdError where one cannot be read, or is to abort the run by a figure
    that only its end tells. With `labels`, a step's must be one of them."""

    def __init__(self, rules: Sequence[ThresholdRule], labels: Iterable[str] | None = None) -> None:
        known = None if labels is None else list(labels)
        watched: dict[Threshold, _Watched] = {}
        for rule in rules:
            threshold = parse(rule.expression, known)
            same = watched.setdefault(threshold, _Watched(rule, threshold))
            if rule.abort and not same.rule.abort:
                same.rule = rule
        self._watched = list(watched.values())
        for each in self._watched:
            if each.rule.abort and each.threshold.at_end:
                what = f"{each.threshold.figure} is known when the run is over: it cannot abort it"
                raise ThresholdError(each.rule.expression, 1, what)

    def look(self, figures: MeasuredFigures) -> ThresholdRule | None:
        """Once a second. The rule by which the run is to end now, if there is one."""
        ending = None
        for each in self._watched:
            if each.threshold.at_end:
                continue
            value = figures.value(each.threshold)
            if value is None or each.threshold.holds(value):
                if each.over_since_s is not None:
                    each.over_since_s, each.met_since_s = None, figures.for_s
                continue
            if each.over_since_s is None:
                each.over_since_s = figures.for_s
            if each.rule.abort and figures.for_s >= each.rule.abort_after_s and ending is None:
                each.aborted = True
                ending = each.rule
        return ending

    def results(self, figures: MeasuredFigures) -> list[ThresholdResult]:
        """At the end."""
        return [self._result(each, figures) for each in self._watched]

    def so_far(self, figures: MeasuredFigures) -> list[ThresholdResult]:
        """While the run lasts: what was not measured yet, or is known at the end only, is open."""
        found = self.results(figures)
        for one, watched in zip(found, self._watched, strict=True):
            if one.value is None and not one.ignored:
                one.ok = True
                at_end = watched.threshold.at_end
                one.note = "known at the end" if at_end else "nothing was measured yet"
        return found

    def _result(self, watched: _Watched, figures: MeasuredFigures) -> ThresholdResult:
        threshold = watched.threshold
        value = figures.value(threshold)
        ok = value is not None and threshold.holds(value)
        return ThresholdResult(
            expression=watched.rule.expression,
            ok=ok,
            value=value,
            limit=threshold.limit,
            unit=threshold.unit,
            note=_note(watched, figures, value, ok),
            aborted=watched.aborted,
        )


def _note(watched: _Watched, figures: MeasuredFigures, value: float | None, ok: bool) -> str:
    threshold = watched.threshold
    if value is None:
        return "not looked for" if threshold.at_end else "nothing was measured"
    if ok:
        since_s = watched.met_since_s
        return "" if since_s is None else f"not met until {clock(since_s)}"
    notes = []
    if watched.over_since_s is not None and threshold.operator in ("<", "<=", "=="):
        notes.append(f"from {clock(watched.over_since_s)} on")
    if threshold.quantile is not None and threshold.operator in ("<", "<="):
        times = figures.times(threshold)
        over = times.count - times.count_within(int(threshold.limit * 1000))
        notes.append(f"{over:,} of {times.count:,} took longer")
    if watched.aborted:
        notes.append("the run was ended by it")
    return "; ".join(notes)


def clock(at_s: float) -> str:
    """Minutes and seconds since the start: 5:54."""
    return f"{int(at_s) // 60}:{int(at_s) % 60:02d}"
