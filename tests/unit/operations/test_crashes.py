"""A crash at every point of every kind of operation, and another one in the life after it: nothing
lost, nothing doubled."""

from __future__ import annotations

import asyncio

import pytest

from tests.reading import at_once
from tests.simulation.virtual import VirtualLoop

from .conftest import GUEST_TOKEN, REQUESTS, World, event

MADE = {
    "guest": {"contact": 1, "conversation": 1},
    "messaging": {"conversation": 1},
    "injection": {"injection": 1},
    "prompt": {"prompt": 1},
    "adoption": {},
}
LAST = {
    "guest": "guest.created",
    "messaging": "messaging.ended",
    "injection": "injection.completed",
    "prompt": "prompt.injected",
    "adoption": "adoption.read",
}
DAY_S = 86_400.0


def story(kind: str, cuts: tuple[int, ...], pause_s: float = 1.0):
    """Lives that end at `cuts`, then one that does not. (the world, the view at the end, the points
    of the last life)"""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        world = World(loop)
        world.twin.screen_full = 1
        world.twin.pages = [
            [event("viewed"), event("viewed")],
            [event("clicked")],
            [event("dismissed")],
        ]
        return world, *world.run(_lives(world, kind, cuts, pause_s))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


async def _lives(world, kind, cuts, pause_s):
    for cut in (*cuts, None):
        life = world.life(cut, heartbeats_per_duration=3)
        await life.service.recover()
        view = await life.run(life.do(kind))
        if view is not None:
            await life.service.stop()
            break
        await asyncio.sleep(pause_s)
        if pause_s >= DAY_S:
            world.twin.keys.clear()
    return view, life.cutter.passed


@pytest.mark.parametrize("kind", sorted(REQUESTS))
def test_http_2_a_crash_at_any_point_loses_and_doubles_nothing(kind):
    points = len(story(kind, ())[2])
    for first in range(points):
        world, view, passed = story(kind, (first,))
        holds(world, kind, view, first)
        for second in range(first % 3, len(passed), 3):
            world, view, _ = story(kind, (first, second))
            holds(world, kind, view, first, second)


def holds(world, kind, view, *cuts):
    assert view.status == "succeeded", (cuts, view)
    assert world.made() == MADE[kind], cuts
    over = [
        one for one in world.facts() if one["action"] == LAST[kind] and one["status"] == "success"
    ]
    assert len(over) == 1, cuts
    if kind == "adoption":
        assert view.result["total"] == {
            "viewed": 2,
            "clicked": 1,
            "dismissed": 1,
            "click_rate": 0.5,
            "dismiss_rate": 0.5,
        }
    if kind == "messaging":
        check_session(world.twin.made["conversation"][0], cuts)


def check_session(conversation, cuts):
    sequences = [sequence for _, sequence in conversation["beats"]]
    assert sequences == sorted(set(sequences)), f"a heartbeat's number was used twice after {cuts}"
    assert conversation["status"] == "disconnected" and conversation["goodbyes"] == 1, cuts


@pytest.mark.parametrize("kind", sorted(REQUESTS))
def test_http_2_when_the_platform_has_forgotten_the_keys_nothing_is_doubled(kind):
    """The second life comes after more than a day: look, or say that it cannot be known."""
    points = len(story(kind, ())[2])
    endings = set()
    for first in range(points):
        world, view, _ = story(kind, (first,), pause_s=DAY_S + 60)
        endings.add(view.status)
        for made, count in world.made().items():
            assert count == 1, (made, first)
        if view.status == "succeeded":
            assert world.made() == MADE[kind], first
        else:
            assert view.status == "uncertain" or view.problem["code"] == "expired", (first, view)
    assert "succeeded" in endings
    assert ("uncertain" in endings) is (kind in ("guest", "injection", "prompt"))


@pytest.mark.parametrize("kind", ["guest", "messaging"])
def test_audit_2_the_token_is_gone_from_the_journal_when_it_is_over(kind):
    world, _, _ = story(kind, ())
    kept = at_once(world.journal.operation("op-1"))
    assert kept.over and GUEST_TOKEN.encode() not in kept.state
    assert GUEST_TOKEN not in str(world.facts())
