"""What a plot is drawn of: the histogram, or what is left where it cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.report.distribution import distribution
from guestd.load.results import Percentiles

from .sample import percentiles


@given(st.lists(st.integers(1, 3_000_000_000), min_size=1))
def test_every_value_is_there_with_three_digits(values_us):
    found = distribution(percentiles(value / 1000 for value in values_us))
    assert found.total == len(values_us)
    for n, value in enumerate(sorted(values_us), 1):
        assert found.at(n / len(values_us)) * 1000 == pytest.approx(value, rel=1e-3, abs=1)


@given(st.text(alphabet="HISTFAAAAYF4nK3QwUsCQRQGcOcTWUREZBEJEw", max_size=400) | st.text())
def test_nonsense_gives_the_percentiles(text):
    found = distribution(Percentiles(count=100, p50=5.0, p99=9.0, max=10.0, histogram=text))
    assert (found.total, found.at(0.5), found.at(1.0)) == (100, 5.0, 10.0)


def test_a_histogram_that_is_cut_gives_the_percentiles():
    whole = percentiles(range(1, 1000)).histogram
    found = distribution(Percentiles(count=2, p50=5.0, histogram=whole[: len(whole) // 8 * 4]))
    assert found.at(0.5) == 5.0


def test_nothing_measured_is_nothing():
    assert distribution(Percentiles()).total == 0


def test_columns_hold_everything_once():
    found = distribution(percentiles([1.0, 2.5, 2.6, 30.0]))
    assert found.columns([0.0, 2.0, 3.0, 4.0]) == [1, 2, 1]
