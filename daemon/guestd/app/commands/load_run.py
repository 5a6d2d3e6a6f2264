"""`guestd load FILE`: the run itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from .. import exit_codes
from . import load_options as opt
from .client_options import TokenFile
from .load_arguments import (
    check_guest,
    check_together,
    checked_outputs,
    chosen_agent,
    comparison_of,
    guest_number,
    most_at_once,
    new_options,
    platform_of,
    push_place,
    rules_of,
    run_places,
)
from .load_asked import asked_model, spacing_of

if TYPE_CHECKING:
    from ...load.scenario.file import ScenarioFile
    from ..load_runs.running import LoadRequest

EXAMPLES = """Examples:

guestd load parcel.yml -u 100 -r 10 -t 2m        100 guests at a time, ten more each second

guestd load parcel.yml --stage 1m:500 --stage 5m:500 --stage 30s:0

guestd load parcel.yml --arrivals 5 -t 10m       five new guests a second, whatever becomes of them

guestd load parcel.yml -u 50 --threshold "echo_latency.p99 < 500ms" --threshold "lost == 0"

guestd load parcel.yml -u 2000 --workers 2       two processes share the guests

guestd load parcel.yml -u 50 --daemon http://localhost:3000

guestd load parcel.yml -u 50 --region mypurecloud.de --dry-run

guestd load parcel.yml -u 20 --report run.html --summary run.json

guestd load parcel.yml -u 200 -t 10m --console 8090    and watch it at http://127.0.0.1:8090/

Exit codes: 0 done, 1 the daemon refused, 99 a threshold failed, 103 stopped from the console, 105
stopped by a signal, 108 stopped by the file's rails, 111 not valid (with --require-valid; else that
is only said), 2 usage or a bad file, 69 platform or no daemon, 78 configuration."""


def register(app: typer.Typer) -> None:
    app.command("run", epilog=EXAMPLES)(run)


def run(
    file: opt.ScenarioPath,
    users: opt.Users = None,
    spawn_rate: opt.SpawnRate = None,
    run_time: opt.RunTime = None,
    stage: opt.Stages = None,
    arrivals: opt.Arrivals = None,
    random_arrivals: opt.RandomArrivals = False,
    emulator: opt.Emulator = None,
    daemon: opt.Daemon = None,
    token_file: TokenFile = None,
    agent: opt.Agent = None,
    config: opt.ConfigPath = None,
    region: opt.Region = None,
    deployment_id: opt.DeploymentId = None,
    origin: opt.Origin = None,
    allow_deployment: opt.AllowDeployment = None,
    yes: opt.Confirmation = "",
    dry_run: opt.DryRun = False,
    state_dir: opt.StateDirectory = None,
    threshold: opt.Thresholds = None,
    reconcile: opt.Reconcile = None,
    require_valid: opt.RequireValid = False,
    report: opt.Report = None,
    summary: opt.SummaryPath = None,
    junit: opt.Junit = None,
    csv: opt.Csv = None,
    openmetrics: opt.OpenMetrics = None,
    seed: opt.Seed = None,
    only: opt.Only = None,
    connects_per_minute: opt.ConnectsPerMinute = 0,
    workers: opt.Workers = 1,
    console: opt.Console = None,
    push: opt.Push = None,
    frames: opt.Frames = 20,
    quiet: opt.Quiet = False,
) -> None:
    """Run a scenario file with many virtual guests, and judge the run by thresholds. Ctrl-C lets
    the guests end their conversations; a second one stops at once."""
    from ..load_runs.outputs import OutputFiles
    from ..load_runs.permission import Permission
    from ..load_runs.running import LoadRequest

    places = platform_of(region, deployment_id, origin)
    check_together(workers, only, daemon, places, connects_per_minute)
    where = run_places(config, emulator, daemon, token_file, state_dir)
    scenarios = read_scenarios(file)
    model = asked_model(scenarios.load, users, spawn_rate, run_time, stage or (), arrivals)
    options = new_options(file, model, seed, where, connects_per_minute, workers, frames)
    options.only = guest_number(only)
    options.reconcile = comparison_of(reconcile, daemon)
    options.spacing = spacing_of(random_arrivals, model)
    check_guest(only, scenarios, options)
    outputs = checked_outputs(OutputFiles(summary, report, junit, csv, openmetrics), [file])
    allowed = Permission(tuple(allow_deployment or ()), yes)
    rules = rules_of(threshold, scenarios, options)
    agents = "--agent", chosen_agent(agent, emulator, daemon, region)
    wanted = LoadRequest(scenarios, options, rules, outputs, agents, places, allowed)
    wanted = replace(wanted, quiet=quiet, dry_run=dry_run, require_valid=require_valid)
    carry_out(replace(wanted, push=push_place(push), console=console))


def read_scenarios(path: Path, reply_within_s: float | None = None) -> ScenarioFile:
    """`reply_within_s`: how long a step waits, where the file does not say. Raises typer.Exit with
    what is wrong with the file."""
    from ...load.scenario.problems import ScenarioFileError
    from ...load.scenario.reader import read_file

    try:
        return read_file(path) if reply_within_s is None else read_file(path, reply_within_s)
    except ScenarioFileError as bad:
        raise typer.Exit(exit_codes.tell(bad, exit_codes.USAGE)) from None


def carry_out(asked: LoadRequest) -> NoReturn:
    """Raises typer.Exit with its exit code."""
    from ...observe.log import configure_logging
    from ..entry import hold_signals
    from ..load_runs.running import run_session
    from ..open_files import allow_open_files, too_few_files
    from ..signals import SignalListener

    hold_signals()
    signals = SignalListener()
    log = configure_logging("warning", "text")
    signals.listen(log)
    asked.log = log
    allow_open_files(0)
    if asked.options.daemon:
        pass  # the sockets are the daemon's
    elif problem := too_few_files(most_at_once(asked.options.model), asked.options.workers):
        exit_codes.tell_on_stderr(f"guestd: {problem}")
    raise typer.Exit(exit_codes.run_logged(lambda: run_session(asked, signals), log))
