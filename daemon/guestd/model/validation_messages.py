"""Validation errors of request models in words: the field's path, what is wrong, the remedy.
The value is never repeated, since it may be a secret; only numbers and lengths are."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_WORDS = {
    "missing": "is required",
    "string_type": "must be a string; put it in quotes",
    "bool_type": "must be true or false, without quotes",
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number; write digits",
    "float_parsing": "must be a number; write digits",
    "int_type": "must be a whole number; write digits without quotes or a point",
    "int_from_float": "must be a whole number; write digits without a point",
    "float_type": "must be a number; write digits without quotes",
    "finite_number": "must be a finite number; write digits",
    "dict_type": "must be an object; write {…}",
    "model_type": "must be an object; write {…}",
    "tuple_type": "must be a list; write […]",
    "uuid_type": "must be a UUID; write 8-4-4-4-12 hexadecimal digits",
    "uuid_parsing": "must be a UUID; write 8-4-4-4-12 hexadecimal digits",
    "timezone_aware": "must name a time zone; end it with Z or an offset",
    "datetime_type": "must be an ISO 8601 time, such as 2026-01-31T12:00:00.000Z",
    "datetime_from_date_parsing": "must be an ISO 8601 time, such as 2026-01-31T12:00:00.000Z",
    "datetime_parsing": "must be an ISO 8601 time, such as 2026-01-31T12:00:00.000Z",
    "json_invalid": "must be JSON; write an object",
    "recursion_loop": "is nested too deeply",
}


def first_error(error: ValidationError, model: type[BaseModel], place: str = "") -> tuple[str, str]:
    """(field, sentence): the first thing that is wrong, and how many more there are. `place`: what
    the model stands for, if not the body, such as `query`."""
    found = _without_consequences(error.errors(include_url=False, include_context=True))
    first = found[0]
    path = _path((place, *first["loc"]) if place else first["loc"])
    words = (
        _in_words(first["type"], first.get("ctx", {}), first.get("input"), first["loc"], model)
        or first["msg"]
    )
    if first["type"] == "value_error" and words.startswith("messages["):
        path, _, words = words.partition(": ")
    others = len({_path(one["loc"]) for one in found}) - 1
    more = f" (and {others} more)" if others else ""
    return path, f"{path}: {words}{more}" if path else f"{words}{more}"


def _without_consequences(found: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leaves out "too short" of a list whose items are wrong: pydantic reports that too."""
    wrong = {one["loc"] for one in found}
    return [
        one
        for one in found
        if one["type"] != "too_short"
        or not any(
            place != one["loc"] and place[: len(one["loc"])] == one["loc"] for place in wrong
        )
    ]


def _path(place: tuple[int | str, ...]) -> str:
    words = ""
    for part in place:
        if isinstance(part, int):
            words += f"[{part}]"
        elif part not in ("str", "int", "float"):  # which one of a union was tried
            words += f".{part}" if words else part
    return words


def _in_words(
    kind: str,
    facts: dict[str, Any],
    value: Any,
    place: tuple[int | str, ...],
    model: type[BaseModel],
) -> str:
    match kind:
        case "value_error":
            return str(facts["error"])
        case "string_too_long":
            return (
                f"has {len(value)} characters; at most {facts['max_length']} are allowed, and"
                " nothing is cut: make it shorter"
            )
        case "string_too_short":
            return "must not be empty; give at least one character"
        case "too_short":
            return "must not be empty; give at least one"
        case "too_long":
            return f"has {facts['actual_length']} items; at most {facts['max_length']} are allowed"
        case "greater_than_equal" | "less_than_equal":
            least, most = facts.get("ge"), facts.get("le")
            return (
                f"{value} is too {'small' if most is None else 'large'}; the"
                f" {'minimum' if most is None else 'maximum'} is"
                + f" {least if most is None else most}"
            )
        case "literal_error":
            return f"must be one of {facts['expected']}"
        case "string_pattern_mismatch":
            return f"contains characters that are not allowed; must match {facts['pattern']}"
        case "extra_forbidden":
            return _unknown(str(place[-1]), model if len(place) == 1 else None)
        case _:
            return _WORDS.get(kind, "")


def _unknown(key: str, model: type[BaseModel] | None) -> str:
    if model is None:
        return "this key is unknown; leave it out"
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = get_close_matches(key, known, 1)
    return (
        f"this key is unknown; did you mean {near[0]}?"
        if near
        else f"this key is unknown; known: {', '.join(known)}"
    )
