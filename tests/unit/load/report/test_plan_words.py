"""What a run is meant to do, in words."""

from __future__ import annotations

import pytest

from guestd.load.report.plan_words import plan_in_words
from guestd.load.scenario.file import Stage
from guestd.load.scenario.load_model import LoadWishes, load_model


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (LoadWishes(users=1), "1 guest with one conversation each"),
        (
            LoadWishes(users=20, spawn_rate=2.0),
            "20 guests with one conversation each, 2 more a second",
        ),
        (
            LoadWishes(users=20, spawn_rate=2.0, run_time_s=300.0),
            "20 guests at a time, 2 more a second, for 5 min",
        ),
        (LoadWishes(arrival_rate=0.5, run_time_s=90.0), "0.5 new guests a second, for 1:30 min"),
        (
            LoadWishes(arrival_rate=1.0, stages=(Stage(60.0, 5.0),)),
            "up to 5 new guests a second, for 1 min",
        ),
        (
            LoadWishes(stages=(Stage(60.0, 50.0), Stage(30.0, 0.0))),
            "up to 50 guests at a time, in stages, for 1:30 min",
        ),
    ],
)
def test_how_many_guests_when_and_for_how_long(wishes, words):
    assert plan_in_words(load_model(wishes)) == words
