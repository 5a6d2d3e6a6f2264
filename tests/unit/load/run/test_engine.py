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


async def test_what_fails_once_a_second_ends_the_run_and_is_said():
    scenario = Scenario("nothing", (), Place("a.yml", 1))
    file = ScenarioFile(path="a.yml", sha256="", scenarios=(scenario,))
    model = LoadModel(kind="closed", stages=(Stage(3600.0, 0.0),))
    loop = asyncio.get_running_loop()
    engine = LoadEngine(
        fleet=None,
        plan=Plan(file, model, 1),
        scenarios=file.scenarios,
        run_id="r",
        recorder=Recorder("0"),
        helpers=Broken(),
        clock=LoopClock(loop),
        loop=loop,
    )
    async with asyncio.timeout(30.0):
        with pytest.raises(ValueError, match="it must be said"):
            await engine.run()
