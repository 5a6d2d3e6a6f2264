"""What the arguments of `guestd load` come to."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import typer

from ...emulator import DEFAULT_AGENT
from .load_options import CompareWith

if TYPE_CHECKING:
    from yarl import URL

    from ...load.scenario.file import LoadModel, ScenarioFile, ThresholdRule
    from ..load_runs.options import RunOptions
    from ..load_runs.outputs import OutputFiles


def most_at_once(model: LoadModel) -> int:
    """How many guests there may be at a time; 0 where arrivals decide."""
    if model.kind == "open":
        return 0
    return int(max((one.at_end for one in model.stages), default=model.users))


def guest_number(name: str | None) -> int | None:
    """Of a guest by its name: numbers count from 0, names from 1."""
    if name is None:
        return None
    number = name.rpartition("-")[2]
    if not number.isdigit() or not int(number):
        problem = f"{name!r} must end in a number, as parcel-1187"
        raise typer.BadParameter(problem, param_hint="--only")
    return int(number) - 1


def check_guest(name: str | None, file: ScenarioFile, options: RunOptions) -> None:
    """That the guest of this number is called so: else another one would be played. A bare number
    is taken. Raises typer.BadParameter."""
    from ...load.plan.plan import Plan

    if name is None or options.only is None or name.isdigit():
        return
    planned = Plan(file, options.model, options.seed, spacing=options.spacing).guest(options.only)
    if planned.name != name:
        problem = f"there is no guest {name!r}; number {options.only + 1} is {planned.name!r}"
        remedy = f"with these options and the seed {options.seed}"
        raise typer.BadParameter(f"{problem} {remedy}", param_hint="--only")


def checked_outputs(outputs: OutputFiles, scenarios: Iterable[Path]) -> OutputFiles:
    """That what the run leaves can be written. Raises typer.BadParameter."""
    if (found := outputs.unwritable(scenarios)) is not None:
        option, problem = found
        raise typer.BadParameter(problem, param_hint=option)
    return outputs


def chosen_agent(
    asked: str | None,
    emulator: str | None = None,
    daemon: str | None = None,
    region: str | None = None,
) -> str:
    """Of the emulator that is started. Raises typer.BadParameter where there is no such agent, or
    no emulator is started."""
    from ...emulator.agents.script import script_of

    if asked is None:
        return DEFAULT_AGENT
    try:
        script_of(asked)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--agent") from None
    if other := _who_answers(asked, emulator, daemon, region):
        why = f"is for the emulator that is started for the run, and {other}"
        raise typer.BadParameter(why, param_hint="--agent")
    return asked


def _who_answers(agent: str, emulator: str | None, daemon: str | None, region: str | None) -> str:
    """Where not an emulator of the run, with the remedy; "" where it does."""
    if region:
        return "at the platform others answer; leave it out"
    if daemon is not None:
        remedy = "leave it out; who answers is emulator.agent in its configuration"
        return f"--daemon names a daemon that runs; {remedy}"
    if emulator is None:
        return ""
    start = f"guestd emulate --agent {agent}"
    if agent.endswith((".toml", ".json")):
        return f"--emulator names one that runs; choose it where that is started: {start}"
    change = f'curl {emulator}/__emulator/settings -d \'{{"agent": "{agent}"}}\''
    return f"--emulator names one that runs; choose it there: {start}, or now: {change}"


def emulator_url(asked: str | None) -> str:
    """ "" for none. Raises typer.BadParameter."""
    if asked is not None and not _is_http(asked):
        why = f"{asked!r} is not the address of an emulator; write http://HOST:PORT"
        raise typer.BadParameter(why, param_hint="--emulator")
    return asked or ""


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def platform_of(
    region: str | None, deployment_id: str | None, origin: str | None
) -> dict[str, str]:
    """As flags over the configuration."""
    said = {"region": region, "deployment_id": deployment_id, "origin": origin}
    return {f"platform.{key}": value for key, value in said.items() if value}


def check_together(
    workers: int,
    only: str | None,
    daemon: str | None,
    places: Mapping[str, str],
    connects_per_minute: int,
) -> None:
    """Options that exclude each other. Raises typer.BadParameter."""
    if workers > 1 and only is not None:
        why = f"cannot go with --only, which plays one guest; leave out --workers {workers}"
        raise typer.BadParameter(why, param_hint="--workers")
    if daemon is None:
        return
    if workers > 1:
        why = "cannot go with --daemon, whose one process has the guest sessions; leave it out"
        raise typer.BadParameter(why, param_hint="--workers")
    if places or connects_per_minute:
        key = next(iter(places), "admission.connects_per_minute")
        option = f"--{key.partition('.')[2].replace('_', '-')}"
        why = f"cannot go with --daemon, which has its own; set {key} in its configuration"
        raise typer.BadParameter(why, param_hint=option)


def comparison_of(
    asked: CompareWith | None, daemon: str | None
) -> Literal["", "record", "history", "none"]:
    """That of `RunOptions`. Raises typer.BadParameter."""
    if asked is None:
        return ""
    if daemon is not None and asked == "history":
        why = "history cannot go with --daemon, whose /v1 does not tell the token to read it with"
        raise typer.BadParameter(why, param_hint="--reconcile")
    found: Literal["record", "history", "none"] = asked.value
    return found


def daemon_url(asked: str | None) -> str:
    """Without its last slash; "" for none. Raises typer.BadParameter."""
    from .. import daemon_address

    try:
        return "" if asked is None else daemon_address.daemon_url(asked)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--daemon") from None


def run_places(
    config: Path | None,
    emulator: str | None,
    daemon: str | None,
    token_file: Path | None,
    state_dir: Path | None,
) -> dict[str, str]:
    """Those of `RunOptions`. Raises typer.BadParameter."""
    if token_file is not None and daemon is None:
        why = "is for the daemon of --daemon; name that, or leave it out"
        raise typer.BadParameter(why, param_hint="--token-file")
    return {
        "config": str(config or ""),
        "emulator": emulator_url(emulator),
        "daemon": daemon_url(daemon),
        "token_file": str(token_file.absolute()) if token_file is not None else "",
        "state_directory": state_of(state_dir),
    }


def new_options(
    file: Path,
    model: LoadModel,
    seed: int | None,
    places: Mapping[str, Any],
    connects_per_minute: int,
    workers: int,
    frames: int,
) -> RunOptions:
    """Of a run with an id of its own, and the command that repeats it."""
    from ..load_runs.options import RunOptions

    drawn, run_id = secrets.randbelow(1_000_000), secrets.token_hex(4)
    options = RunOptions(
        file=str(file),
        model=model,
        seed=seed if seed is not None else drawn,
        run_id=run_id,
        connects_per_minute=connects_per_minute,
        workers=workers,
        frames=frames,
        **places,
    )
    options.command = command_line(options)
    return options


def rules_of(
    thresholds: Iterable[str] | None, file: ScenarioFile, options: RunOptions
) -> list[ThresholdRule]:
    """Those of the command line, beside the file's. Raises typer.BadParameter where one of both is
    about what the run will not know."""
    from ...load.scenario.file import ThresholdRule

    rules = [ThresholdRule(one) for one in thresholds or ()]
    if options.reconcile == "none":
        for one in file.thresholds:
            _check_known(one.expression, "the file's ", options)
        for one in rules:
            _check_known(one.expression, "", options)
    return rules


def _check_known(expression: str, whose: str, options: RunOptions) -> None:
    """Of a run that is compared with nothing: what this process meets on its connections is known.
    An expression that cannot be read is refused elsewhere."""
    from ...load.measure.threshold_expressions import ThresholdError, parse

    try:
        figure = parse(expression).figure
    except ThresholdError:
        return
    if figure == "lost" or (options.daemon and figure in ("doubled", "reordered")):
        why = f"{whose}{expression} is not known with --reconcile none; leave one of them out"
        raise typer.BadParameter(why, param_hint="--threshold")


def push_place(given: str | None) -> URL | None:
    """Raises typer.BadParameter."""
    from ..load_runs.metrics_push import push_url

    try:
        return push_url(given) if given else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--push") from None


def state_of(asked: Path | None) -> str:
    from ..load_runs.state_directory import state_directory

    return str(asked or state_directory(os.environ))


#: Options whose files, or figures elsewhere, a run would write over.
OF_ONE_RUN = ("--summary", "--report", "--junit", "--csv", "--openmetrics", "--push")


def command_line(options: RunOptions) -> str:
    """What repeats the run, with its seed, and leaves what came of this one as it is."""
    given = repeatable(one for one in sys.argv[1:] if one)
    words = ["guestd", *given] if given[:1] == ["load"] else ["guestd", "load", options.file]
    if not any(one.partition("=")[0] == "--seed" for one in words):
        words += ["--seed", str(options.seed)]
    return shlex.join(words)


def repeatable(words: Iterable[str]) -> list[str]:
    """Without the options that say where a run's results go."""
    left = iter(words)
    found = []
    for word in left:
        if word in OF_ONE_RUN:
            next(left, None)
        elif word.partition("=")[0] not in OF_ONE_RUN:
            found.append(word)
    return found
