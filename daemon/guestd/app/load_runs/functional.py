"""`guestd test`: each scenario of some files once, as a test that passes or fails."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from ...load.measure.threshold_expressions import ThresholdError
from ...load.results import MessageCounts, SessionCounts, Summary
from ...load.scenario.file import LoadModel, Rails, ScenarioFile
from ...model.errors import GuestdError
from ...observe.log import log_loop_error
from ...observe.terminal_text import one_line
from .. import exit_codes
from ..config import Config
from ..load_config import load_config
from ..signals import SignalListener
from .cases_not_run import all_cases
from .emulator_process import emulator_process
from .functional_told import ToldFile, counts, results_json, tell_note
from .live_display import LiveDisplay
from .options import RunOptions
from .outputs import OutputFiles
from .permission import Permission
from .running import told_code
from .said import note, say
from .session import FAILED, STOPPED_BY_RAILS, STOPPED_BY_SIGNAL, LoadSession

Counts = TypeVar("Counts", SessionCounts, MessageCounts)


class GivenPlatform(msgspec.Struct, kw_only=True):
    """The platform as the command line names it. A region means the real one; a file's own is only
    where its deployment and origin come from, so that no file by itself sends guests there."""

    region: str = ""
    deployment_id: str = ""
    origin: str = ""

    def flags(self, file: ScenarioFile, has_platform: bool) -> dict[str, str]:
        """Over the configuration. `has_platform`: that names one already."""
        named = {"region": self.region, "origin": self.origin}
        if self.region:
            named["origin"] = self.origin or file.target.origin
            named["deployment_id"] = self.deployment_id or file.target.deployment_id
        elif has_platform:
            named["deployment_id"] = self.deployment_id
        return {f"platform.{name}": value for name, value in named.items() if value}


class FunctionalRun(msgspec.Struct, kw_only=True):
    """`at_once`: how many scenarios of a file are under way at a time. `tell_ids`: say the id of
    each conversation. `again`: the options that repeat the run. `allowed_deployments`: beside those
    of a file's rails."""

    files: list[ScenarioFile]
    options: RunOptions
    at_once: int
    failures_only: bool = False
    as_json: bool = False
    emulator_options: list[str] = []
    platform: GivenPlatform = msgspec.field(default_factory=GivenPlatform)
    tell_ids: bool = False
    again: list[str] = []
    allowed_deployments: tuple[str, ...] = ()


