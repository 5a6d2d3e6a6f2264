"""`guestd load FILE`: the run itself."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import exit_codes
from ..variables import CONFIG_HELP

if TYPE_CHECKING:
    from ...load.scenario.file import LoadModel, ScenarioFile, Stage, ThresholdRule
    from ..load_runs.options import RunOptions
    from ..load_runs.outputs import OutputFiles

EXAMPLES = """Examples:

guestd load parcel.yml -u 100 -r 10 -t 2m        100 guests at a time, ten more each second

guestd load parcel.yml --stage 1m:500 --stage 5m:500 --stage 30s:0

guestd load parcel.yml --arrivals 5 -t 10m       five new guests a second, whatever becomes of them

guestd load parcel.yml -u 50 --threshold "echo_latency.p99 < 500ms" --threshold "lost == 0"

guestd load parcel.yml -u 20 --report run.html --summary run.json

Exit codes: 0 done, 99 a threshold failed, 105 stopped by a signal, 108 stopped by the file's rails,
2 usage or a bad file, 69 platform, 78 configuration."""


def register(app: typer.Typer) -> None:
    app.command("run", epilog=EXAMPLES)(run)


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The scenario file.")],
    users: Annotated[
        int | None, typer.Option("-u", "--users", min=1, help="Guests at a time.")
    ] = None,
    spawn_rate: Annotated[
        float | None,
        typer.Option("-r", "--spawn-rate", min=0.001, help="How many more each second."),
    ] = None,
    run_time: Annotated[
        str | None,
        typer.Option(
            "-t", "--run-time", help="How long, as 90s or 10m; without it each guest talks once."
        ),
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage", help="LENGTH:GUESTS, as 30s:100; repeatable. With --arrivals: per second."
        ),
    ] = None,
    arrivals: Annotated[
        float | None, typer.Option(help="New guests a second, whatever becomes of the others.")
    ] = None,
    random_arrivals: Annotated[
        bool, typer.Option("--random-arrivals", help="Let them arrive by chance, not evenly.")
    ] = False,
    emulator: Annotated[
        str | None,
        typer.Option(help="The URL of a running emulator; without a platform one is started."),
    ] = None,
    agent: Annotated[
        str, typer.Option(help="Who answers in the emulator that is started for the run.")
    ] = "human",
    config: Annotated[Path | None, typer.Option("-c", "--config", help=CONFIG_HELP)] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help='What must hold, as "echo_latency.p99 < 500ms"; repeatable.'),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON there.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML there.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the rows over time there.")] = None,
    openmetrics: Annotated[
        Path | None, typer.Option(help="Write the figures as OpenMetrics there.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Makes the plan repeatable; said at the end.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Only this guest of the plan, as parcel-1187.")
    ] = None,
    connects_per_minute: Annotated[
        int, typer.Option(min=0, help="New connections a minute; 0 as configured.")
    ] = 0,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show nothing while it lasts.")
    ] = False,
) -> None:
    """Run a scenario file with many virtual guests, and judge the run by thresholds. Ctrl-C lets
    the guests end their conversations; a second one stops at once."""
    from ...load.plan.stages import parse_stage
    from ...load.scenario.file import ThresholdRule
    from ..load_runs.options import RunOptions
    from ..load_runs.outputs import OutputFiles

    scenarios = read_scenarios(file)
    try:
        stages = tuple(parse_stage(one) for one in stage or ())
        run_time_s = _seconds(run_time) if run_time is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    model = load_model(scenarios.load, users, spawn_rate, run_time_s, stages, arrivals)
    options = RunOptions(
        file=str(file),
        model=model,
        seed=seed if seed is not None else secrets.randbelow(1_000_000),
        run_id=secrets.token_hex(4),
        config=str(config) if config is not None else "",
        emulator=emulator or "",
        connects_per_minute=connects_per_minute,
        only=_number(only),
        spacing="random" if random_arrivals else "even",
    )
    options.command = command_line(options)
    rules = [ThresholdRule(one) for one in threshold or ()]
    outputs = OutputFiles(summary, report, junit, csv, openmetrics)
    code = carry_out(scenarios, options, rules, outputs, ["--agent", agent], quiet)
    raise typer.Exit(code)


def read_scenarios(path: Path, reply_within_s: float | None = None) -> ScenarioFile:
    """`reply_within_s`: how long a step waits, where the file does not say. Raises typer.Exit with
    what is wrong with the file."""
    from ...load.scenario.problems import ScenarioFileError
    from ...load.scenario.reader import read_file

    try:
        return read_file(path) if reply_within_s is None else read_file(path, reply_within_s)
    except ScenarioFileError as bad:
        raise typer.Exit(exit_codes.tell(bad, exit_codes.USAGE)) from None


def load_model(
    own: LoadModel,
    users: int | None,
    spawn_rate: float | None,
    run_time_s: float | None,
    stages: tuple[Stage, ...],
    arrivals: float | None,
) -> LoadModel:
    """The file's, as the command line changes it."""
    from ...load.scenario.file import LoadModel, Stage

    if arrivals is not None:
        if stages:
            return LoadModel(kind="open", stages=stages)
        length_s = run_time_s or own.run_time_s
        if not length_s:
            raise typer.BadParameter("say how long, with -t", param_hint="--arrivals")
        return LoadModel(kind="open", stages=(Stage(0.0, arrivals), Stage(length_s, arrivals)))
    if stages:
        return replace(own, kind="closed", stages=stages)
    model = own
    if users is not None:
        model = replace(model, users=users, stages=())
        model = replace(model, kind="once") if model.kind == "open" else model
    if spawn_rate is not None:
        model = replace(model, spawn_rate=spawn_rate)
    if run_time_s is not None:
        model = replace(model, run_time_s=run_time_s)
        model = replace(model, kind="closed") if model.kind == "once" else model
    return model


def _seconds(text: str) -> float:
    from ...model.durations import seconds_or_duration

    return seconds_or_duration(text)


def _number(name: str | None) -> int | None:
    if name is None:
        return None
    number = name.rpartition("-")[2]
    if not number.isdigit():
        raise typer.BadParameter(f"{name!r} must end in a number, as parcel-1187")
    return int(number)


def command_line(options: RunOptions) -> str:
    """What repeats the run, with its seed."""
    given = [one for one in sys.argv[1:] if one]
    words = ["guestd", *given] if given[:1] == ["load"] else ["guestd", "load", options.file]
    if "--seed" not in words:
        words += ["--seed", str(options.seed)]
    return shlex.join(words)


def carry_out(
    scenarios: ScenarioFile,
    options: RunOptions,
    rules: Sequence[ThresholdRule],
    outputs: OutputFiles,
    emulator_options: Sequence[str],
    quiet: bool,
) -> int:
    from ...observe.log import configure_logging
    from ..entry import hold_signals
    from ..load_runs.running import run_session
    from ..open_files import allow_open_files
    from ..signals import SignalListener

    hold_signals()
    signals = SignalListener()
    log = configure_logging("warning", "text")
    signals.listen(log)
    allow_open_files(0)
    return exit_codes.run_logged(
        lambda: run_session(scenarios, options, rules, outputs, emulator_options, quiet, signals),
        log,
    )
