"""Two runs compared: whether the second is slower or faster, and how sure that is.

Means hide what matters, and two percentiles always differ. So each percentile's difference has an
interval in which it lies with 99 % certainty, by a bootstrap on the histograms, and counts as one
only if all of it is beyond 2 %. The distributions as a whole are compared by their greatest
distance (Kolmogorov-Smirnov), counts by Fisher's exact test.

What the figures cannot know: samples of one run share its luck (a stall, a busy machine), so two
runs differ by more than their samples tell. To be sure, repeat both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Literal

import msgspec

from ..results import Latencies, Percentiles, Summary
from .histogram import LatencyHistogram
from .statistics_of_runs import (
    Quantiles,
    kolmogorov_smirnov,
    proportions_differ,
    ratio_interval,
)

CONFIDENCE = 0.99
#: A smaller relative difference is none: the width of buckets, and of clocks, is near.
NOISE = 0.02
#: Ten of them are beyond each end of the interval; 12,000 random numbers for a measure, 60 ms.
DRAWS = 2000
#: Samples that must be beyond a percentile, or there is nothing to say of it.
BEYOND_MIN = 5
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
#: A distance of the distributions is worth a word from here on.
DISTANCE_MIN = 0.05

Change = Literal["slower", "faster", "same", "too_few"]
CountChange = Literal["more", "fewer", "same"]


class QuantileComparison(msgspec.Struct, kw_only=True):
    """`change`: relative, 0.12 is 12 % slower, and lies between `low` and `high`."""

    name: str
    a_ms: float | None = None
    b_ms: float | None = None
    change: float = 0.0
    low: float = 0.0
    high: float = 0.0
    verdict: Change = "too_few"


class MeasureComparison(msgspec.Struct, kw_only=True):
    """`distance`: the greatest between the two distributions, 0 … 1; `chance`: how likely one as
    great would be if both were the same."""

    name: str
    count_a: int
    count_b: int
    quantiles: list[QuantileComparison]
    distance: float
    chance: float
    verdict: Literal["slower", "faster", "mixed", "same", "too_few"]
    sentence: str


class CountComparison(msgspec.Struct, kw_only=True):
    """How many of how many. `chance` as in `MeasureComparison`."""

    name: str
    count_a: int
    of_a: int
    count_b: int
    of_b: int
    chance: float
    verdict: CountChange
    sentence: str


class RunComparison(msgspec.Struct, kw_only=True):
    """`comparable` false: one of the runs is not valid, so its times are no measure; they are here,
    and are not judged. `warnings`: what else may make the two hard to compare."""

    version: int = 1
    comparable: bool = True
    verdict: str
    warnings: list[str]
    measures: list[MeasureComparison]
    counts: list[CountComparison]


def compare(a: Summary, b: Summary, seed: int = 0) -> RunComparison:
    """`b` beside `a`. The same for the same `seed`. Raises ValueError where a histogram cannot be
    read."""
    chance = Random(seed)
    measures = [
        compare_measure(name, getattr(a.latency_ms, name), getattr(b.latency_ms, name), chance)
        for name in Latencies.__struct_fields__
        if getattr(a.latency_ms, name).count or getattr(b.latency_ms, name).count
    ]
    counts = list(_counts(a, b))
    in_doubt = [name for name, run in (("first", a), ("second", b)) if not run.valid]
    return RunComparison(
        comparable=not in_doubt,
        verdict=_doubtful(in_doubt, counts) if in_doubt else _verdict(measures, counts),
        warnings=list(_warnings(a, b)),
        measures=measures,
        counts=counts,
    )


def compare_measure(name: str, a: Percentiles, b: Percentiles, chance: Random) -> MeasureComparison:
    of_a, of_b = LatencyHistogram.decode(a.histogram), LatencyHistogram.decode(b.histogram)
    both = Quantiles(of_a), Quantiles(of_b)
    quantiles = [_quantile(label, share, *both, chance) for label, share in SHARES]
    distance, by_chance = kolmogorov_smirnov(of_a, of_b)
    verdicts = {quantile.verdict for quantile in quantiles} - {"too_few"}
    changed = verdicts - {"same"}
    verdict: Literal["slower", "faster", "mixed", "same", "too_few"] = "same"
    if len(changed) == 2:
        verdict = "mixed"
    elif changed:
        verdict = "slower" if "slower" in changed else "faster"
    elif not verdicts:
        verdict = "too_few"
    return MeasureComparison(
        name=name,
        count_a=a.count,
        count_b=b.count,
        quantiles=quantiles,
        distance=distance,
        chance=by_chance,
        verdict=verdict,
        sentence=_sentence(quantiles, distance, by_chance),
    )


def _quantile(
    label: str, share: float, a: Quantiles, b: Quantiles, chance: Random
) -> QuantileComparison:
    one = QuantileComparison(
        name=label,
        a_ms=a.at(share) / 1000 if a.count else None,
        b_ms=b.at(share) / 1000 if b.count else None,
    )
    if min(a.count, b.count) * (1 - share) < BEYOND_MIN - 1e-6:
        return one
    low, high = ratio_interval(a, b, share, chance, DRAWS, CONFIDENCE)
    one.change = b.at(share) / a.at(share) - 1
    one.low, one.high = low - 1, high - 1
    one.verdict = "slower" if one.low > NOISE else "faster" if one.high < -NOISE else "same"
    return one


def _sentence(quantiles: Sequence[QuantileComparison], distance: float, chance: float) -> str:
    known = [quantile for quantile in quantiles if quantile.verdict != "too_few"]
    if not known:
        return "too few"
    changed = [_change(one) for one in known if one.verdict != "same"]
    if changed:
        return ", ".join(changed)
    if chance < 1 - CONFIDENCE and distance >= DISTANCE_MIN:
        return f"distributed otherwise (distance {distance:.2f}), the percentiles are alike"
    return "no difference beyond noise"


def _change(one: QuantileComparison) -> str:
    if one.change >= 1:
        bounds = f"{1 + one.low:.1f} to {1 + one.high:.1f}"
        return f"{one.verdict}, {1 + one.change:.1f} times as long at {one.name} ({bounds})"
    low, high = sorted((abs(one.low), abs(one.high)))
    bounds = f"{100 * low:.0f} to {high:.0%}"
    return f"{one.verdict} by {abs(one.change):.0%} at {one.name} ({bounds})"


def _counts(a: Summary, b: Summary) -> Iterator[CountComparison]:
    def of(name: str, counts: tuple[int, int], whole: tuple[int, int]) -> CountComparison:
        whole_a, whole_b = max(whole[0], counts[0]), max(whole[1], counts[1])
        chance = proportions_differ(counts[0], whole_a, counts[1], whole_b)
        more = counts[1] * whole_a > counts[0] * whole_b
        verdict: CountChange = "same"
        if chance < 1 - CONFIDENCE:
            verdict = "more" if more else "fewer"
        beyond = {"same": "no difference beyond chance"}.get(verdict, verdict)
        was = f"{counts[1]:,} of {whole_b:,}, was {counts[0]:,} of {whole_a:,}"
        return CountComparison(
            name=name,
            count_a=counts[0],
            of_a=whole_a,
            count_b=counts[1],
            of_b=whole_b,
            chance=chance,
            verdict=verdict,
            sentence=f"{beyond}: {was}" if counts[0] or counts[1] else "none in either",
        )

    messages = _messages(a), _messages(b)
    guests = a.sessions.planned, b.sessions.planned
    steps = sum(step.run for step in a.steps), sum(step.run for step in b.steps)
    failed = sum(step.failed for step in a.steps), sum(step.failed for step in b.steps)
    yield of("sessions failed", (a.sessions.failed, b.sessions.failed), guests)
    yield of("steps failed", failed, steps)
    for name in ("lost", "doubled", "reordered", "uncertain"):
        yield of(name, (getattr(a, name), getattr(b, name)), messages)


def _messages(run: Summary) -> int:
    return run.messages.sent + run.messages.received


def _verdict(measures: Sequence[MeasureComparison], counts: Sequence[CountComparison]) -> str:
    """One line. What is to be judged is what a guest meets: not `echo_as_sent`."""
    felt = [one for one in measures if one.name != "echo_as_sent"]
    said = []
    for verdict in ("slower", "faster", "mixed"):
        names = [one.name for one in felt if one.verdict == verdict]
        if names:
            said.append(f"{verdict}: {', '.join(names)}")
    for change in ("more", "fewer"):
        said += [f"{change} {one.name}" for one in counts if one.verdict == change]
    if said:
        return "; ".join(said)
    known = any(one.verdict != "too_few" for one in felt)
    return "no difference beyond noise" if known else "too few"


def _doubtful(in_doubt: Sequence[str], counts: Sequence[CountComparison]) -> str:
    """One line where a run, or both, is not valid."""
    runs = f"the {in_doubt[0]} run is" if len(in_doubt) == 1 else "both runs are"
    said = [f"not comparable: {runs} not valid"]
    said += [f"more {one.name}" for one in counts if one.verdict == "more"]
    return "; ".join(said)


def _warnings(a: Summary, b: Summary) -> Iterator[str]:
    for name, run in (("first", a), ("second", b)):
        if not run.valid:
            yield f"the {name} run is not valid: {'; '.join(run.overhead.reasons)}"
        if run.stopped_by:
            yield f"the {name} run was stopped: {run.stopped_by}"
    before, after = a.environment, b.environment
    if before.scenario_sha256 != after.scenario_sha256:
        yield "the scenario files differ"
    if (before.target, before.deployment_id) != (after.target, after.deployment_id):
        yield "the targets differ"
    if a.seed != b.seed:
        yield f"the seeds differ: {a.seed} and {b.seed}"
    length_a, length_b = ((run.ended_at - run.started_at) // 1000 for run in (a, b))
    for what, one, other in (
        ("guests", a.sessions.planned, b.sessions.planned),
        ("length in seconds", length_a, length_b),
    ):
        if abs(one - other) > 0.1 * max(one, other):
            yield f"{what}: {one:,} and {other:,}"


def comparison_lines(comparison: RunComparison) -> list[str]:
    """For a terminal."""
    names = [*(one.name for one in comparison.measures), *(one.name for one in comparison.counts)]
    width = max(map(len, names), default=0)
    lines = [f"Warning: {warning}" for warning in comparison.warnings]
    for measure in comparison.measures:
        lines.append(f"{measure.name:{width}}  {_figures(measure)}  {measure.sentence}")
    for count in comparison.counts:
        lines.append(f"{count.name:{width}}  {count.sentence}")
    return [*lines, f"Verdict: {comparison.verdict}"]


def _figures(measure: MeasureComparison) -> str:
    return "  ".join(f"{one.name} {_ms(one.a_ms)} → {_ms(one.b_ms)}" for one in measure.quantiles)


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"
