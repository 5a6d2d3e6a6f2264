"""Instants as text: ISO 8601 in UTC with milliseconds, the one form that guestd writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime.fromtimestamp(0, UTC)


def iso(when: datetime, timespec: str = "milliseconds") -> str:
    """`2026-01-31T12:00:00.000Z`; `when` must have a time zone. Raises OverflowError at the ends of
    the calendar."""
    return when.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def iso_of_ms(epoch_ms: int) -> str:
    """As `iso`, of milliseconds since 1970."""
    return iso(utc_of_ms(epoch_ms))


def utc_of_ms(epoch_ms: int) -> datetime:
    """Exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=epoch_ms)
