"""What the options of `guestd load` make of a file's load: each counts, or is refused."""

from __future__ import annotations

import pytest
import typer

from guestd.app.commands.load_asked import asked_model, spacing_of
from guestd.load.plan.shape import shape_of
from guestd.load.scenario.file import LoadModel, Stage
from guestd.load.scenario.load_model import LoadWishes, load_model

ONCE = LoadModel()
RAMP = load_model(LoadWishes(arrival_rate=1.0, stages=[Stage(10, 5), Stage(20, 5), Stage(10, 0)]))
STEADY = load_model(LoadWishes(arrival_rate=4.0, run_time_s=600.0))
STAGED = load_model(LoadWishes(users=2, stages=[Stage(10, 12), Stage(10, 0)]))


def refusal(*given, **named):
    with pytest.raises(typer.BadParameter) as refused:
        asked_model(*given, **named)
    return f"{refused.value.param_hint}: {refused.value}"


@pytest.mark.parametrize(
    ("own", "options", "begins"),
    [
        (ONCE, {"stages": ["2s:2"], "run_time": "10s"}, "--run-time: is what the stages come to"),
        (ONCE, {"stages": ["2s:2"], "spawn_rate": 1.0}, "--spawn-rate: is what the stages say"),
        (ONCE, {"stages": ["2s:0"]}, "--stage: are all of no guests"),
        (ONCE, {"users": 5, "arrivals": 3.0, "run_time": "3s"}, "--users: says how many guests"),
        (ONCE, {"spawn_rate": 5.0, "arrivals": 3.0, "run_time": "3s"}, "--spawn-rate: is for a"),
        (ONCE, {"arrivals": 3.0}, "--arrivals: say how long, with -t"),
        (RAMP, {"run_time": "41s"}, "--run-time: 41 s are more than the 40 s"),
        (RAMP, {"spawn_rate": 1.0}, "--spawn-rate: does not go with the arrivals of the file"),
        (STAGED, {"spawn_rate": 1.0}, "--spawn-rate: does not go with the stages of the file"),
    ],
)
def test_options_that_contradict_each_other_or_the_file_are_refused(own, options, begins):
    assert refusal(own, **options).startswith(begins)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_arrivals_that_are_none_or_no_number_are_refused(value):
    assert refusal(ONCE, arrivals=value, run_time="3s").startswith("--arrivals: ")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_a_spawn_rate_that_is_no_number_is_refused(value):
    assert refusal(ONCE, users=3, spawn_rate=value).startswith("--spawn-rate: ")


@pytest.mark.parametrize("value", [0, -1, 1_000_001])
def test_guests_are_at_least_one_and_no_more_than_a_file_may_have(value):
    assert refusal(ONCE, users=value).startswith("--users: ")


@pytest.mark.parametrize("value", ["0", "0s", "-1", "nan", "inf", "", "101y"])
def test_a_length_that_is_none_is_refused(value):
    assert refusal(ONCE, run_time=value).startswith("--run-time: ")


@pytest.mark.parametrize("value", ["5s:nan", "5s:inf", "5s:-1", "nan:1", "-1:1", "5s:1000001"])
def test_a_stage_that_is_none_is_refused(value):
    assert refusal(ONCE, stages=[value]).startswith("--stage: ")


def test_a_shorter_run_is_the_beginning_of_the_files_stages():
    shape, whole = shape_of(asked_model(RAMP, run_time="5s")), shape_of(RAMP)
    assert shape.length_s == 5
    assert [shape.level(at_s) for at_s in (0, 2.5, 4)] == [whole.level(x) for x in (0, 2.5, 4)]
    assert asked_model(RAMP, run_time="40s") == RAMP
    assert shape_of(asked_model(STAGED, run_time="15s")).level(14) == shape_of(STAGED).level(14)
    assert asked_model(RAMP, run_time="10s").run_time_s == 10


@pytest.mark.parametrize("run_time_s", [5, 900])
def test_a_steady_rate_of_the_file_may_last_shorter_or_longer(run_time_s):
    shape = shape_of(asked_model(STEADY, run_time=f"{run_time_s}s"))
    assert (shape.length_s, shape.level(run_time_s - 1)) == (run_time_s, 4.0)


def test_guests_beside_stages_are_those_at_the_beginning_as_in_a_file():
    asked = asked_model(ONCE, users=50, stages=["2s:2"])
    assert asked == load_model(LoadWishes(users=50, stages=[Stage(2, 2)]))
    assert shape_of(asked).whole_level(0) == 50


def test_arrivals_beside_stages_are_those_at_the_beginning_as_in_a_file():
    asked = asked_model(ONCE, arrivals=3.0, stages=["2s:5"])
    assert asked == load_model(LoadWishes(arrival_rate=3.0, stages=[Stage(2, 5)]))
    assert asked_model(ONCE, arrivals=0.0, stages=["2s:5"]).kind == "open"


def test_what_the_file_says_beside_guests_and_times_stays():
    own = load_model(LoadWishes(users=3, connects_per_s=7.0, graceful_stop_s=1.0))
    for options in ({"arrivals": 2.0, "run_time": "3s"}, {"stages": ["2s:5"]}, {"users": 9}):
        asked = asked_model(own, **options)
        assert (asked.connects_per_s, asked.graceful_stop_s) == (7.0, 1.0)


def test_options_take_the_place_of_what_the_file_says():
    assert asked_model(STAGED, users=5).stages == ()
    assert asked_model(STAGED, users=5).run_time_s == 20
    assert asked_model(RAMP, users=5) == LoadModel(users=5)
    assert asked_model(RAMP, arrivals=2.0).stages == (Stage(0, 2), Stage(40, 2))
    assert asked_model(ONCE, run_time="5s").kind == "closed"
    assert asked_model(STAGED) is STAGED


def test_only_guests_that_arrive_can_do_so_by_chance():
    assert (spacing_of(True, RAMP), spacing_of(False, ONCE)) == ("random", "even")
    with pytest.raises(typer.BadParameter, match="--arrivals"):
        spacing_of(True, STAGED)
