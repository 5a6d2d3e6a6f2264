"""Validation errors of request models in words: the field's path, what is wrong, the remedy.
The value is never repeated, since it may be a secret; only numbers and lengths are."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import FieldError

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


def field_errors(
    error: ValidationError, model: type[BaseModel], place: str = ""
) -> list[FieldError]:
    """Each thing that is wrong, at most one of a field; `detail` begins with the field. A key that
    is nearly a known one comes first: what is missing is then its consequence. One that is nearly
    none is named only where nothing else is wrong: it may be a secret in a wrong place. `place`:
    what the model stands for, if not the body, such as `query`."""
    found = _without_consequences(error.errors(include_url=False, include_context=True))
    found.sort(key=lambda one: not _is_mistyped(one, model))
    by_field: dict[str, FieldError] = {}
    for one in found:
        path = _path((place, *one["loc"]) if place else one["loc"])
        if by_field and one["type"] == "extra_forbidden" and not _is_mistyped(one, model):
            around = _path((place, *one["loc"][:-1]) if place else one["loc"][:-1])
            words = f"{around or 'the body'}: has a key that is unknown; leave it out"
            by_field.setdefault(path, FieldError(around, words))
            continue
        facts = one.get("ctx", {})
        words = _in_words(one["type"], facts, one.get("input"), one["loc"], model) or one["msg"]
        field = path
        if one["type"] == "value_error" and words.startswith("messages["):
            field, _, words = words.partition(": ")
        by_field.setdefault(path, FieldError(field, f"{field}: {words}" if field else words))
    return list(by_field.values())


def first_error(error: ValidationError, model: type[BaseModel], place: str = "") -> tuple[str, str]:
    """(field, sentence): the first thing that is wrong, and how many more there are."""
    return first_of(field_errors(error, model, place))


def first_of(found: Sequence[FieldError]) -> tuple[str, str]:
    """(field, sentence), as `first_error`."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return found[0].field, f"{found[0].detail}{more}"


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
            return _unknown(str(place[-1]), _model_at(place[:-1], model))
        case _:
            return _WORDS.get(kind, "")


def _unknown(key: str, model: type[BaseModel] | None) -> str:
    known = _keys_of(model)
    near = get_close_matches(key, known, 1)
    if near:
        return f"this key is unknown; did you mean {near[0]}?"
    remedy = f"known: {', '.join(known)}" if known else "leave it out"
    return f"this key is unknown; {remedy}"


def _is_mistyped(one: ErrorDetails, model: type[BaseModel]) -> bool:
    """An unknown key that is nearly a known one."""
    *parents, key = one["loc"] or ("",)
    known = _keys_of(_model_at(tuple(parents), model))
    return one["type"] == "extra_forbidden" and bool(get_close_matches(str(key), known, 1))


def _keys_of(model: type[BaseModel] | None) -> list[str]:
    fields = model.model_fields.items() if model is not None else ()
    return [field.alias or name for name, field in fields]


def _model_at(place: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model whose keys stand at a place below that one; None where it is not plain which."""
    for part in place:
        if isinstance(part, int):
            continue
        fields = model.model_fields.items()
        found = [one.annotation for name, one in fields if part in (name, one.alias)]
        models = _models_in(found[0]) if found else []
        if len(models) != 1:
            return None
        model = models[0]
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for part in get_args(annotation) for one in _models_in(part)]
