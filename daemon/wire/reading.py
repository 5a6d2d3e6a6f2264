"""Looking into JSON that may be anything: each question has an answer of the asked type, whatever lies there."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
NOTHING: Json = {}


def obj(value: Any, key: str) -> Json:
    found = value.get(key)
    return found if type(found) is dict else NOTHING


def text(value: Json, key: str) -> str:
    found = value.get(key)
    return found if type(found) is str else ""


def number(value: Json, key: str) -> float | None:
    """A number, or a string that is one (health-check metadata, reference §3.5)."""
    found = value.get(key)
    if type(found) is int or type(found) is float:
        return float(found) if abs(found) < 1e15 else None
    if type(found) is str and len(found) < 32:
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
