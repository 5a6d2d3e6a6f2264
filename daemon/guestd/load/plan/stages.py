"""What the command line says of stages: `30s:100`, as k6 has it."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.durations import seconds_or_duration
from ..scenario.file import Stage
from ..scenario.load_model import USERS_MAX


def parse_stage(text: str) -> Stage:
    """A length and how many guests, or arrivals a second, there are at its end. Raises ValueError,
    with what to write instead."""
    length, colon, at_end = text.strip().partition(":")
    if not colon:
        raise ValueError(f"{text[:40]!r} is not a stage; write a length and a number, as 30s:100")
    try:
        number = float(at_end)
    except ValueError:
        number = -1.0
    if not 0 <= number <= USERS_MAX:
        problem = f"{at_end[:40]!r} must be a number from 0 to {USERS_MAX}"
        raise ValueError(f"{problem}, as in 30s:100")
    return Stage(seconds_or_duration(length), number)


def cut(stages: Iterable[Stage], length_s: float) -> tuple[Stage, ...]:
    """Those until then; of the one that is under way, its part."""
    kept: list[Stage] = []
    level, at_s = 0.0, 0.0
    for stage in stages:
        left_s = length_s - at_s
        if stage.length_s > left_s:
            reached = level + (stage.at_end - level) * left_s / stage.length_s
            return (*kept, Stage(left_s, reached)) if left_s else tuple(kept)
        kept.append(stage)
        level, at_s = stage.at_end, at_s + stage.length_s
    return tuple(kept)
