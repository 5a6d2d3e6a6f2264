"""Durations as people write them: 30, 30s, 5m, 1h30m, 250ms."""

from __future__ import annotations

import re
from math import isnan

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

_FORMS = "{bare}, or 30s, 5m, 1h30m, 250ms"

#: A hundred years: a longer time is a mistake, and dates and milliseconds in 64 bits end somewhere
#: beyond it.
DURATION_S_MAX = 36_500 * 86_400.0


def seconds(value: object) -> object:
    """Seconds for a duration in words; anything that is neither that nor a number is passed on for
    the validator to judge. Raises ValueError for other text, for true and false, and for what is
    longer than `DURATION_S_MAX`."""
    if isinstance(value, bool):
        raise ValueError(f"must be a time; write {_FORMS.format(bare='seconds')}")
    if isinstance(value, str):
        return _bounded(_seconds_in(value), 1.0)
    return _bounded(value, 1.0) if isinstance(value, int | float) else value


def milliseconds(value: object) -> object:
    """As `seconds`, but a bare number is milliseconds already."""
    if isinstance(value, bool):
        raise ValueError(f"must be a time; write {_FORMS.format(bare='milliseconds')}")
    if isinstance(value, str):
        return _bounded(_seconds_in(value, "milliseconds"), 1.0) * 1000.0
    return _bounded(value, 1000.0) if isinstance(value, int | float) else value


def seconds_or_duration(text: str) -> float:
    """For a command's option: 30 and 30s are the same. Raises ValueError."""
    return _bounded(_seconds_in(f"{text}s" if re.fullmatch(_NUMBER, text) else text), 1.0)


def _seconds_in(text: str, bare: str = "seconds") -> float:
    """`bare`: what a number without a unit would be."""
    parts = _PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        shown = repr(text if len(text) <= 40 else f"{text[:40]}…")
        raise ValueError(f"{shown} is not a duration; write {_FORMS.format(bare=bare)}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _bounded(value: float, units_per_s: float) -> float:
    if isinstance(value, float) and isnan(value):
        raise ValueError("is no number; write a time")
    if value > DURATION_S_MAX * units_per_s:
        raise ValueError("is longer than a hundred years; write a shorter time")
    return value
