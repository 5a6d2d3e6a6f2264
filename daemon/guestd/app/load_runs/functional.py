"""`guestd test`: each scenario of some files once, as a test that passes or fails."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from ...load.report.transcript import conversation_text
from ...load.results import CaseResult, Summary
from ...load.scenario.file import LoadModel, ScenarioFile
from ...observe.log import log_loop_error
from ..load_config import load_config
from ..signals import SignalListener
from .emulator_process import emulator_process
from .live_display import LiveDisplay
from .options import RunOptions
from .outputs import OutputFiles
from .session import STOPPED_BY_SIGNAL, LoadSession
from .state_directory import state_directory

FAILED = 1


class FunctionalRun(msgspec.Struct, kw_only=True):
    """`at_once`: how many scenarios of a file are under way at a time."""

    files: list[ScenarioFile]
    options: RunOptions
    at_once: int
    failures_only: bool = False
    as_json: bool = False
    emulator_options: list[str] = []


async def run_tests(asked: FunctionalRun, outputs: OutputFiles, signals: SignalListener) -> int:
    """One file after the other, against one platform. Its exit code."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    stop, hurry = signals.attach(loop)
    summaries: list[Summary] = []
    async with AsyncExitStack() as stops:
        await _find_emulator(asked, stops)
        for file in asked.files:
            session = LoadSession(file, _options(asked, file), display=LiveDisplay(quiet=True))
            summaries.append(await session.run(stop, hurry))
            if not asked.as_json:
                _tell(file, summaries[-1], asked.failures_only)
            if stop.is_set():
                break
    whole = together(summaries)
    outputs.write(whole)
    print(_as_json(whole) if asked.as_json else _counts(whole))
    return STOPPED_BY_SIGNAL if stop.is_set() else whole.exit_code


async def _find_emulator(asked: FunctionalRun, stops: AsyncExitStack) -> None:
    """One for all files, where no platform is configured."""
    options = asked.options
    config = load_config(Path(options.config) if options.config else None, os.environ)
    if not options.emulator and not config.platform.is_given and not config.platform.emulator:
        options.emulator = await stops.enter_async_context(emulator_process(asked.emulator_options))
    else:  # the emulator of our own ends with this process, and needs no reaping
        options.state_directory = str(state_directory(os.environ))


def _options(asked: FunctionalRun, file: ScenarioFile) -> RunOptions:
    model = LoadModel(kind="once", users=len(file.scenarios), graceful_stop_s=0.0)
    return msgspec.structs.replace(
        asked.options, file=file.path, model=model, kind="test", at_once=asked.at_once
    )


def together(summaries: Sequence[Summary]) -> Summary:
    """One summary of the runs of all files."""
    first = summaries[0] if summaries else Summary(kind="test")
    whole = msgspec.structs.replace(
        first,
        name="guestd test",
        kind="test",
        ended_at=max((one.ended_at for one in summaries), default=0),
        cases=[case for one in summaries for case in one.cases],
        conversations=[told for one in summaries for told in one.conversations],
    )
    passed = all(case.outcome == "passed" for case in whole.cases)
    whole.exit_code = 0 if passed else FAILED
    return whole


# ---------------------------------------------------------------------- what is said


def _tell(file: ScenarioFile, summary: Summary, failures_only: bool) -> None:
    for case in summary.cases:
        if failures_only and case.outcome == "passed":
            continue
        word = {"passed": "PASS", "failed": "FAIL"}.get(case.outcome, "STOP")
        print(f"{word}  {case.scenario}  ({case.took_s:.1f} s)  {file.path}")
        if case.outcome != "passed" and case.conversation is not None:
            print(_indented(conversation_text(case.conversation)))


def _indented(text: str) -> str:
    return "\n".join(f"      {line}".rstrip() for line in text.splitlines())


def _counts(summary: Summary) -> str:
    by = Counter(case.outcome for case in summary.cases)
    stopped = f", {by['stopped']} stopped" if by["stopped"] else ""
    return f"{by['passed']} passed, {by['failed']} failed{stopped}"


def _as_json(summary: Summary) -> str:
    return msgspec.json.encode(_plain(summary.cases)).decode()


def _plain(cases: Sequence[CaseResult]) -> dict[str, object]:
    return {"cases": cases, "passed": all(one.outcome == "passed" for one in cases)}
