"""A histogram of another program is read as that program reads it; nonsense gives no error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.report.distribution import distribution
from guestd.load.results import Percentiles

from .histograms import encoded, percentiles

#: Of HdrHistogram for Python 0.10.3: the squares of 1 to 1,000 and 3,000,000,000, in three digits.
GOLDEN = (
    "HISTFAAAAYF4nK3QwUsCQRQGcOcTWUREZBEJEwkJCQkJCQkRCQkJCQkJiYiIiIiIiIiIiA4FHTp08NChQ4eCDh069p907ta1"
    "P6HnNDUzzuy6Qv743vfesrDg+FXPDYWcj9DPLyya9cd77ylU/xIPEIaDGBJwkUYGOeRRQBEllFFBFXU00EQLbXTQxRo2sIUd"
    "7OEARzjBGS5wyXDNcMNwy9BjuGO4Z3hgeGR4ZnhheGX09irWySbZJrtknxySY3JKzlGjr9UxTxpkgTTJImmRJdImy6RDVkiX"
    "3i1y00JJmBHKwqxQEeaEqlAjWS7HI03wSHkeaZJHKvBIUzxSkZKif1vGlNZiGtNiymgxZbX8imsSSptJKG2XVNpMUmk7V2kz"
    "rtJ2KT6jxOHT7GBi1pbTO/o0O5i4teX0jj7NHhTx5Xhcjm/LabuDRZ2Dt1+rm3mNKupxRX1bTtsdLOrsJyywv81+2578l8jQ"
    "JxHrbm7Bevj0vu3X6PG6/G7vGbztm77b7s83hm9rS1p3"
)


def test_a_histogram_of_another_program_is_read():
    found = distribution(Percentiles(histogram=GOLDEN))
    assert found.total == 1001
    for share, value_us in ((0.5, 251_007), (0.9, 812_031), (0.99, 982_527), (1.0, 3_001_024_511)):
        assert found.at(share) * 1000 == pytest.approx(value_us, rel=1e-3)


@given(st.lists(st.integers(1, 3_000_000_000), min_size=1))
def test_every_value_is_there_with_three_digits(values_us):
    found = distribution(Percentiles(histogram=encoded(values_us)))
    assert found.total == len(values_us)
    for n, value in enumerate(sorted(values_us), 1):
        assert found.at(n / len(values_us)) * 1000 == pytest.approx(value, rel=1e-3, abs=0.6)


@given(st.text(alphabet="HISTFAAAAYF4nK3QwUsCQRQGcOcTWUREZBEJEw", max_size=400) | st.text())
def test_nonsense_gives_the_percentiles(text):
    found = distribution(Percentiles(count=100, p50=5.0, p99=9.0, max=10.0, histogram=text))
    assert (found.total, found.at(0.5), found.at(1.0)) == (100, 5.0, 10.0)


def test_a_histogram_that_is_cut_gives_the_percentiles():
    found = distribution(Percentiles(count=2, p50=5.0, histogram=GOLDEN[:200]))
    assert found.at(0.5) == 5.0


def test_nothing_measured_is_nothing():
    assert distribution(Percentiles()).total == 0


def test_columns_hold_everything_once():
    found = distribution(percentiles([1.0, 2.5, 2.6, 30.0]))
    assert found.columns([0.0, 2.0, 3.0, 4.0]) == [1, 2, 1]
