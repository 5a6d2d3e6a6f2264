"""Rows of figures: the last minutes by seconds, the last day by minutes."""

from __future__ import annotations

import asyncio

import pytest

from guestd.api.stats_history import MINUTES_KEPT, SECONDS_KEPT, StatsHistory
from guestd.observe.metrics import Metrics
from guestd.observe.periods import ProcessFigures


@pytest.fixture
def world():
    class World:
        def __init__(self):
            self.metrics, self.at_ms = Metrics(), 1_700_000_000_000
            self.history = StatsHistory(self.metrics, lambda: self.at_ms, ProcessFigures)

        def seconds(self, count, messages=1):
            for _ in range(count):
                self.at_ms += 1000
                self.metrics.messages_in += messages
                self.history.tick()

    return World()


def test_a_quarter_of_an_hour_by_seconds_and_no_more(world):
    world.seconds(SECONDS_KEPT + 10)
    step_s, columns = world.history.window(900)
    assert step_s == 1 and len(columns["at"]) == SECONDS_KEPT
    assert columns["at"][-1] == world.at_ms and set(columns["in"]) == {1.0}
    assert len(world.history.window(60)[1]["at"]) == 60


def test_a_longer_window_is_by_minutes(world):
    world.seconds(180)
    step_s, columns = world.history.window(3600)
    assert step_s == 60 and columns["in"] == [60.0, 60.0, 60.0]


def test_a_day_is_all_that_is_kept(world):
    for _ in range(MINUTES_KEPT + 5):
        world.history._minutes.add({"at": 1.0})
    assert len(world.history.window(86_400)[1]["at"]) == MINUTES_KEPT


async def test_a_watcher_is_given_each_row_and_a_slow_one_the_newest(world):
    watcher = world.history.subscribe()
    world.seconds(1, messages=2)
    assert (await watcher.next())["in"] == 2
    world.seconds(3)
    assert (await watcher.next())["at"] == world.at_ms
    waiting = asyncio.ensure_future(watcher.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    world.history.close()
    assert await waiting is None and not world.history._watchers
