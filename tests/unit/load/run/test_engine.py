"""What becomes of a run in which something of its own fails."""

from __future__ import annotations

import asyncio

import pytest

from guestd.load.measure.recorder import Recorder
from guestd.load.plan.plan import Plan
from guestd.load.run.engine import LoadEngine
from guestd.load.scenario.file import LoadModel, Scenario, ScenarioFile, Stage
from guestd.load.scenario.steps import Place
from guestd.runtime.clock import LoopClock


class Broken:
    def second(self, at_s):
        raise ValueError("it must be said")


def engine_of(helpers, clock, loop=None, recorder=None):
    scenario = Scenario("nothing", (), Place("a.yml", 1))
    file = ScenarioFile(path="a.yml", sha256="", scenarios=(scenario,))
    model = LoadModel(kind="closed", stages=(Stage(3600.0, 0.0),))
    return LoadEngine(
        fleet=None,
        plan=Plan(file, model, 1),
        scenarios=file.scenarios,
        run_id="r",
        recorder=recorder or Recorder("0"),
        helpers=helpers,
        clock=clock,
        loop=loop,
    )


class Told:
    def second(self, at_s):
        pass


class Stopped:
    """A clock that stands."""

    def __init__(self, at_s):
        self.at_s = at_s

    def now(self):
        return self.at_s


@pytest.mark.parametrize(("at_s", "second"), [(0.0, 0), (5.002, 4), (5.4, 4)])
def test_the_guests_at_the_end_of_a_second_are_that_seconds(at_s, second):
    recorder = Recorder("0")
    engine = engine_of(Told(), Stopped(at_s), recorder=recorder)
    engine.start = engine._last_second = 0.0
    engine._second()
    (row,) = recorder.partial().rows
    assert row.start_s == second and list(row.processes) == ["0"]


async def test_what_fails_once_a_second_ends_the_run_and_is_said():
    loop = asyncio.get_running_loop()
    engine = engine_of(Broken(), LoopClock(loop), loop)
    async with asyncio.timeout(30.0):
        with pytest.raises(ValueError, match="it must be said"):
            await engine.run()
