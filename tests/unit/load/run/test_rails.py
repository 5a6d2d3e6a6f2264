"""What keeps a load run from harming a real organisation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from guestd.load.run.rails import (
    ANSWERS_MIN,
    connects_per_s,
    must_stop,
    parse_window,
    refusals,
)
from guestd.load.scenario.file import LoadModel, Rails, Stage

MONDAY_NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ALLOWED = Rails(deployments=("d-1",))


@pytest.mark.parametrize(
    ("window", "now", "is_open"),
    [
        ("12:00-13:00", MONDAY_NOON, True),
        ("11:00-12:00", MONDAY_NOON, False),
        ("Mon-Fri 08:00-18:00", MONDAY_NOON, True),
        ("Tue-Sun 08:00-18:00", MONDAY_NOON, False),
        ("Sat-Mon 08:00-18:00", MONDAY_NOON, True),
        ("Wed,Mon 08:00-18:00", MONDAY_NOON, True),
        ("Tue,Thu-Sun 08:00-18:00", MONDAY_NOON, False),
        ("mon 22:00-04:00", MONDAY_NOON.replace(hour=23), True),
        ("Mon 22:00-04:00", datetime(2026, 12, 1, 3, 59, tzinfo=UTC), True),
        ("Mon 22:00-04:00", datetime(2026, 12, 1, 4, 0, tzinfo=UTC), False),
        ("Tue 22:00-04:00", datetime(2026, 12, 1, 3, 0, tzinfo=UTC), False),
        ("20:00-24:00", MONDAY_NOON.replace(hour=23, minute=59), True),
    ],
)
def test_a_window_is_in_utc_and_may_go_over_midnight(window, now, is_open):
    elsewhere = now.astimezone(timezone(timedelta(hours=-7)))
    assert [parse_window(window).has(one) for one in (now, elsewhere)] == [is_open, is_open]


@pytest.mark.parametrize("text", ["", "noon", "Mon 8-18", "Foo 08:00-18:00", "Mon-Fri 25:00-26:00"])
def test_a_window_that_is_none_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"must be"):
        parse_window(text)


def test_a_deployment_that_is_not_listed_is_refused_but_at_an_emulator():
    model = LoadModel()
    assert refusals(ALLOWED, "d-1", model, MONDAY_NOON, is_emulator=False) == []
    [reason] = refusals(ALLOWED, "d-2", model, MONDAY_NOON, is_emulator=False)
    assert "d-2" in reason and "--allow-deployment" in reason
    assert refusals(Rails(), "d-2", model, MONDAY_NOON, is_emulator=True) == []


def test_the_window_and_the_ceiling_of_connects_are_held_to():
    rails = Rails(deployments=("d-1",), window=("22:00-04:00",), connects_per_s_max=5)
    model = LoadModel(kind="closed", users=100, spawn_rate=10.0)
    found = refusals(rails, "d-1", model, MONDAY_NOON, is_emulator=False)
    assert ["window" in found[0], "10 new sessions a second" in found[1]] == [True, True]


@pytest.mark.parametrize(
    ("model", "fastest"),
    [
        (LoadModel(kind="closed", users=9, spawn_rate=3.0), 3.0),
        (LoadModel(kind="closed", stages=(Stage(10.0, 50), Stage(10.0, 150), Stage(5, 0))), 10.0),
        (LoadModel(kind="open", stages=(Stage(10.0, 4.0), Stage(10.0, 2.0))), 4.0),
    ],
)
def test_how_fast_a_model_opens_sessions(model, fastest):
    assert connects_per_s(model) == fastest


def test_a_run_stops_by_its_share_of_429_its_file_and_the_end_of_its_window():
    rails = Rails(throttled_share_max=0.1, stop_file="stop")
    few, many = (5, ANSWERS_MIN - 1), (ANSWERS_MIN, ANSWERS_MIN * 2)
    found = [must_stop(rails, MONDAY_NOON, *one, False) for one in (few, many)]
    assert (found[0], "100 answers were 429" in found[1]) == ("", True)
    assert "stop file stop" in must_stop(rails, MONDAY_NOON, 0, 0, True)
    closed = Rails(window=("22:00-04:00",))
    assert "window" in must_stop(closed, MONDAY_NOON, 0, 0, False)
