"""A run on this process's loop, with its signals; what is said when it is over."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from ...load.measure.threshold_expressions import ThresholdError
from ...load.report.console_lines import summary_text
from ...load.scenario.file import ScenarioFile, ThresholdRule
from ...model.errors import ConfigError
from ...observe.log import Log, log_loop_error
from .. import exit_codes
from ..signals import SignalListener
from .live_display import LiveDisplay
from .log_tally import LogTally
from .metrics_push import MetricsPush
from .options import RunOptions
from .outputs import REMEDY, OutputFiles, Written
from .permission import Permission
from .said import not_said, note, say
from .session import STOPPED_BY_SIGNAL, LoadSession

#: What ending the conversations of a stopped run may take, and closing.
STOP_BOUND_S = 90.0


@dataclass(slots=True)
class LoadRequest:
    """What the command line asks for. `flags`: over the configuration."""

    file: ScenarioFile
    options: RunOptions
    rules: Sequence[ThresholdRule] = ()
    outputs: OutputFiles = field(default_factory=OutputFiles)
    emulator_options: Sequence[str] = ()
    flags: dict[str, Any] = field(default_factory=dict)
    permission: Permission = field(default_factory=Permission)
    quiet: bool = False
    dry_run: bool = False
    console: int | None = None
    log: Log | None = None
    push: URL | None = None
    require_valid: bool = False


async def run_session(asked: LoadRequest, signals: SignalListener) -> int:
    """Its exit code."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    stop, hurry = signals.attach(loop)
    signals.stop_bound_s = STOP_BOUND_S
    signals.late_code = signals.hurried_code = lambda: STOPPED_BY_SIGNAL
    session = LoadSession(
        asked.file,
        asked.options,
        asked.rules,
        asked.flags,
        emulator_options=asked.emulator_options,
        display=LiveDisplay(quiet=asked.quiet),
        permission=asked.permission,
        console=asked.console,
        log_tally=LogTally(asked.log),
        push=MetricsPush(asked.push) if asked.push is not None else None,
        require_valid=asked.require_valid,
    )
    if asked.dry_run:
        print(session.plan())
        if left_out := ", ".join(asked.outputs.options):
            note(f"guestd: --dry-run runs nothing: nothing is written for {left_out}")
        return 0
    try:
        summary = await session.run(stop, hurry)
    except ThresholdError as bad:
        return exit_codes.tell(bad, exit_codes.USAGE)
    written = asked.outputs.write(summary)
    for path in written.paths:
        note(f"written: {path}")
    width = min(100, shutil.get_terminal_size().columns)
    say(summary_text(summary, width, sys.stdout.isatty()))
    return told_code(summary.exit_code, written)


def told_code(code: int, written: Written) -> int:
    """Says what could not be written, after everything else. `code` is the run's own, and
    stays if it has failed; else that of the first error."""
    failures: list[Exception] = [*written.failures]
    if (lost := not_said()) is not None:
        why = (lost.strerror or str(lost)).lower()
        failures.append(ConfigError("the output", f"cannot be written: {why}", REMEDY))
        failures[-1].__cause__ = lost
    for bad in failures:
        of_file = exit_codes.failed(bad, note)
        code = code or of_file
    return code
