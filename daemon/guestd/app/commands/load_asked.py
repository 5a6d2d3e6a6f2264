"""How much load `guestd load` is asked for: the file's, as the command line changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from ...load.scenario.file import LoadModel, Stage

#: The option for each key of a file's load.
_OPTIONS = {
    "users": "--users",
    "spawnRate": "--spawn-rate",
    "runTime": "--run-time",
    "arrivalRate": "--arrivals",
    "stages": "--stage",
}


def asked_model(
    own: LoadModel,
    users: int | None = None,
    spawn_rate: float | None = None,
    run_time: str | None = None,
    stages: Sequence[str] = (),
    arrivals: float | None = None,
) -> LoadModel:
    """`own`: the file's. Options that contradict each other are refused as the file's keys are,
    and so is one that would change nothing. Raises typer.BadParameter."""
    _check_numbers(users, spawn_rate, arrivals)
    run_time_s = _length(run_time)
    parsed = _parsed(stages)
    _check_together(users, spawn_rate, run_time, parsed, arrivals)
    if parsed or arrivals is not None:
        return _by_options(own, users, run_time_s, parsed, arrivals)
    if spawn_rate is not None and users is None and own.stages:
        what = "arrivals" if own.kind == "open" else "stages"
        why = f"does not go with the {what} of the file, which say how many start; give -u, too"
        _refuse("--spawn-rate", f"{why}, to have a number of guests instead, or leave it out")
    return _changed(own, users, spawn_rate, run_time_s)


def _by_options(
    own: LoadModel,
    users: int | None,
    run_time_s: float | None,
    stages: Sequence[Stage],
    arrivals: float | None,
) -> LoadModel:
    """Of stages or arrivals, which take the place of all that the file says of guests and times."""
    from ...load.scenario.load_model import LoadModelError, LoadWishes, load_model

    if arrivals is not None and not stages and run_time_s is None:
        run_time_s = own.run_time_s or None
        if run_time_s is None:
            _refuse("--arrivals", "say how long, with -t")
    wishes = LoadWishes(
        users=users,
        run_time_s=run_time_s,
        arrival_rate=arrivals,
        stages=stages,
        connects_per_s=own.connects_per_s,
        graceful_stop_s=own.graceful_stop_s,
    )
    try:
        return load_model(wishes)
    except LoadModelError as bad:
        _refuse(_OPTIONS[bad.key], f"{bad.problem}; {bad.remedy}")


def _changed(
    own: LoadModel, users: int | None, spawn_rate: float | None, run_time_s: float | None
) -> LoadModel:
    """The file's with another number of guests, rate or length."""
    model = own
    if users is not None:
        if model.kind == "open":
            model = replace(model, kind="once", run_time_s=0.0)
        model = replace(model, users=users, stages=())
    if spawn_rate is not None:
        model = replace(model, spawn_rate=spawn_rate)
    if run_time_s is None:
        return model
    if model.stages:
        return replace(model, stages=_cut(model, run_time_s), run_time_s=run_time_s)
    return replace(model, run_time_s=run_time_s, kind="closed")


def _cut(own: LoadModel, run_time_s: float) -> tuple[Stage, ...]:
    """The file's stages until then. Those that stay on one level may last longer, too."""
    from ...load.plan.stages import cut
    from ...load.scenario.file import Stage

    level = own.stages[0].at_end
    if own.stages[0].length_s == 0 and all(one.at_end == level for one in own.stages):
        return (Stage(0.0, level), Stage(run_time_s, level))
    whole_s = sum(one.length_s for one in own.stages)
    if run_time_s > whole_s:
        why = f"{run_time_s:g} s are more than the {whole_s:g} s that the file's stages come to"
        _refuse("--run-time", f"{why}; leave it out, or write stages of your own with --stage")
    return cut(own.stages, run_time_s)


def _check_together(
    users: int | None,
    spawn_rate: float | None,
    run_time: str | None,
    stages: Sequence[Stage],
    arrivals: float | None,
) -> None:
    if arrivals is not None and users is not None:
        why = "says how many guests there are, and --arrivals how many come"
        _refuse("--users", f"{why}; leave one of them out")
    if arrivals is not None and spawn_rate is not None:
        why = "is for a fixed number of guests, and --arrivals says how many come"
        _refuse("--spawn-rate", f"{why}; leave one of them out")
    if stages and run_time is not None:
        _refuse("--run-time", "is what the stages come to; leave it or --stage out")
    if stages and spawn_rate is not None:
        _refuse("--spawn-rate", "is what the stages say; leave it or --stage out")


def _check_numbers(users: int | None, spawn_rate: float | None, arrivals: float | None) -> None:
    """The bounds that a file has, too."""
    from ...load.scenario.load_model import RATE_MAX, USERS_MAX

    if users is not None and not 1 <= users <= USERS_MAX:
        _refuse("--users", f"{users} must be a number from 1 to {USERS_MAX}")
    if spawn_rate is not None and not 0 < spawn_rate <= RATE_MAX:
        why = f"{spawn_rate:g} must be a number per second, more than 0 and at most {RATE_MAX:g}"
        _refuse("--spawn-rate", f"{why}; leave it out to start all at once")
    if arrivals is not None and not (isfinite(arrivals) and 0 <= arrivals <= RATE_MAX):
        why = f"{arrivals:g} must be a number per second, more than 0 and at most {RATE_MAX:g}"
        _refuse("--arrivals", why)


def _length(run_time: str | None) -> float | None:
    from ...model.durations import seconds_or_duration

    if run_time is None:
        return None
    try:
        found = seconds_or_duration(run_time)
    except ValueError as error:
        _refuse("--run-time", str(error))
    if not found:
        why = "must be more than 0; leave it out, and each guest has one conversation"
        _refuse("--run-time", f"{run_time} {why}")
    return found


def _parsed(stages: Sequence[str]) -> tuple[Stage, ...]:
    from ...load.plan.stages import parse_stage

    try:
        return tuple(parse_stage(one) for one in stages)
    except ValueError as error:
        _refuse("--stage", str(error))


def spacing_of(is_random: bool, model: LoadModel) -> Literal["even", "random"]:
    """How guests arrive. Raises typer.BadParameter where none do."""
    if is_random and model.kind != "open":
        why = "is for guests that arrive; say how many a second with --arrivals, or leave it out"
        _refuse("--random-arrivals", why)
    return "random" if is_random else "even"


def _refuse(option: str, why: str) -> NoReturn:
    raise typer.BadParameter(why, param_hint=option)
