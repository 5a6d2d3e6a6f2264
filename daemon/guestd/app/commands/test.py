"""`guestd test`: scenario files as functional tests, and a conversation recorded as such a file."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ...emulator import DEFAULT_AGENT
from .. import exit_codes
from . import scenario_test_options as o
from .client_options import DEFAULT_URL, Socket, TokenFile

if TYPE_CHECKING:
    from ..control_client import ControlClient
    from ..load_runs.functional import FunctionalRun, GivenPlatform
    from ..load_runs.options import RunOptions
    from ..load_runs.outputs import OutputFiles

#: A session is opened in so much time, or in that of a step where it is longer: a connect that
#: failed is tried again four times in it.
OPEN_WITHIN_S = 30.0

TIMEOUT, TIMEOUT_S_MIN = "10s", 0.1

EXAMPLES = """Examples:

guestd test scenarios/*.yml                         against an emulator, started for the run

guestd test bot.yml --emulator http://localhost:8080 --junit results.xml

guestd test bot.yml -p 5 --failures-only            five at a time; say only what failed

guestd test bot.yml -id DEPLOYMENT -r mypurecloud.de    against the platform

guestd test --record ana ana.yml                    write what was said as a scenario file

Exit codes: 0 all passed, 1 a scenario or a threshold failed, 105 stopped by a signal, 108 stopped
by a file's rails, 2 usage or a bad file, 69 platform, 78 configuration."""


def test(
    files: o.Files = None,
    emulator: o.EmulatorUrl = None,
    agent: o.Agent = None,
    region: o.Region = "",
    deployment_id: o.DeploymentId = "",
    origin: o.Origin = "",
    allow_deployment: o.AllowDeployment = None,
    associate_id: o.AssociateId = False,
    parallel: o.Parallel = 1,
    timeout: o.StepTimeout = TIMEOUT,
    failures_only: o.FailuresOnly = False,
    only: o.Only = None,
    junit: o.JunitFile = None,
    report: o.ReportFile = None,
    summary: o.SummaryFile = None,
    as_json: o.AsJson = False,
    config: o.ConfigFile = None,
    seed: o.Seed = 0,
    record: o.RecordGuest = None,
    with_pauses: o.WithPauses = False,
    url: o.DaemonUrl = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
) -> None:
    """Run each scenario of the files once, or once for each row of its data. A failure is said with
    what was said until then. With --record a conversation that a running daemon has is written as a
    scenario file instead."""
    if record is not None:
        given = [*(files or ()), *([Path(origin)] if origin else ())]
        _record(record, with_pauses, given, url, socket, token_file)
        return
    files = _checked_files(files, only)
    if region and emulator:
        raise typer.BadParameter("give either the region or --emulator", param_hint="--region")
    from ..load_runs.functional import FunctionalRun, GivenPlatform
    from ..load_runs.outputs import OutputFiles
    from .load_arguments import checked_outputs, chosen_agent, emulator_url
    from .load_run import read_scenarios

    timeout_s = _timeout_s(timeout)
    outputs = checked_outputs(OutputFiles(summary, report, junit), files or ())
    platform = GivenPlatform(region=region, deployment_id=deployment_id, origin=origin)
    allowed = tuple(allow_deployment or ())
    agent = chosen_agent(agent, emulator, None, region)
    asked = FunctionalRun(
        files=[read_scenarios(one, timeout_s) for one in files],
        options=_options(config, emulator_url(emulator), only, seed, timeout_s),
        at_once=parallel,
        failures_only=failures_only,
        as_json=as_json,
        emulator_options=["--agent", agent],
        platform=platform,
        tell_ids=associate_id,
        again=repeating_options(emulator, agent, platform, allowed, config, timeout, seed, only),
        allowed_deployments=allowed,
    )
    _check_only(only, asked)
    raise typer.Exit(_carry_out(asked, outputs))


def _checked_files(files: list[Path] | None, only: str | None) -> list[Path]:
    if not files:
        raise typer.BadParameter("name at least one scenario file", param_hint="FILE")
    if only is not None and len(files) != 1:
        raise typer.BadParameter("is for one file", param_hint="--only")
    _check_is_no_command(files[0])
    return files


def _check_is_no_command(first: Path) -> None:
    """`guestd test` has none; those that people look for are of `guestd load`."""
    word = str(first)
    if word not in ("init", "check", "compare", "schema", "run") or first.exists():
        return
    remedy = (
        "leave it out: guestd test FILE..."
        if word == "run"
        else f"the command is guestd load {word}"
    )
    raise typer.BadParameter(f"there is no file {word!r}; {remedy}", param_hint="FILE")


def _check_only(only: str | None, asked: FunctionalRun) -> None:
    from ..load_runs.functional import file_options
    from .load_arguments import check_guest

    if only is None:
        return
    (file,), number = asked.files, asked.options.only
    options = file_options(asked, file)
    if number is not None and number >= options.model.users:
        cases = options.model.users
        has = f"{cases} cases" if cases > len(file.scenarios) else f"{cases} scenarios"
        problem = f"there is no guest {only!r}; the file has {has}"
        raise typer.BadParameter(problem, param_hint="--only")
    check_guest(only, file, options)


def _options(
    config: Path | None, emulator: str, only: str | None, seed: int, timeout_s: float
) -> RunOptions:
    from ...load.scenario.file import LoadModel
    from ..load_runs.options import RunOptions
    from ..load_runs.state_directory import state_directory
    from .load_arguments import guest_number

    return RunOptions(
        file="",
        state_directory=str(state_directory(os.environ)),
        model=LoadModel(),
        seed=seed,
        run_id=secrets.token_hex(4),
        config=str(config) if config is not None else "",
        emulator=emulator,
        only=guest_number(only),
        open_within_s=max(OPEN_WITHIN_S, timeout_s),
    )


def _timeout_s(text: str) -> float:
    """Raises typer.BadParameter."""
    from ...model.durations import seconds_or_duration

    try:
        found = seconds_or_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from None
    if found < TIMEOUT_S_MIN:
        problem = f"{text!r} is less than {TIMEOUT_S_MIN:g} s; give the step more time"
        raise typer.BadParameter(problem, param_hint="--timeout")
    return found


def repeating_options(
    emulator: str | None,
    agent: str,
    platform: GivenPlatform,
    allowed: Sequence[str],
    config: Path | None,
    timeout: str,
    seed: int,
    only: str | None,
) -> list[str]:
    """The options that repeat the run, as far as they are not what is meant without them."""
    has_own_agent = agent != DEFAULT_AGENT and not emulator and not platform.region
    given = [
        ("--emulator", emulator),
        ("--region", platform.region),
        ("--deployment-id", platform.deployment_id),
        ("--origin", platform.origin),
        *(("--allow-deployment", one) for one in allowed),
        ("--config", config),
        ("--agent", agent if has_own_agent else None),
        ("--timeout", timeout if timeout != TIMEOUT else None),
        ("--seed", seed),
        ("--only", only),
    ]
    return [word for name, value in given if value for word in (name, str(value))]


def _carry_out(asked: FunctionalRun, outputs: OutputFiles) -> int:
    from ...model.errors import ConfigError
    from ...observe.log import configure_logging
    from ..config_problems import ConfigProblems
    from ..entry import hold_signals
    from ..load_runs.functional import run_tests
    from ..signals import SignalListener

    hold_signals()
    signals = SignalListener()
    log = configure_logging("warning", "text")
    signals.listen(log)

    async def run() -> int:
        try:
            return await run_tests(asked, outputs, signals)
        except ConfigProblems as bad:
            if asked.platform.region and any(map(_lacks_deployment, bad.problems)):
                remedy = "give the id of the Messenger deployment: -id DEPLOYMENT"
                raise ConfigError("--deployment-id", "is missing beside -r", remedy) from None
            raise

    return exit_codes.run_logged(run, log)


def _lacks_deployment(problem: str) -> bool:
    return problem.startswith("platform.deployment_id: is missing")


def _record(
    guest: str,
    with_pauses: bool,
    files: list[Path],
    url: str,
    socket: Path | None,
    token_file: Path | None,
) -> None:
    from ...model.errors import CommandError
    from ..load_runs.recording import recorded_file
    from .client_options import talk

    if len(files) > 1:
        raise typer.BadParameter("name one file to write", param_hint="FILE")
    target = files[0] if files and str(files[0]) != "-" else None
    if target is not None and target.exists():
        problem = f"{target} already exists; name a file that does not, or remove it"
        raise typer.Exit(exit_codes.tell(CommandError(problem), exit_codes.USAGE))

    async def work(client: ControlClient) -> None:
        text = await recorded_file(client, guest, with_pauses)
        if target is None:
            sys.stdout.write(text)
        else:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target}; run it with: guestd test {target}")

    talk(url, socket, token_file, False, work)
