"""Looking into JSON that may be anything: each question has an answer of the asked type, whatever
lies there."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from ..model.json_values import fault_in

Json = dict[str, Any]
NOTHING: Json = {}


#: A message id is told apart by all of it; a longer one is not kept.
ID_LENGTH_MAX = 256

#: From here on a number that was read as a double may have been an integer, whose digits are lost.
_EXACT_MAX = 2.0**63


def passable(content: list[Any]) -> str:
    """Why a message's content cannot be journaled and shown as it came, or "" if it can."""
    fault = fault_in(content)
    if fault is not None:
        return fault.reason
    return "holds an integer beyond the 64-bit range" if _has_rounded(content) else ""


def _has_rounded(value: Any) -> bool:
    """`value` is not deeper than `fault_in` allows."""
    if isinstance(value, dict):
        return any(map(_has_rounded, value.values()))
    if isinstance(value, list):
        return any(map(_has_rounded, value))
    return type(value) is float and abs(value) >= _EXACT_MAX


def identity_of(found: str) -> str:
    """The id by which a repetition is known: as it came, or a hash of one that is too long to be
    kept."""
    return found if len(found) <= ID_LENGTH_MAX else sha256(found.encode()).hexdigest()


def obj(value: Any, key: str) -> Json:
    found = value.get(key)
    return found if type(found) is dict else NOTHING


def text(value: Json, key: str) -> str:
    found = value.get(key)
    return found if type(found) is str else ""


def number(value: Json, key: str) -> float | None:
    """A number, or a string that is one (health-check metadata, protocol §3.5)."""
    found = value.get(key)
    if type(found) is int or type(found) is float:
        return float(found) if abs(found) < 1e15 else None
    if type(found) is str and len(found) < 32 and found.isascii():
        try:
            parsed = float(found)
        except ValueError:
            return None
        return parsed if abs(parsed) < 1e15 else None
    return None


def whole(value: Json, key: str, default: int = 0) -> int:
    found = number(value, key)
    return default if found is None else int(found)


def items(value: Json, key: str) -> list[Any]:
    found = value.get(key)
    return found if type(found) is list else []


def objects(value: Json, key: str) -> list[Json]:
    return [one for one in items(value, key) if type(one) is dict]


def texts(value: Json, key: str) -> tuple[str, ...]:
    return tuple(one for one in items(value, key) if type(one) is str)
