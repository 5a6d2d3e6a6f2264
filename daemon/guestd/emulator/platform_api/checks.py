"""Checks of a request body against the contracts. Each takes a place such as `to[0].id`, and names
it in its refusal.

The checks are written anew from the contracts and share nothing with those of guestd, so that one
cannot excuse the other."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ...model.numbers import whole_number
from ..core.records import Json
from ..core.text import javascript_length
from .calls import wrong

_STEP = re.compile(r"[^.\[\]]+")


def find(body: Any, place: str) -> Any:
    """The value at that place; None if there is none."""
    for step in _STEP.findall(place):
        if isinstance(body, list) and step.isdecimal():
            body = body[int(step)] if int(step) < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def text(body: Any, place: str, characters_max: int = 8192) -> str:
    found = find(body, place)
    if found is None:
        raise wrong(place, "is required")
    if not isinstance(found, str) or not found.strip():
        raise wrong(place, "must be a string that is not empty")
    length = javascript_length(found)
    if length > characters_max:
        raise wrong(place, f"has {length} characters, the limit is {characters_max}")
    return found


def one_of(body: Any, place: str, allowed: Collection[str]) -> str:
    found = text(body, place)
    if found not in allowed:
        raise wrong(place, f"is {found!r}, must be one of {', '.join(allowed)}")
    return found


def uuid(body: Any, place: str) -> str:
    found = text(body, place)
    try:
        return str(UUID(found))
    except ValueError:
        raise wrong(place, "must be a UUID") from None


def whole(body: Any, place: str, low: int, high: int, default: int | None = None) -> int:
    found = find(body, place)
    if found is None and default is not None:
        return default
    if found is None:
        raise wrong(place, "is required")
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise wrong(place, f"must be a whole number from {low} to {high}")
    return found


def number(body: Any, place: str, low: float, high: float, default: float | None = None) -> float:
    found = find(body, place)
    if found is None and default is not None:
        return default
    if found is None:
        raise wrong(place, "is required")
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        raise wrong(place, f"must be a number from {low:g} to {high:g}")
    return found


def an_object(body: Any, place: str, default: Json | None = None) -> Json:
    found = find(body, place)
    if found is None and default is not None:
        return default
    if found is None:
        raise wrong(place, "is required")
    if not isinstance(found, dict):
        raise wrong(place, "must be an object")
    return found


def a_list(body: Any, place: str, default: list[Any] | None = None) -> list[Any]:
    found = find(body, place)
    if found is None and default is not None:
        return default
    if found is None:
        raise wrong(place, "is required")
    if not isinstance(found, list):
        raise wrong(place, "must be a list")
    return found


def instant(value: Any, place: str) -> float:
    """ISO 8601 → epoch seconds; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong(place, "must be an ISO 8601 time") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def page(query: Any, size_max: int = 100) -> tuple[int, int]:
    """`pageNumber` and `pageSize` of a query."""
    found = []
    for name, default, high in (("pageNumber", "1", 1_000_000), ("pageSize", "25", size_max)):
        given = whole_number(query.get(name, default))
        if given is None or not 1 <= given <= high:
            raise wrong(name, f"must be a whole number from 1 to {high}")
        found.append(given)
    return found[0], found[1]


def url(value: Any, place: str, schemes: tuple[str, ...] = ("https://",)) -> str:
    if not isinstance(value, str) or not value.startswith(schemes) or len(value) > 2048:
        raise wrong(place, f"must be a URL that starts with {' or '.join(schemes)}")
    return value
