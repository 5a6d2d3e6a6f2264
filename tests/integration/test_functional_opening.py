"""A functional run whose sessions cannot be opened, as the platform is gone or refuses them."""

from __future__ import annotations

import asyncio

from guestd.app.load_runs.functional import FunctionalRun, file_options
from guestd.app.load_runs.live_display import LiveDisplay
from guestd.app.load_runs.options import RunOptions
from guestd.app.load_runs.run_config import pacing_s, run_config
from guestd.app.load_runs.session import FAILED, LoadSession
from guestd.load.scenario.file import LoadModel
from guestd.load.scenario.reader import read_file

from .emulator_client import emulating

TWO = """
scenarios:
  First:
    - say: hello
    - waitForReplyContaining: hello
  Second:
    - say: hello
"""


def options_of(tmp_path, url, **more):
    path = tmp_path / "two.yml"
    path.write_text(TWO)
    file = read_file(path)
    options = RunOptions(
        file="", model=LoadModel(), seed=1, run_id="r", emulator=url, open_within_s=1.0
    )
    return file, file_options(FunctionalRun(files=[file], options=options, **more), file)


async def test_a_session_that_is_not_open_in_time_fails_its_scenario_and_the_next_has_its_turn(
    tmp_path,
):
    refusing = ({"kind": "refuse_upgrade", "every": 1, "status": 503},)
    async with emulating(faults=refusing) as emulator:
        file, options = options_of(tmp_path, emulator.url, at_once=1)
        told = []
        session = LoadSession(
            file,
            options,
            display=LiveDisplay(quiet=True),
            case_over=lambda number, case: told.append((number, case.outcome)),
        )
        async with asyncio.timeout(120.0):
            summary = await session.run(asyncio.Event(), asyncio.Event())
    assert summary.exit_code == FAILED and told == [(0, "failed"), (1, "failed")]
    for one in summary.cases:
        assert one.conversation.what.endswith("the platform was not reached in time")
        assert one.conversation.expected == "a session with the platform within 1 s"


def test_others_that_connect_are_waited_for_in_the_connects_budget(tmp_path):
    file, options = options_of(tmp_path, "http://localhost:1", at_once=26)
    options.connects_per_minute = 50
    assert pacing_s(options, run_config(options, {}, file)) == 30
    options.at_once = 1
    assert pacing_s(options, run_config(options, {}, file)) == 0
