"""What is kept of a bug of ours for the developer: where it happened and on what kind of input,
never a message's text.

Nothing here repeats a value: a text is described by its length, a number by its size in bits,
unknown keys by how many there are."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from msgspec import Struct, structs

from ..model.json_values import is_text

#: Levels and members of an input that are described; below and behind them only counts are.
LEVELS_MAX = 8
MEMBERS_MAX = 20


@dataclass(slots=True, frozen=True)
class Report:
    """One guest session that broke. `shape` describes the input, `frames` are the places of the
    traceback."""

    session_id: str
    at_ms: int
    input: str
    shape: Any
    machine: str
    error: str
    frames: tuple[str, ...]


def report_of(
    session_id: str, at_ms: int, given: object, machine: object, error: BaseException
) -> Report:
    try:
        described = repr(machine)
    except Exception:  # what is broken may not even be described
        described = f"<guest {session_id}>"
    kind, shape = type(given).__name__, shape_of(given)
    return Report(session_id, at_ms, kind, shape, described, type(error).__name__, places_of(error))


def _fields(value: Any) -> Iterable[Any]:
    return structs.fields(value) if isinstance(value, Struct) else fields(value)


def shape_of(value: Any, levels: int = LEVELS_MAX) -> Any:
    """The same structure with every text and number replaced by its size."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        return f"text of {len(value)} characters" + (
            "" if is_text(value) else ", with half a surrogate pair"
        )
    if isinstance(value, int):
        return f"integer of {value.bit_length()} bits"
    if levels == 0:
        return f"nested {type(value).__name__}"
    if is_dataclass(value) or isinstance(value, Struct):
        inner = {
            field.name: shape_of(getattr(value, field.name), levels - 1) for field in _fields(value)
        }
        return {"is": type(value).__name__, **inner}
    if isinstance(value, dict):
        return {
            "keys": len(value),
            "values": [shape_of(one, levels - 1) for one in list(value.values())[:MEMBERS_MAX]],
        }
    if isinstance(value, list | tuple):
        return {
            "items": len(value),
            "first": [shape_of(one, levels - 1) for one in value[:MEMBERS_MAX]],
        }
    return type(value).__name__


def places_of(error: BaseException) -> tuple[str, ...]:
    """The traceback without the error's own words, which may repeat what it met."""
    return tuple(
        f"{one.filename}:{one.lineno} {one.name}"
        for one in traceback.extract_tb(error.__traceback__)
    )


def log_bug(logger: logging.Logger, doing: str, error: BaseException) -> None:
    """An unexpected error, without its text."""
    logger.error(
        "%s failed: %s: our bug; %s",
        doing,
        type(error).__name__,
        " < ".join(reversed(places_of(error))),
    )
