"""HTTP-1: one line for all callers, on a loop of virtual time."""

from __future__ import annotations

import asyncio

import pytest

from guestd.model.errors import BudgetSpent
from guestd.model.ports import Urgency
from guestd.platform.pace import Budget, Pace
from tests.simulation.virtual import VirtualLoop

COMMAND = Urgency()


@pytest.fixture
def loop():
    found = VirtualLoop()
    asyncio.set_event_loop(found)
    yield found
    found.close()
    asyncio.set_event_loop(None)


def budget(loop, *limits):
    return Budget(limits, Pace(loop.time))


def test_http_1_turns_come_in_the_order_of_asking_and_as_soon_as_may_be(loop):
    async def story():
        line, began, order = budget(loop, 2), loop.time(), []

        async def caller(name):
            await line.spend(began + 1000.0, COMMAND)
            order.append((name, round(loop.time() - began)))

        await asyncio.gather(*(caller(name) for name in "abcde"))
        return order

    assert loop.run_until_complete(story()) == [
        ("a", 0),
        ("b", 0),
        ("c", 60),
        ("d", 60),
        ("e", 120),
    ]


def test_http_1_who_cannot_have_a_turn_in_time_is_told_at_once_and_takes_none(loop):
    async def story():
        line, began = budget(loop, 1), loop.time()
        await line.spend(began, COMMAND)
        with pytest.raises(BudgetSpent) as caught:
            await line.spend(began + 59.0, COMMAND)
        at_once = loop.time() - began
        await line.spend(began + 61.0, COMMAND)
        return at_once, caught.value.retry_after_s, round(loop.time() - began)

    assert loop.run_until_complete(story()) == (0.0, 60.0, 60)


def test_http_1_who_was_overtaken_is_told_at_its_last_moment(loop):
    async def story():
        line, began = budget(loop, 1), loop.time()
        await line.spend(began, COMMAND)
        beat = asyncio.ensure_future(line.spend(began + 61.0, Urgency("heartbeat", 100.0)))
        await asyncio.sleep(59.0)
        command = asyncio.ensure_future(line.spend(began + 70.0, COMMAND))
        await asyncio.wait({beat, command}, return_when=asyncio.ALL_COMPLETED)
        return command.exception(), type(beat.exception()), round(loop.time() - began)

    assert loop.run_until_complete(story()) == (None, BudgetSpent, 61)


def test_http_1_who_is_cancelled_takes_no_turn(loop):
    async def story():
        line, began = budget(loop, 1), loop.time()
        await line.spend(began, COMMAND)
        gone = asyncio.ensure_future(line.spend(began + 100.0, COMMAND))
        await asyncio.sleep(1.0)
        gone.cancel()
        await line.spend(began + 100.0, COMMAND)
        return round(loop.time() - began)

    assert loop.run_until_complete(story()) == 60
