"""`guestd test`: scenario files as functional tests."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from .. import exit_codes
from ..variables import CONFIG_HELP

EXAMPLES = """Examples:

guestd test scenarios/*.yml                         against an emulator, started for the run

guestd test bot.yml --emulator http://localhost:8080 --junit results.xml

guestd test bot.yml -p 5 --failures-only            five at a time; say only what failed

Exit codes: 0 all passed, 1 a scenario failed, 105 stopped by a signal, 2 usage or a bad file,
69 platform, 78 configuration."""


def test(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.")],
    emulator: Annotated[
        str | None,
        typer.Option(help="The URL of a running emulator; without a platform one is started."),
    ] = None,
    agent: Annotated[
        str, typer.Option(help="Who answers in the emulator that is started for the run.")
    ] = "human",
    parallel: Annotated[
        int, typer.Option("-p", "--parallel", min=1, help="Scenarios at a time.")
    ] = 1,
    timeout: Annotated[
        float,
        typer.Option("-t", "--timeout", min=0.1, help="How many seconds a step waits by default."),
    ] = 10.0,
    failures_only: Annotated[
        bool, typer.Option("-fo", "--failures-only", help="Say only what failed.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML there.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the results as JSON.")] = False,
    config: Annotated[Path | None, typer.Option("-c", "--config", help=CONFIG_HELP)] = None,
    seed: Annotated[int, typer.Option(help="Decides everything that is drawn.")] = 0,
) -> None:
    """Run each scenario of the files once. A failure is said with what was said until then."""
    from ...load.scenario.file import LoadModel
    from ...observe.log import configure_logging
    from ..entry import hold_signals
    from ..load_runs.functional import FunctionalRun, run_tests
    from ..load_runs.options import RunOptions
    from ..load_runs.outputs import OutputFiles
    from ..signals import SignalListener
    from .load_run import read_scenarios

    options = RunOptions(
        file="",
        model=LoadModel(),
        seed=seed,
        run_id=secrets.token_hex(4),
        config=str(config) if config is not None else "",
        emulator=emulator or "",
        command="guestd test",
    )
    asked = FunctionalRun(
        files=[read_scenarios(one, timeout) for one in files],
        options=options,
        at_once=parallel,
        failures_only=failures_only,
        as_json=as_json,
        emulator_options=["--agent", agent],
    )
    outputs = OutputFiles(summary, report, junit)
    hold_signals()
    signals = SignalListener()
    log = configure_logging("warning", "text")
    signals.listen(log)
    raise typer.Exit(exit_codes.run_logged(lambda: run_tests(asked, outputs, signals), log))
