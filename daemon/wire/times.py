"""`channel.time`: one canonical form, whose text order is its time order."""

from __future__ import annotations

from datetime import UTC, datetime

CANONICAL_LENGTH = len("2027-05-31T09:15:02.417Z")


def canonical(value: object) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` in UTC, or "" for what is not a time. Costs next to nothing if it is canonical already."""
    if not isinstance(value, str):
        return ""
    if len(value) == CANONICAL_LENGTH and value[23] == "Z" and value[19] == "." and value[10] == "T":
        return value
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
