"""`channel.time`: one canonical form, whose text order is its time order."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_CANONICAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

#: What is longer is no time, and not worth reading.
LENGTH_MAX = 64


def canonical(value: object) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` in UTC, or "" for what is not a time. Costs next to nothing if it is canonical already."""
    if not isinstance(value, str):
        return ""
    if _CANONICAL.fullmatch(value):
        return value
    if len(value) > LENGTH_MAX:
        return ""
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return ""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        when = when.astimezone(UTC)
    except OverflowError:
        return ""
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z" if when.year >= 1000 else ""
