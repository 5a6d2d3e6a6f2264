"""How many guests, or arrivals, there are meant to be at a time."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.plan.shape import LoadShape, guests_wanted, shape_of
from guestd.load.plan.stages import parse_stage
from guestd.load.scenario.file import LoadModel, Stage

STAGES = st.lists(
    st.builds(Stage, st.sampled_from((0.0, 0.1, 3.0, 60.0)), st.integers(0, 20).map(float)),
    max_size=5,
).map(tuple)


def test_stages_are_joined_by_straight_lines():
    shape = LoadShape((Stage(30, 100), Stage(60, 100), Stage(10, 0)))
    levels = {t: shape.whole_level(t) for t in (0, 0.29, 0.3, 15, 30, 89, 95, 99.9, 100, 1000)}
    assert levels == {
        0: 0, 0.29: 0, 0.3: 1, 15: 50, 30: 100, 89: 100, 95: 50, 99.9: 1, 100: 0, 1000: 0,
    }  # fmt: skip
    assert shape.length_s == 100


def test_how_many_guests_there_should_be_now():
    grows = LoadModel(kind="closed", users=20, spawn_rate=2.0, run_time_s=60.0)
    assert [guests_wanted(grows, at_s) for at_s in (0, 4, 30, 61)] == [0, 8, 20, 0]
    assert guests_wanted(LoadModel(users=7), 3) == 7
    assert guests_wanted(LoadModel(kind="open", spawn_rate=2.0, run_time_s=9.0), 3) is None


def test_a_stage_without_length_is_a_jump():
    shape = LoadShape((Stage(0, 50), Stage(10, 50), Stage(0, 5), Stage(10, 5)))
    assert [shape.whole_level(t) for t in (0, 9.9, 10, 19)] == [50, 50, 5, 5]


def test_users_and_spawn_rate_and_run_time_are_stages_too():
    shape = shape_of(LoadModel("closed", users=20, spawn_rate=4, run_time_s=60))
    assert [shape.whole_level(t) for t in (0, 1, 5, 59, 60)] == [0, 4, 20, 20, 0]
    at_once = shape_of(LoadModel("closed", users=20))
    assert at_once.whole_level(0) == at_once.whole_level(1e6) == 20
    assert at_once.length_s == inf
    never_there = shape_of(LoadModel("closed", users=1000, spawn_rate=1, run_time_s=10))
    assert never_there.whole_level(9.5) == 9 and never_there.length_s == 10


def test_arrivals_are_even_and_there_are_as_many_as_the_rates_say():
    shape = shape_of(LoadModel("open", spawn_rate=10, run_time_s=60))
    times = [shape.arrival_s(n) for n in range(600)]
    assert times == pytest.approx([n / 10 for n in range(600)])
    assert shape.arrival_s(600) is None and shape.arrived(59.95) == shape.arrived(1000) == 600
    endless = shape_of(LoadModel("open", users=5))
    assert endless.arrival_s(1e6) == 2e5


def test_arrivals_of_a_ramp_come_closer_and_closer():
    shape = LoadShape((Stage(10, 10),))
    times = [shape.arrival_s(n) for n in range(50)]
    assert shape.arrival_s(50) is None
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == sorted(gaps, reverse=True)
    assert times[25] == pytest.approx((2 * 25) ** 0.5)


@given(STAGES, st.integers(0, 300))
def test_an_arrival_is_counted_from_its_time_on(stages, number):
    shape = LoadShape(stages)
    at_s = shape.arrival_s(float(number))
    if at_s is None:
        assert shape.arrived(1e9) <= number
    else:
        assert 0 <= at_s <= shape.length_s
        assert shape.arrived(at_s + 1e-6) >= number + 1
        assert shape.arrived(max(at_s - 1e-3, 0)) <= number + 1


@given(STAGES, st.floats(0, 400))
def test_a_level_is_between_those_of_the_stages(stages, t_s):
    levels = [0.0, *(one.at_end for one in stages)]
    assert min(levels) <= LoadShape(stages).level(t_s) <= max(levels)


def test_a_stage_of_the_command_line():
    assert parse_stage("30s:100") == Stage(30, 100)
    assert parse_stage(" 1m30s:0.5") == Stage(90, 0.5)
    assert parse_stage("0s:7") == Stage(0, 7)


@pytest.mark.parametrize(
    "text", ["", "30s", "30s:", "30s:x", "30s:-1", "30s:nan", "30s:inf", "x:1"]
)
def test_what_is_no_stage_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="30s"):
        parse_stage(text)
