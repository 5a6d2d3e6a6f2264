"""What the command line says of stages: `30s:100`, as k6 has it."""

from __future__ import annotations

from ...model.durations import seconds_or_duration
from ..scenario.file import Stage


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
    if not 0 <= number < 1e9:
        raise ValueError(f"{at_end[:40]!r} must be a number of 0 or more, as in 30s:100")
    return Stage(seconds_or_duration(length), number)
