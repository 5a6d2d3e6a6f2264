"""Durations as people write them: 30, 30s, 5m, 1h30m, 250ms."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds(value: object) -> object:
    """Seconds for a duration in words; anything that is none is passed on for the validator to judge."""
    if not isinstance(value, str):
        return value
    parts = _PART.findall(value.strip())
    if not parts or "".join(number + unit for number, unit in parts) != value.strip():
        raise ValueError(f"{value!r} is no duration; write seconds, or 30s, 5m, 1h30m, 250ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def milliseconds(value: object) -> object:
    found = seconds(value)
    return found * 1000.0 if isinstance(value, str) and isinstance(found, float) else found
