"""`guestd test`: each scenario of some files once, as a test that passes or fails."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from ...load.measure.threshold_expressions import ThresholdError
from ...load.report.texts import some, value
from ...load.report.transcript import failure_text
from ...load.results import (
    CaseResult,
    MessageCounts,
    SessionCounts,
    Summary,
    ThresholdResult,
)
from ...load.scenario.file import LoadModel, Rails, ScenarioFile
from ...observe.log import log_loop_error
from ...observe.terminal_text import one_line
from .. import exit_codes
from ..config import Config
from ..load_config import load_config
from ..signals import SignalListener
from .cases_not_run import NOT_RUN, all_cases
from .emulator_process import emulator_process
from .live_display import LiveDisplay
from .options import RunOptions
from .outputs import OutputFiles
from .permission import Permission
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
    """One file after the other, against one platform. Its exit code."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    stop, hurry = signals.attach(loop)
    summaries: list[Summary] = []
    async with AsyncExitStack() as stops:
        has_platform = await _find_platform(asked, stops)
        for file in asked.files:
            options = file_options(asked, file)
            session = LoadSession(
                file if has_platform else replace(file, rails=Rails()),
                options,
                config_flags=asked.platform.flags(file, has_platform),
                display=LiveDisplay(quiet=True),
                permission=Permission(asked.allowed_deployments),
            )
            try:
                summaries.append(await session.run(stop, hurry))
            except ThresholdError as bad:
                return exit_codes.tell(bad, exit_codes.USAGE)
            summaries[-1].cases = all_cases(file, options, summaries[-1].cases)
            if not asked.as_json:
                _tell(file, summaries[-1], asked)
            if stop.is_set() or summaries[-1].exit_code == STOPPED_BY_RAILS:
                break
    whole = together(summaries)
    for file in asked.files[len(summaries) :]:
        left = all_cases(file, file_options(asked, file), ())
        whole.cases += left
        if not asked.as_json:
            _tell_cases(file, left, asked)
    outputs.write(whole)
    print(_as_json(whole) if asked.as_json else _counts(whole))
    return STOPPED_BY_SIGNAL if stop.is_set() else whole.exit_code


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
            _note(f"{named}; give the region with -r to run against the platform")
    if given.deployment_id:
        _note("-id is not used without a region: an emulator has a deployment of its own")
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
    print(f"guestd: answered by {one_line(who)}", file=sys.stderr)


def _note(text: str) -> None:
    print(f"guestd: note: {one_line(text)}", file=sys.stderr)


def file_options(asked: FunctionalRun, file: ScenarioFile) -> RunOptions:
    """Of the run of one file: each of its scenarios once."""
    model = LoadModel(kind="once", users=len(file.scenarios), graceful_stop_s=0.0)
    return msgspec.structs.replace(
        asked.options,
        file=file.path,
        model=model,
        kind="test",
        at_once=asked.at_once,
        command=shlex.join(["guestd", "test", file.path, *asked.again]),
    )


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


# ---------------------------------------------------------------------- what is said


def _tell(file: ScenarioFile, summary: Summary, asked: FunctionalRun) -> None:
    _tell_cases(file, summary.cases, asked)
    for threshold in summary.thresholds:
        _tell_threshold(file, threshold, asked)
    if summary.exit_code == STOPPED_BY_RAILS:
        _note(f"{file.path}: stopped by its {summary.stopped_by}")


def _tell_cases(file: ScenarioFile, cases: Sequence[CaseResult], asked: FunctionalRun) -> None:
    words = {"passed": "PASS", "failed": "FAIL", NOT_RUN: "SKIP"}
    for case in cases:
        if asked.failures_only and case.outcome == "passed":
            continue
        told = case.conversation
        took = NOT_RUN if case.outcome == NOT_RUN else f"{case.took_s:.1f} s"
        known = (told.conversation_id if told is not None else "") or "conversation id not known"
        beside = f"  {known}" if asked.tell_ids else ""
        word = words.get(case.outcome, "STOP")
        print(one_line(f"{word}  {case.scenario}  ({took})  {file.path}{beside}"))
        if case.outcome != "passed" and told is not None:
            place = f"{case.file}:{case.line}" if case.line else ""
            print(_indented(failure_text(told, place)))


def _tell_threshold(file: ScenarioFile, one: ThresholdResult, asked: FunctionalRun) -> None:
    if one.ignored:
        _note(f"{file.path}: the threshold {one.expression} is ignored: {one.note}")
    elif not one.ok or not asked.failures_only:
        found = value(one.value, one.unit) if one.value is not None else one.note
        told = f"{one.expression}  ({found})  {file.path}"
        print(one_line(f"threshold {'met' if one.ok else 'failed'}: {told}"))


def _indented(text: str) -> str:
    return "\n".join(f"      {line}".rstrip() for line in text.splitlines())


def _counts(summary: Summary) -> str:
    by = Counter(case.outcome for case in summary.cases)
    stopped = "".join(f", {by[one]} {one}" for one in ("stopped", NOT_RUN) if by[one])
    failed = sum(not one.ok for one in summary.thresholds)
    thresholds = f"; {some(failed, 'threshold')} failed" if failed else ""
    return f"{by['passed']} passed, {by['failed']} failed{stopped}{thresholds}"


def _as_json(summary: Summary) -> str:
    told = {
        "cases": summary.cases,
        "thresholds": summary.thresholds,
        "passed": summary.exit_code == 0,
    }
    return msgspec.json.encode(told).decode()
