"""Figures in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.report import texts
from guestd.load.report.scales import AxisScale, decades, linear, time_ticks


@pytest.mark.parametrize(("ms", "told"), [
    (None, "–"), (0, "0 ms"), (0.4, "0.4 ms"), (2.56, "2.6 ms"), (5, "5 ms"), (9.96, "10 ms"),
    (212.4, "212 ms"), (999.6, "1 s"), (9300, "9.3 s"), (59_940, "59.9 s"), (59_960, "1 min"),
    (74_000, "1:14 min"), (3_600_000, "1 h"), (3_725_000, "1:02 h"),
])  # fmt: skip
def test_durations(ms, told):
    assert texts.duration(ms) == told


@pytest.mark.parametrize(("at_s", "decimals", "told"), [
    (0, 0, "0:00"), (354, 0, "5:54"), (348.2, 1, "5:48.2"), (354.0971, 3, "5:54.097"),
    (3725, 0, "1:02:05"), (59.96, 1, "1:00.0"), (-1.5, 1, "-0:01.5"),
])  # fmt: skip
def test_times_since_the_start(at_s, decimals, told):
    assert texts.clock(at_s, decimals) == told


@pytest.mark.parametrize(("number", "unit", "told"), [
    (0.0077, "ratio", "0.77 %"), (0.41, "ratio", "41 %"), (3, "count", "3"),
    (27.4, "per_s", "27.4 a second"), (8000, "ms", "8 s"), (None, "ms", "nothing measured"),
])  # fmt: skip
def test_values_in_their_unit(number, unit, told):
    assert texts.value(number, unit) == told


def test_sizes_and_counts():
    assert [texts.size(n) for n in (12, 10_035, 74_448_896, 25_769_803_776)] == [
        "12 B", "9.8 KiB", "71 MiB", "24 GiB",
    ]  # fmt: skip
    assert [texts.count(n) for n in (0, 3000, 27.44, 0.5)] == ["0", "3,000", "27.4", "0.5"]
    assert texts.some(1, "process", "processes") == "1 process"


def test_a_period_may_end_on_another_day_or_be_no_date():
    assert texts.period(1_795_975_204_000, 1_795_975_811_000) == (
        "29 November 2026, 18:00:04 to 18:10:11 UTC"
    )
    assert "to 30 November" in texts.period(1_795_975_204_000, 1_796_030_000_000)
    assert "1970" in texts.period(10**30, -(10**30))


@given(st.text(), st.integers(1, 50))
def test_a_text_that_is_cut_is_visible_and_short(text, most):
    shown = texts.cut(text, most)
    assert len(shown) <= most + 40
    assert texts.visible(shown) == shown


@given(st.lists(st.floats(0.001, 1e7), min_size=1))
def test_an_axis_holds_its_values(values):
    for ticks, log in ((linear(values), False), (decades(values, most=30), True)):
        scale = AxisScale(ticks[0], ticks[-1], 100.0, 0.0, log)
        assert ticks[-1] >= max(values) * 0.999
        assert all(0.0 <= scale.at(value) <= 100.0 for value in values)
        assert sorted(map(scale.at, ticks), reverse=True) == [scale.at(one) for one in ticks]


@pytest.mark.parametrize(("length_s", "told"), [
    (600, ["0", "2 min", "4", "6", "8", "10"]), (45, ["0", "10 s", "20", "30", "40"]),
    (10_800, ["0", "0.5 h", "1", "1.5", "2", "2.5", "3"]), (1, ["0", "1 s"]),
])  # fmt: skip
def test_times_on_an_axis(length_s, told):
    assert [name for _, name in time_ticks(length_s)] == told
