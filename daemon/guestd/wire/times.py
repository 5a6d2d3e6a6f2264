"""`channel.time`: one canonical form, whose text order is its time order."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ..model.times import iso

#: Digits and nothing else: the journal makes a number of them.
is_canonical = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
).fullmatch
_CHARS_MAX = 64  # longer than any ISO 8601 instant


def canonical(value: object) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` in UTC, or "" for what is not a time. Costs next to nothing if it
    is canonical already."""
    if not isinstance(value, str):
        return ""
    if is_canonical(value):
        return value
    if len(value) > _CHARS_MAX or not value.isascii():
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
    return iso(when) if when.year >= 1000 else ""
