"""Which signals ask for an orderly stop, and which for one at once."""

from __future__ import annotations

import asyncio
import signal
from itertools import combinations

import pytest

from guestd.app.exit_codes import INTERRUPTED
from guestd.app.signals import SAME_REQUEST_S, SignalListener

HUP, TERM, INT = signal.SIGHUP, signal.SIGTERM, signal.SIGINT


async def told(numbers, apart_s=SAME_REQUEST_S):
    """Whether the loop hears of a stop, and of one at once; and with which exit code a stop that
    takes too long would end."""
    now = 0.0
    listener = SignalListener(lambda: now)
    ends = []
    listener.end_within = lambda seconds, code: ends.append(code())
    stop, hurry = listener.attach(asyncio.get_running_loop())
    for number in numbers:
        listener._take(number)
        now += apart_s
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


@pytest.mark.parametrize("numbers", [(TERM, TERM), (INT, INT), (TERM, INT), (TERM, HUP, TERM)])
async def test_one_that_follows_at_once_is_the_same_request(numbers):
    """`timeout` and process managers signal the process and then its group, which is the process
    once more."""
    assert await told(numbers, apart_s=0.4) == (True, False, [70])


async def test_the_second_is_counted_from_the_first():
    assert await told((TERM, TERM, TERM, TERM), apart_s=0.4) == (True, True, [70, INTERRUPTED])


async def test_a_third_changes_nothing():
    assert await told((TERM, HUP, INT, TERM)) == (True, True, [70, INTERRUPTED])


async def test_what_came_before_the_loop_counts():
    listener = SignalListener()
    listener.end_within = lambda seconds, code: None
    listener._take(HUP)
    stop, hurry = listener.attach(asyncio.get_running_loop())
    await asyncio.sleep(0)
    assert stop.is_set() and not hurry.is_set()
