"""Which signals ask for an orderly stop, and which for one at once."""

from __future__ import annotations

import asyncio
import signal
from itertools import combinations

import pytest

from guestd.app.exit_codes import INTERRUPTED
from guestd.app.signals import SignalListener

HUP, TERM, INT = signal.SIGHUP, signal.SIGTERM, signal.SIGINT


async def told(numbers):
    """Whether the loop hears of a stop, and of one at once; and with which exit code a stop that
    takes too long would end."""
    listener = SignalListener()
    ends = []
    listener.end_within = lambda seconds, code: ends.append(code())
    stop, hurry = listener.attach(asyncio.get_running_loop())
    for number in numbers:
        listener._take(number)
    await asyncio.sleep(0)
    return stop.is_set(), hurry.is_set(), ends


@pytest.mark.parametrize("first", [HUP, TERM, INT])
async def test_the_first_asks_for_an_orderly_stop(first):
    assert await told([first]) == (True, False, [70])


@pytest.mark.parametrize(
    "numbers", [(HUP, TERM), (TERM, HUP), (HUP, INT), (HUP, HUP, TERM, HUP), (HUP, HUP)]
)
async def test_a_hangup_is_not_the_first_of_two_and_not_the_second(numbers):
    """The service manager sends both with SendSIGHUP=yes, and a terminal that closes sends
    several."""
    assert await told(numbers) == (True, False, [70])


@pytest.mark.parametrize("numbers", [*combinations((TERM, INT, TERM, INT), 2), (HUP, TERM, INT)])
async def test_a_second_request_to_stop_hurries(numbers):
    assert await told(numbers) == (True, True, [70, INTERRUPTED])


async def test_a_third_changes_nothing():
    assert await told((TERM, HUP, INT, TERM)) == (True, True, [70, INTERRUPTED])


async def test_what_came_before_the_loop_counts():
    listener = SignalListener()
    listener.end_within = lambda seconds, code: None
    listener._take(HUP)
    stop, hurry = listener.attach(asyncio.get_running_loop())
    await asyncio.sleep(0)
    assert stop.is_set() and not hurry.is_set()
