"""Times that are drawn, and the chance they are drawn from."""

from __future__ import annotations

from random import Random
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.plan.draws import SeededDraws, seed_of
from guestd.load.plan.spreads import draw
from guestd.load.scenario.steps import Spread

POSITIVE = st.floats(0, 1000)
KINDS = st.sampled_from(("fixed", "uniform", "normal", "lognormal", "exponential"))
SPREADS = st.tuples(KINDS, POSITIVE, POSITIVE, POSITIVE, POSITIVE).map(
    lambda one: Spread(one[0], one[1], one[1] + one[2], one[3], one[4])
)


class Share:
    def __init__(self, share: float) -> None:
        self.random = lambda: share


@given(SPREADS, st.floats(0, 1, exclude_max=True))
def test_what_is_drawn_is_within_its_bounds(spread, share):
    drawn = draw(spread, Share(share))
    assert spread.low_s <= drawn <= max(spread.high_s, spread.low_s)


def test_a_fixed_time_takes_no_chance():
    draws = SeededDraws(1)
    assert draw(Spread("fixed", 2.5), draws) == 2.5
    assert draws.random() == SeededDraws(1).random()


@pytest.mark.parametrize(
    ("spread", "average", "deviation"),
    [
        (Spread("uniform", 2, 4), 3, 2 / 12**0.5),
        (Spread("normal", mean_s=50, deviation_s=5), 50, 5),
        (Spread("lognormal", mean_s=8, deviation_s=4), 8, 4),
        (Spread("exponential", mean_s=3), 3, 3),
    ],
)
def test_the_distributions_are_those_that_were_asked_for(spread, average, deviation):
    draws = SeededDraws(3)
    drawn = [draw(spread, draws) for _ in range(20_000)]
    assert mean(drawn) == pytest.approx(average, rel=0.03)
    assert pstdev(drawn) == pytest.approx(deviation, rel=0.05)


def test_a_random_of_the_library_serves_as_well():
    assert 2 <= draw(Spread("uniform", 2, 4), Random(1)) <= 4


def test_the_same_seed_draws_the_same_and_another_another():
    one, same, other = (SeededDraws(seed_of(1, n)) for n in (5, 5, 6))
    first = [one.random() for _ in range(100)]
    assert first == [same.random() for _ in range(100)]
    assert first != [other.random() for _ in range(100)]
    assert all(0 <= share < 1 for share in first) and len(set(first)) == 100
