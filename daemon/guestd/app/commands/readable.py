"""Times and values as a person reads them in a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...observe.terminal_text import one_line


def ago(iso_time: str | None, now: datetime) -> str:
    """How long ago, in its largest unit or two: 4s, 12m, 3h 5m, 2d 1h; "-" without a time."""
    found = parsed(iso_time)
    return "-" if found is None else span((now - found).total_seconds())


def span(seconds: float) -> str:
    """A stretch of time, never below zero."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {whole % 60}s" if minutes else f"{whole}s"


def until(iso_time: str | None, now: datetime) -> str:
    found = parsed(iso_time)
    return "-" if found is None else span((found - now).total_seconds())


def parsed(iso_time: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(iso_time or "")
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def local_time(iso_time: str | None) -> str:
    """Day and time of day where the reader is."""
    found = parsed(iso_time)
    return "" if found is None else found.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def with_readable_times(facts: dict[str, Any]) -> dict[str, Any]:
    """`started_ms` and its kin as days and times of day, under the name without `_ms`."""
    return dict(_readable(key, value) for key, value in facts.items())


def _readable(key: str, value: Any) -> tuple[str, Any]:
    is_instant = key.endswith("_ms") and isinstance(value, int) and value > 10**12
    if is_instant:
        when = datetime.fromtimestamp(value / 1000, UTC).astimezone()
        return key.removesuffix("_ms"), when.strftime("%Y-%m-%d %H:%M:%S %Z")
    return key, value


def fact_lines(found: Any, indent: str = "") -> list[str]:
    """A line for each value, objects and lists indented below their name."""
    facts = with_readable_times({str(key): value for key, value in found.items()})
    facts = {key: value for key, value in facts.items() if value not in (None, "", [], {})}
    plain = [key for key, value in facts.items() if not _is_deep(value)]
    width = max(map(len, plain), default=0)
    lines: list[str] = []
    for key, value in facts.items():
        if not _is_deep(value):
            lines.append(f"{indent}{one_line(key).ljust(width)}  {one_line(value)}")
            continue
        lines.append(f"{indent}{one_line(key)}")
        for one in [value] if isinstance(value, dict) else value:
            inner = fact_lines(one, indent + "  ") if isinstance(one, dict) else []
            lines += inner or [f"{indent}  {one_line(one)}"]
    return lines


def _is_deep(value: Any) -> bool:
    return isinstance(value, dict | list)


def lost_line(place: str) -> str:
    """Above a table that is watched, while the daemon is away."""
    return f"guestd at {place} does not answer"


def watch_foot(left_out: int, lost_since: str = "") -> str:
    """The last line of a table that is watched: how many rows the screen has no place for, or
    since when the daemon is away, and so how old the table is."""
    if lost_since:
        return f"no answer since {lost_since}, trying again; q or Ctrl-C leaves"
    more = f"{left_out} more that a taller window shows; " if left_out > 0 else ""
    return f"{more}q or Ctrl-C leaves"
