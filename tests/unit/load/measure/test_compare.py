"""Two runs compared: differences that are there are found, and none are where there are none."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from random import Random
from time import process_time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.load.measure.compare import RunComparison, compare, comparison_lines
from guestd.load.measure.histogram import LatencyHistogram
from guestd.load.measure.statistics_of_runs import (
    Quantiles,
    kolmogorov_smirnov,
    proportions_differ,
    ratio_interval,
)
from guestd.load.results import (
    Environment,
    Latencies,
    MessageCounts,
    Overhead,
    SessionCounts,
    StepFigures,
    Summary,
)
from tests.thoroughness import examples


def echoes(seed: int, count: int = 3000, factor: float = 1.0, tail: float = 1.0):
    chance = Random(seed)
    values = [0.05 * factor * chance.lognormvariate(0, 0.3) for _ in range(count)]
    return LatencyHistogram.of(value * tail if value > 0.07 * factor else value for value in values)


def summary(echo: LatencyHistogram, **more) -> Summary:
    given = {
        "seed": 7,
        "messages": MessageCounts(sent=5000, received=5000),
        "sessions": SessionCounts(planned=1000),
    } | more
    return Summary(latency_ms=Latencies(echo=echo.percentiles()), **given)


def only(comparison: RunComparison):
    (measure,) = comparison.measures
    return measure


def test_two_runs_of_the_same_service_do_not_differ():
    found = compare(summary(echoes(1)), summary(echoes(2)))
    assert only(found).verdict == "same"
    assert only(found).sentence == "no difference beyond noise"
    assert found.verdict == "no difference beyond noise"
    assert found.warnings == []


def test_noise_is_rarely_taken_for_a_difference():
    pairs = [(echoes(2 * n, 500), echoes(2 * n + 1, 500)) for n in range(20)]
    verdicts = [only(compare(summary(a), summary(b), n)).verdict for n, (a, b) in enumerate(pairs)]
    assert verdicts.count("same") >= 19


def test_a_slower_run_is_slower_by_so_much():
    slower = compare(summary(echoes(1)), summary(echoes(2, factor=1.12)))
    measure = only(slower)
    assert measure.verdict == "slower"
    p50 = measure.quantiles[0]
    assert p50.change == pytest.approx(0.12, abs=0.03)
    assert 0.02 < p50.low < p50.change < p50.high < 0.2
    assert measure.sentence.startswith("slower by 1")
    assert " at p50 (" in measure.sentence
    assert slower.verdict == "slower: echo"
    faster = compare(summary(echoes(2, factor=1.12)), summary(echoes(1)))
    assert faster.verdict == "faster: echo"
    assert only(faster).sentence.startswith("faster by 1")


def test_a_slower_tail_is_said_where_it_is():
    measure = only(compare(summary(echoes(1)), summary(echoes(2, tail=1.5))))
    assert [quantile.verdict for quantile in measure.quantiles] == ["same", "slower", "slower"]
    assert "p50" not in measure.sentence
    assert measure.distance > 0.05 and measure.chance < 0.01


def test_a_run_that_is_faster_here_and_slower_there_is_mixed():
    better = compare(summary(echoes(1)), summary(echoes(2, factor=0.8, tail=2)))
    assert only(better).verdict == "mixed"
    assert better.verdict == "mixed: echo"


def test_of_too_few_nothing_is_said():
    measure = only(compare(summary(echoes(1, 99)), summary(echoes(2, 99, factor=2))))
    assert [one.verdict for one in measure.quantiles] == ["slower", "too_few", "too_few"]
    few = compare(summary(echoes(1, 9)), summary(echoes(2, 9, factor=2)))
    assert (only(few).sentence, few.verdict) == ("too few", "too few")
    nothing = compare(summary(echoes(1)), summary(LatencyHistogram()))
    assert only(nothing).verdict == "too_few"
    assert only(nothing).quantiles[0].b_ms is None


def test_the_same_seed_says_the_same_and_it_is_json():
    a, b = summary(echoes(1)), summary(echoes(2, factor=1.1))
    found = compare(a, b, seed=3)
    assert compare(a, b, seed=3) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=RunComparison) == found


def test_counts_are_compared_with_what_chance_does():
    before = summary(echoes(1), lost=1, steps=[step(1000, 5)])
    after = summary(echoes(2), lost=3, steps=[step(1000, 60)])
    found = compare(before, after)
    by_name = {count.name: count for count in found.counts}
    assert by_name["lost"].verdict == "same"
    assert by_name["lost"].sentence == ("no difference beyond chance: 3 of 10,000, was 1 of 10,000")
    assert by_name["steps failed"].sentence == "more: 60 of 1,000, was 5 of 1,000"
    assert by_name["doubled"].sentence == "none in either"
    assert found.verdict == "more steps failed"
    assert compare(after, before).verdict == "fewer steps failed"


def step(run: int, failed: int) -> StepFigures:
    return StepFigures(scenario="s", step=0, label="x", run=run, failed=failed)


def test_what_makes_runs_hard_to_compare_is_said():
    a = summary(echoes(1), started_at=0, ended_at=60_000)
    b = summary(
        echoes(2),
        seed=8,
        valid=False,
        stopped_by="signal",
        ended_at=120_000,
        overhead=Overhead(reasons=["it was busy"]),
        sessions=SessionCounts(planned=2000),
        environment=Environment(scenario_sha256="x", target="emulator"),
    )
    assert compare(a, b).warnings == [
        "the second run is not valid: it was busy",
        "the second run was stopped: signal",
        "the scenario files differ",
        "the targets differ",
        "the seeds differ: 7 and 8",
        "guests: 1,000 and 2,000",
        "length in seconds: 60 and 120",
    ]


def test_runs_that_are_not_valid_are_not_comparable_but_what_was_lost_counts():
    a, b = summary(echoes(1)), summary(echoes(2, factor=30), valid=False, lost=900)
    found = compare(a, b)
    assert not found.comparable and only(found).verdict == "slower"
    assert found.verdict == "not comparable: the second run is not valid; more lost"
    a.valid = False
    assert compare(a, a).verdict == "not comparable: both runs are not valid"
    assert compare(summary(echoes(1)), summary(echoes(2))).comparable


def test_a_terminal_is_shown_a_line_for_each():
    lines = comparison_lines(
        compare(summary(echoes(1), seed=1), summary(echoes(2, factor=30), steps=[step(9, 1)]))
    )
    assert lines[0] == "Warning: the seeds differ: 1 and 7"
    echo = next(line for line in lines if line.startswith("echo"))
    assert "p50 49.8 ms → 1.5 s" in echo
    assert "slower, 30.1 times as long at p50 (29." in echo
    assert lines[-1] == "Verdict: slower: echo"


def test_the_work_does_not_grow_with_the_run():
    a, b = echoes(1), echoes(2)
    for bucket in a.counts:
        a.counts[bucket] *= 10_000
    started = process_time()
    only(compare(summary(a), summary(b)))
    assert process_time() - started < 5


@settings(max_examples=examples(20))
@given(st.integers(0, 10**6))
def test_the_short_bootstrap_is_as_wide_as_the_long_one(seed):
    """Samples drawn one by one, beside the one random number that stands for them."""
    chance = Random(seed)
    values = sorted(chance.lognormvariate(0, 0.5) for _ in range(200))
    long = sorted(sorted(chance.choices(values, k=200))[99] for _ in range(400))
    quantiles = Quantiles(LatencyHistogram.of(values))
    short = sorted(quantiles.drawn(0.5, chance) / 1e6 for _ in range(400))
    for place in (40, 200, 360):
        assert short[place] == pytest.approx(long[place], rel=0.1)


def test_the_interval_has_the_true_ratio_nearly_always():
    inside = 0
    for number in range(100):
        a, b = Quantiles(echoes(number, 400)), Quantiles(echoes(1000 + number, 400, factor=1.2))
        low, high = ratio_interval(a, b, 0.5, Random(number), 400, 0.99)
        inside += low <= 1.2 <= high
    assert inside >= 94


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 12), st.integers(1, 12))
def test_fishers_test_is_that_of_whole_numbers(count_a, of_a, count_b, of_b):
    count_a, count_b = min(count_a, of_a), min(count_b, of_b)
    events = count_a + count_b
    ways = {
        count: comb(of_a, count) * comb(of_b, events - count)
        for count in range(max(0, events - of_b), min(events, of_a) + 1)
    }
    seen = ways[count_a]
    exact = Fraction(sum(one for one in ways.values() if one <= seen), sum(ways.values()))
    assert proportions_differ(count_a, of_a, count_b, of_b) == pytest.approx(float(exact))


def test_many_events_are_compared_as_few_are():
    exact = proportions_differ(950, 100_000, 1049, 100_000)
    normal = proportions_differ(9500, 1_000_000, 9813, 1_000_000)
    assert exact == pytest.approx(0.026, abs=0.003)
    assert normal == pytest.approx(0.024, abs=0.003)


def test_the_distance_of_distributions():
    low = LatencyHistogram.of([0.001] * 100)
    high = LatencyHistogram.of([0.002] * 100)
    half = LatencyHistogram.of([0.001] * 50 + [0.002] * 50)
    assert kolmogorov_smirnov(low, high)[0] == 1.0
    assert kolmogorov_smirnov(low, high)[1] < 1e-9
    assert kolmogorov_smirnov(low, half)[0] == 0.5
    assert kolmogorov_smirnov(low, low) == (0.0, 1.0)
    assert kolmogorov_smirnov(low, LatencyHistogram()) == (0.0, 1.0)
