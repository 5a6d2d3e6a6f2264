"""Many messaging sessions and a budget of requests that is too small for them (SESS-5), in virtual
time."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from statistics import median

import pytest

from guestd.model.errors import BudgetSpent, RateLimited
from tests.reading import at_once

from .conftest import REQUESTS, fault

LONG = {**REQUESTS["messaging"], "durationS": 2700}


def intervals_s(world, since):
    """Between the heartbeats of each conversation, from then on."""
    found = []
    for one in world.twin.made["conversation"]:
        times = [at for at, _ in one["beats"] if at >= since]
        found += [late - early for early, late in pairwise(times)]
    return found


async def injections(world, life, count, every_s):
    """How long each had to wait for its end."""
    waited_s = []
    for n in range(count):
        asked_at = world.loop.time()
        await life.service.start("injection", f"i{n}", REQUESTS["injection"], wait_s=600.0)
        waited_s.append(world.loop.time() - asked_at)
        await asyncio.sleep(every_s)
    return waited_s


def test_sess_5_500_sessions_at_the_defaults_are_stretched_alike(world):
    """300 requests a minute, and 1,000 heartbeats that want to be made."""
    world.per_minute = 300

    async def story():
        life = world.life()
        await asyncio.gather(*(life.service.start("messaging", f"m{n}", LONG) for n in range(500)))
        waited_s = await injections(world, life, 110, 5.0)
        await life.service.stop()
        return life.metrics, waited_s

    metrics, waited_s = world.run(story())
    found = intervals_s(world, world.loop.time() - 330.0)
    reported = (
        metrics.rest_sessions,
        metrics.rest_heartbeats.get("failed", 0),
        len(found) > 500,
        max(found) < 1.2 * min(found),
        110 < min(found) < max(found) < 140,
        median(waited_s) < 1.0,
    )
    assert reported == (500, 0, True, True, True, True)


def test_sess_5_a_budget_that_is_too_small_stretches_all_heartbeats_alike(world):
    """60 requests a minute, and 100 sessions that want 200 heartbeats: none fails, each comes every
    120 to 134 s, and commands are answered at once."""
    world.per_minute = 60

    async def story():
        life = world.life()
        await asyncio.gather(*(life.service.start("messaging", f"m{n}", LONG) for n in range(100)))
        waited_s = await injections(world, life, 60, 10.0)
        await life.service.stop()
        return life.metrics, waited_s

    metrics, waited_s = world.run(story())
    found = intervals_s(world, world.loop.time() - 330.0)
    facts = (
        metrics.rest_sessions,
        metrics.rest_heartbeats.get("failed", 0),
        max(found) < 1.2 * min(found),
    )
    assert (facts, 115 < median(found) < 138, median(waited_s) < 1.0) == (
        (100, 0, True),
        True,
        True,
    )


def test_sess_5_an_injection_does_not_wait_for_all_the_openings(world):
    world.per_minute = 300

    async def story():
        life = world.life()
        await asyncio.gather(*(life.service.start("messaging", f"m{n}", LONG) for n in range(500)))
        waited_s = await injections(world, life, 10, 5.0)
        await life.service.stop()
        return waited_s

    assert max(world.run(story())) < 3.0


def test_sess_5_different_intervals_are_stretched_by_the_same_factor(world):
    world.per_minute = 40

    async def story():
        life = world.life()
        for n, duration_s in enumerate(
            (200, 200, 100, 100)
        ):  # every 20 s and every 10 s: 18 a minute
            await life.service.start(
                "messaging", f"m{n}", {**LONG, "durationS": duration_s}, wait_s=5.0
            )
        world.per_minute = 12
        await asyncio.sleep(99.0)
        await life.service.stop()

    world.run(story())
    gaps = [
        [b - a for (a, _), (b, _) in pairwise(one["beats"])]
        for one in world.twin.made["conversation"]
    ]
    slow, fast = max(gaps[0] + gaps[1]), max(gaps[2] + gaps[3])
    assert (36 <= slow <= 40.2, 18 <= fast <= 20.2) == (True, True)


def test_sess_5_who_rests_rests_on_when_more_sessions_are_opened(world):
    world.per_minute = 4

    async def story():
        life = world.life()
        await life.service.start("messaging", "first", LONG, wait_s=5.0)
        while not world.twin.made["conversation"][0]["beats"]:
            await asyncio.sleep(0.1)
        for n in range(5):  # from 2 heartbeats a minute to 12, and there is room for 3
            await life.service.start("messaging", f"m{n}", LONG)
        await asyncio.sleep(200.0)
        await life.service.stop()

    world.run(story())
    first, second, *_ = (at for at, _ in world.twin.made["conversation"][0]["beats"])
    assert 0.9 * 120.0 <= second - first < 150.0


def test_sess_5_the_budget_is_enough_again_when_sessions_have_ended(world):
    world.per_minute = 4

    async def story():
        life = world.life()
        for n in range(6):
            await life.service.start("messaging", f"m{n}", LONG)
        await asyncio.sleep(400.0)
        for n in range(5):
            await life.service.end(f"m{n}")
        await asyncio.sleep(300.0)
        since = world.loop.time()
        await asyncio.sleep(300.0)
        await life.service.stop()
        return since

    since = world.run(story())
    assert all(27.0 <= gap <= 30.2 for gap in intervals_s(world, since))


@pytest.mark.parametrize(
    "error",
    [BudgetSpent("no turn"), RateLimited("the platform answered 429", status=429)],
    ids=["ours", "429"],
)
def test_sess_5_what_had_no_turn_is_delayed_and_not_failed(world, error):
    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", LONG, wait_s=5.0)
        world.twin._error = lambda wrong: error
        world.twin.faults["conversation.patch"] = [fault(503, times=10)]
        await asyncio.sleep(600.0)
        await life.service.stop()
        return life

    life = world.run(story())
    counts = life.metrics.rest_heartbeats
    assert (counts["delayed"], counts.get("failed"), at_once(life.service.view("op-1")).status) == (
        10,
        None,
        "running",
    )


def test_sess_5_a_heartbeat_that_was_not_sent_has_not_used_its_number(world):
    error = BudgetSpent("no turn")

    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", LONG, wait_s=5.0)
        world.twin._error = lambda wrong: error
        world.twin.faults["conversation.patch"] = [fault(503, times=3)]
        await asyncio.sleep(300.0)
        await life.service.stop()

    world.run(story())
    (conversation,) = world.twin.made["conversation"]
    assert [number for _, number in conversation["beats"]] == list(
        range(1, len(conversation["beats"]) + 1)
    )


def test_http_1_an_operation_that_had_no_turn_has_lost_no_try(world):
    """Ten times without a turn, and four tries are allowed."""
    error = BudgetSpent("no turn")
    error.retry_after_s = 5.0
    world.twin._error = lambda wrong: error
    world.twin.faults["interaction.inject"] = [fault(503, times=10)]

    async def story():
        life = world.life()
        view = await life.do("injection")
        await life.service.stop()
        return view.status

    assert (world.run(story()), world.made()["injection"]) == ("succeeded", 1)


def test_sess_5_after_a_restart_the_intervals_are_stretched_from_the_start(world):
    world.per_minute = 8

    async def story():
        first = world.life()
        for n in range(6):
            await first.service.start("messaging", f"m{n}", LONG)
        await asyncio.sleep(400.0)
        await first.service.stop()
        second = world.life()
        await second.service.recover()
        began = world.loop.time()
        await asyncio.sleep(600.0)
        await second.service.stop()
        return began

    began = world.run(story())
    found = intervals_s(world, began)
    assert (len(found) > 20, 53.9 <= min(found) <= max(found) <= 61.0) == (True, True), found