async def run_tests(asked: FunctionalRun, outputs: OutputFiles, signals: SignalListener) -> int:
    """One file after the other, against one platform. Its exit code. Raises ConfigError,
    PlatformError if not even the first file could be run."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    stop, hurry = signals.attach(loop)
    summaries: list[Summary] = []
    broken: GuestdError | None = None
    async with AsyncExitStack() as stops:
        has_platform = await _find_platform(asked, stops)
        for file in asked.files:
            try:
                summaries.append(await _run_file(asked, file, has_platform, stop, hurry))
            except ThresholdError as bad:
                return exit_codes.tell(bad, exit_codes.USAGE)
            except GuestdError as bad:
                if not summaries:
                    raise
                broken = bad
                break
            if stop.is_set() or summaries[-1].exit_code == STOPPED_BY_RAILS:
                break
    whole = together(summaries)
    whole.environment.command = command_of(asked, *asked.files)
    for file in asked.files[len(summaries) :]:
        left = all_cases(file, file_options(asked, file), ())
        whole.cases += left
        told_file(asked, file).rest(left)
    written = outputs.write(whole)
    say(results_json(whole) if asked.as_json else counts(whole))
    code = STOPPED_BY_SIGNAL if stop.is_set() else whole.exit_code
    if broken is not None:
        code = exit_codes.failed(broken, note)
    return told_code(code, written)


async def _run_file(
    asked: FunctionalRun,
    file: ScenarioFile,
    has_platform: bool,
    stop: asyncio.Event,
    hurry: asyncio.Event,
) -> Summary:
    options, told = file_options(asked, file), told_file(asked, file)
    session = LoadSession(
        file if has_platform else replace(file, rails=Rails()),
        options,
        config_flags=asked.platform.flags(file, has_platform),
        display=LiveDisplay(quiet=True),
        permission=Permission(asked.allowed_deployments),
        case_over=told.over,
    )
    summary = await session.run(stop, hurry)
    summary.cases = all_cases(file, options, summary.cases)
    told.rest(summary.cases)
    told.judged(summary)
    return summary


def told_file(asked: FunctionalRun, file: ScenarioFile) -> ToldFile:
    return ToldFile(
        file=file,
        failures_only=asked.failures_only,
        tell_ids=asked.tell_ids,
        is_silent=asked.as_json,
        first=asked.options.only or 0,
    )


async def _find_platform(asked: FunctionalRun, stops: AsyncExitStack) -> bool:
    """Whether the configuration names the real one. Without any an emulator is started, one for
    all files."""
    options, given = asked.options, asked.platform
    config = load_config(Path(options.config) if options.config else None, os.environ)
    is_named = config.platform.is_given and not config.platform.emulator and not options.emulator
    if not asked.as_json:
        _say_who_answers(asked, config)
    if given.region or is_named:
        return True
    for file in asked.files:
        if file.target.region:
            named = f"{file.path} names {file.target.region}, and runs against an emulator"
            tell_note(f"{named}; give the region with -r to run against the platform")
    if given.deployment_id:
        tell_note("-id is not used without a region: an emulator has a deployment of its own")
    if not options.emulator and not config.platform.emulator:
        options.emulator = await stops.enter_async_context(emulator_process(asked.emulator_options))
        options.state_directory = ""  # that emulator ends with this process
    return False


def _say_who_answers(asked: FunctionalRun, config: Config) -> None:
    region = asked.platform.region or config.platform.region
    emulator = asked.options.emulator or config.platform.emulator
    agent = " ".join(asked.emulator_options).removeprefix("--agent ")
    if emulator and not asked.platform.region:
        who = f"the emulator at {emulator}"
    elif region or config.platform.is_given:
        who = f"the platform, {region or config.platform.guest_socket_url}"
    else:
        who = f"an emulator of its own, agent {agent}; others with --agent NAME"
    note(f"guestd: answered by {one_line(who)}")


def file_options(asked: FunctionalRun, file: ScenarioFile) -> RunOptions:
    """Of the run of one file: each of its scenarios once, or once for each row of its data."""
    cases = sum(one.cases for one in file.scenarios)
    model = LoadModel(kind="once", users=cases, graceful_stop_s=0.0, each_row=True)
    return msgspec.structs.replace(
        asked.options,
        file=file.path,
        model=model,
        kind="test",
        at_once=asked.at_once,
        command=command_of(asked, file),
    )


def command_of(asked: FunctionalRun, *files: ScenarioFile) -> str:
    """What repeats the run of these files."""
    return shlex.join(["guestd", "test", *(one.path for one in files), *asked.again])


def together(summaries: Sequence[Summary]) -> Summary:
    """One summary of the runs of all files."""
    whole = msgspec.structs.replace(
        summaries[0],
        name="guestd test",
        kind="test",
        ended_at=max(one.ended_at for one in summaries),
        sessions=_added([one.sessions for one in summaries]),
        messages=_added([one.messages for one in summaries]),
        stopped_by=next((one.stopped_by for one in summaries if one.stopped_by), ""),
        thresholds=[each for one in summaries for each in one.thresholds],
        steps=[step for one in summaries for step in one.steps],
        cases=[case for one in summaries for case in one.cases],
        conversations=[told for one in summaries for told in one.conversations],
    )
    codes = [one.exit_code for one in summaries]
    passed = all(one.outcome == "passed" for one in whole.cases)
    failed = not passed or any(not one.ok for one in whole.thresholds)
    whole.exit_code = STOPPED_BY_RAILS if STOPPED_BY_RAILS in codes else FAILED * failed
    return whole


def _added(counts: Sequence[Counts]) -> Counts:
    """`most_at_once` of files that ran one after the other is too much, and not told of tests."""
    total = Counter[str]()
    for one in counts:
        total.update(msgspec.structs.asdict(one))
    return type(counts[0])(**total)
