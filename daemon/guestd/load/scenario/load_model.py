"""How many guests and when, from what a file or a command line says of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .file import LoadModel, Stage
from .kinds import duration_s

#: A socket each: two machines full of them. A mistyped number is refused before anything is opened.
USERS_MAX = 1_000_000
RATE_MAX = 100_000.0


class LoadModelError(ValueError):
    """`key` is that of the file: users, spawnRate, runTime, arrivalRate or stages."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}; {remedy}")
        self.key, self.problem, self.remedy = key, problem, remedy


@dataclass(slots=True, frozen=True)
class LoadWishes:
    """What was said; None where nothing was. Rates are per second."""

    users: int | None = None
    spawn_rate: float | None = None
    run_time_s: float | None = None
    arrival_rate: float | None = None
    stages: Sequence[Stage] = ()
    connects_per_s: float = 0.0
    graceful_stop_s: float = 30.0


def load_model(wishes: LoadWishes) -> LoadModel:
    """Raises LoadModelError for wishes that contradict each other.

    With an arrival rate it is open, and stages say arrivals a second, from that rate on. Without,
    it is closed if it has stages or a run time, and stages say guests, from `users` on (0 if they
    are not given). Else each of the users has one conversation."""
    is_open = wishes.arrival_rate is not None
    if is_open and wishes.users is not None:
        _refuse("users", "says how many guests there are, and arrivalRate how many come", _ONE)
    if is_open and wishes.spawn_rate is not None:
        _refuse("spawnRate", "is for a fixed number of guests", "leave it or arrivalRate out")
    if wishes.stages and wishes.run_time_s is not None:
        _refuse("runTime", "is what the stages come to", "leave it or the stages out")
    if wishes.stages and wishes.spawn_rate is not None:
        _refuse("spawnRate", "is what the stages say", "leave it or the stages out")
    if is_open and not wishes.stages and wishes.run_time_s is None:
        _refuse("runTime", "is missing", "say how long guests arrive, or write stages")
    targets = [wishes.arrival_rate, wishes.users, *(one.at_end for one in wishes.stages)]
    if wishes.stages and not any(targets):
        _refuse("stages", "are all of no guests", "write more than 0 in one")
    if is_open and not wishes.stages and not wishes.arrival_rate:
        _refuse("arrivalRate", "is 0 without stages", "write more than 0")
    return _model(wishes, is_open)


def _refuse(key: str, problem: str, remedy: str) -> None:
    raise LoadModelError(key, problem, remedy)


_ONE = "leave one of them out"


def _model(wishes: LoadWishes, is_open: bool) -> LoadModel:
    start = wishes.arrival_rate if is_open else wishes.users
    stages = tuple(wishes.stages)
    if stages and start:
        stages = (Stage(0.0, float(start)), *stages)
    run_time_s = wishes.run_time_s or sum(one.length_s for one in stages)
    if is_open and not stages:
        rate = wishes.arrival_rate or 0.0
        stages = (Stage(0.0, rate), Stage(run_time_s, rate))
    kind: Literal["once", "closed", "open"] = "closed" if run_time_s else "once"
    return LoadModel(
        kind="open" if is_open else kind,
        stages=stages,
        users=wishes.users or 1,
        spawn_rate=wishes.spawn_rate or 0.0,
        run_time_s=run_time_s,
        connects_per_s=wishes.connects_per_s,
        graceful_stop_s=wishes.graceful_stop_s,
    )


def stage_in(text: str) -> Stage | None:
    """`30s:100`; None if it is none."""
    length, _, target = text.rpartition(":")
    length_s = duration_s(length)
    is_number = re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", target.strip())
    if length_s is None or not is_number or float(target) > USERS_MAX:
        return None
    return Stage(length_s, float(target))
