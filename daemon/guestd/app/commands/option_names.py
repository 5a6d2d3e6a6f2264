"""What the API refuses of a field, as the command line writes it: the option, and times with their
units."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]

_OPTION_OF = {"command_id": "--id", "operation_id": "--id", "duration_s": "--duration"}

_BOUND = re.compile(r"([0-9.e+]+) is too (large|small); the (?:maximum|minimum) is ([0-9.e+]+)")
_BOUND_WORDS = {"large": ("long", "most"), "small": ("short", "least")}

_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0}


def with_option(problem: Json) -> Json:
    """A problem document with the option in place of the field; as it is, where no option is known
    for that."""
    field = str(problem.get("field") or "")
    option = _OPTION_OF.get(field)
    if option is None:
        return problem
    detail = str(problem.get("detail", "")).removeprefix(f"{field}: ")
    if field.endswith("_s"):
        detail = _BOUND.sub(_in_words, detail)
    return {**problem, "field": option, "detail": f"{option}: {detail}"}


def _in_words(found: re.Match[str]) -> str:
    extent, bound = _BOUND_WORDS[found[2]]
    return f"{_duration(found[1])} is too {extent}; at {bound} {_duration(found[3])}"


def _duration(seconds: str) -> str:
    """As an option takes it."""
    value = float(seconds)
    for unit, size in _UNITS.items():
        if value >= size and value % size == 0:
            return f"{value / size:g}{unit}"
    return f"{value:g}s"
