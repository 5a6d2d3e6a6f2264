"""The plan: who starts when, from a seed, the same however many workers share it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.plan.plan import Plan, slug
from guestd.load.scenario.file import LoadModel, Scenario, ScenarioFile, Stage
from guestd.load.scenario.steps import Place

PLACE = Place("f.yaml", 1)


def file_of(*weights: float, rows: int = 0) -> ScenarioFile:
    data = tuple({"n": str(row)} for row in range(rows))
    scenarios = tuple(
        Scenario(f"scenario {place}", (), PLACE, weight, data=data)
        for place, weight in enumerate(weights or (1.0,))
    )
    return ScenarioFile("f.yaml", "", scenarios)


STAGES = st.lists(
    st.builds(Stage, st.floats(0, 100), st.integers(0, 50).map(float)), min_size=1, max_size=5
).map(tuple)
MODELS = st.builds(
    LoadModel,
    st.sampled_from(("once", "closed", "open")),
    st.just(()) | STAGES,
    st.integers(0, 200),
    st.sampled_from((0.0, 0.5, 7.0)),
    st.floats(1, 60),
)
SEEDS = st.integers(0, 2**63)


@given(MODELS, SEEDS, st.integers(1, 7), st.floats(0, 600))
def test_what_the_workers_want_adds_up_to_what_one_wants(model, seed, workers, t_s):
    parts = [Plan(file_of(1, 2), model, seed, n, workers) for n in range(workers)]
    assert sum(one.wanted(t_s) for one in parts) == Plan(file_of(1, 2), model, seed).wanted(t_s)


@given(MODELS, SEEDS, st.integers(1, 7), st.sampled_from(("even", "random")))
def test_the_workers_arrivals_are_those_of_one_dealt_out(model, seed, workers, spacing):
    def arrivals(*place: int) -> list[tuple[float, int]]:
        plan = Plan(file_of(), model, seed, *place, spacing=spacing)
        return list(islice(plan.arrivals(), 300))

    alone = arrivals()
    dealt = sorted(one for n in range(workers) for one in arrivals(n, workers))
    assert sorted(dealt, key=lambda one: one[1])[: len(alone)] == alone
    assert [number for _, number in alone] == list(range(len(alone)))


@given(SEEDS, st.integers(1, 5), st.lists(st.integers(0, 5000), max_size=20))
def test_a_guest_is_the_same_in_any_partition_and_order(seed, workers, numbers):
    model = LoadModel("open", users=3, run_time_s=600)
    file = file_of(3, 1, rows=7)
    expected = [Plan(file, model, seed).guest(number) for number in numbers]
    again = Plan(file, model, seed, workers - 1, workers)
    assert [again.guest(number) for number in numbers] == expected


def test_another_seed_is_another_plan():
    model = LoadModel("closed", users=3)
    one, other = (Plan(file_of(1, 1, 1), model, seed) for seed in (1, 2))
    assert [one.guest(n) for n in range(50)] != [other.guest(n) for n in range(50)]
    assert len({one.guest(n).seed for n in range(1000)}) == 1000


@pytest.mark.parametrize("seed", range(20))
def test_weights_are_honoured_more_exactly_than_by_chance(seed):
    plan = Plan(file_of(5, 3, 0, 2), LoadModel("closed", users=1), seed)
    dealt = Counter(plan.guest(number).scenario for number in range(1000))
    assert dealt[2] == 0
    for scenario, share in ((0, 500), (1, 300), (3, 200)):
        assert abs(dealt[scenario] - share) <= 5


def test_each_scenario_is_run_once_before_the_weights_count():
    plan = Plan(file_of(1000, 1, 0), LoadModel("once", users=3), 1)
    assert [plan.guest(number).scenario for number in range(3)] == [0, 1, 2]


def test_in_a_functional_run_each_row_is_a_case_of_its_scenario():
    file = file_of(1, 1000, rows=3)
    file = replace(file, scenarios=(*file.scenarios, replace(file.scenarios[0], data=()),
                                    replace(file.scenarios[0], rows_are_cases=False)))  # fmt: skip
    assert [one.cases for one in file.scenarios] == [3, 3, 1, 1]
    plan = Plan(file, LoadModel("once", users=8, each_row=True), 1)
    dealt = [(plan.guest(number).scenario, plan.guest(number).row) for number in range(8)]
    assert dealt == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (3, 0)]


def test_rows_of_data_are_taken_in_turn_by_the_guests_of_their_scenario():
    plan = Plan(file_of(1, 1, rows=3), LoadModel("closed", users=1), 1)
    for scenario in (0, 1):
        guests = (plan.guest(number) for number in range(3000))
        rows = [one.row for one in guests if one.scenario == scenario]
        assert rows == list(range(len(rows)))


def test_the_names_are_short_unique_and_say_the_scenario():
    plan = Plan(file_of(), LoadModel("closed", users=1), 1)
    assert plan.guest(1187).name == "scenario-0-1188"
    assert slug("Überweisung prüfen und mehr") == "uberweisung-pruf"
    assert slug("订单") == "guest"


def test_once_starts_all_at_once_or_at_its_rate():
    at_once = Plan(file_of(), LoadModel("once", users=3), 1)
    assert list(at_once.arrivals()) == [(0.0, 0), (0.0, 1), (0.0, 2)]
    assert at_once.wanted(0) == 3 and at_once.length_s == 0
    slowly = Plan(file_of(), LoadModel("once", users=3, spawn_rate=2), 1)
    assert list(slowly.arrivals()) == [(0.0, 0), (0.5, 1), (1.0, 2)]
    assert slowly.guest(2).start_s == 1.0 and slowly.guest(3).start_s is None


def test_a_closed_model_has_no_arrivals_and_its_guests_no_start():
    plan = Plan(file_of(), LoadModel("closed", users=3), 1)
    assert list(plan.arrivals()) == [] and plan.guest(0).start_s is None
    assert list(islice(Plan(file_of(), LoadModel("closed"), 1, 1, 3).numbers(), 3)) == [1, 4, 7]


@pytest.mark.parametrize("seed", range(5))
def test_random_arrivals_are_those_of_a_poisson_process(seed):
    model = LoadModel("open", spawn_rate=10, run_time_s=1000)
    starts = [start for start, _ in Plan(file_of(), model, seed, spacing="random").arrivals()]
    assert starts == sorted(starts) and all(0 <= start < 1000 for start in starts)
    assert abs(len(starts) - 10_000) < 400  # four standard deviations
    gaps = [after - before for before, after in pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance**0.5 / mean == pytest.approx(1, abs=0.05)  # 0 for even ones


def test_a_plan_needs_scenarios_and_a_worker_that_exists():
    with pytest.raises(ValueError, match="no scenarios"):
        Plan(ScenarioFile("f", "", ()), LoadModel(), 1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Plan(file_of(), LoadModel(), 1, 2, 2)
