"""A guest session's record in the journal, and how long it may still live."""

from __future__ import annotations

from ..model.ids import NOTHING, Guest
from ..model.journal import SessionRecord
from ..model.json_values import check_writable
from ..model.ports import OpenGuest


def check_guest_writable(guest: OpenGuest) -> None:
    """Raises CommandError if the journal cannot write it."""
    check_writable(
        {
            "name": guest.name,
            "email": guest.email,
            "attributes": guest.attributes,
            "metadata": guest.metadata,
            "display_name": guest.display_name,
        }
    )


def identity_of(guest: OpenGuest, session_id: str, token: str) -> Guest:
    return Guest(
        session_id,
        guest.name,
        token,
        guest.email,
        guest.attributes or NOTHING,
        guest.metadata or NOTHING,
        guest.display_name,
    )


def guest_of(record: SessionRecord) -> Guest:
    return Guest(
        record.session_id,
        record.name,
        record.token,
        record.email,
        record.attributes or NOTHING,
        record.metadata or NOTHING,
        record.display_name,
    )


def record_of(guest: Guest, opened_ms: int, ends_ms: int) -> SessionRecord:
    return SessionRecord(
        guest.session_id,
        guest.name,
        guest.token,
        guest.email,
        dict(guest.attributes),
        dict(guest.metadata),
        opened_ms,
        ends_ms,
        guest.display_name,
    )


def remaining_s(record: SessionRecord, epoch_ms: int) -> float:
    """How long a guest session of the journal may still last.

    By the wall clock, because the time that the daemon was away counts: a clock that is ahead
    therefore ends it. A clock that went back gives no more than the whole duration that was agreed
    (SESS-2)."""
    agreed_ms = record.ends_ms - record.opened_ms
    return max(0.0, min(record.ends_ms - epoch_ms, agreed_ms) / 1000.0)
