"""Steps that are repeated: so often, so long, and when each round is meant to begin."""

from __future__ import annotations

import pytest

from guestd.load.scenario.steps import (
    ExpectJoin,
    Repeat,
    SetAttributes,
)
from tests.unit.load.guest.guest_harness import (
    GuestUnderTest,
    expect,
    say,
    step,
)


def test_rounds_are_counted():
    guest = GuestUnderTest(step(Repeat, times=3, steps=(say("a"), say("b"))), expect("x"))
    guest.live()
    assert guest.said() == ["a", "b"] * 3
    for number in range(1, 7):
        guest.confirm(1, f"5-{number}")
    assert sorted(one.step for one in guest.done()) == [0, 1, 1, 1, 2, 2, 2]


def test_rounds_within_rounds():
    inner = step(Repeat, times=2, steps=(say("i"),))
    guest = GuestUnderTest(step(Repeat, times=2, steps=(inner, say("o"))), expect("x"))
    guest.live()
    assert guest.said() == ["i", "i", "o"] * 2
    assert [one.step for one in guest.done()] == [1, 1, 0]


def test_rounds_begin_when_they_are_meant_to_until_the_time_is_over():
    guest = GuestUnderTest(step(Repeat, every_s=10, for_s=30, steps=(say("a"),)))
    guest.live(1)
    times = [1.0]
    while not guest.has_asked_to_end():
        at = guest.wake
        guest.due(at)
        times.append(at)
    assert times == [1, 11, 21] and len(guest.said()) == 3


def test_rounds_without_end_last_until_the_run_is_stopped():
    guest = GuestUnderTest(step(Repeat, every_s=1, steps=(say("a"),)))
    guest.live()
    for second in range(1, 50):
        guest.due(second)
    assert len(guest.said()) == 50
    guest.stop(50)
    assert guest.has_asked_to_end()
    guest.over(51)
    assert guest.outcomes() == ["stopped"]
    assert [one for one in guest.done() if not one.cut_short] == []


@pytest.mark.parametrize("steps", [(), (say("a"),), (step(SetAttributes, values={"a": "b"}),)])
def test_rounds_that_take_no_time_give_the_process_back(steps):
    guest = GuestUnderTest(step(Repeat, steps=steps))
    guest.live()
    assert 0 < guest.wake < 0.1
    assert len(guest.out) < 2000
    guest.due(guest.wake)
    assert guest.guest.state == "live"


def test_steps_that_are_met_at_once_do_not_nest():
    guest = GuestUnderTest(step(Repeat, times=5000, steps=(step(ExpectJoin),)))
    guest.live()
    guest.reply("hi", 1)
    while not guest.has_asked_to_end():
        guest.due(guest.wake)
    assert len(guest.done()) == 5001


def test_a_name_may_have_spaces_and_two_dollars_are_none():
    text = say("${ order number } costs $${order number}")
    guest = GuestUnderTest(text, data=({"order number": "17"},))
    guest.live()
    assert guest.said() == ["17 costs ${order number}"]
