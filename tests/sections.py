"""Settings for a test: figures by name, each put into the section that has it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from pydantic import SecretStr

from guestd.session.settings import SessionSettings


def split(figures: dict[str, Any], *sections: type) -> list[Any]:
    """One object of each class; a figure goes to the first class that has a field of its name."""
    given: list[dict[str, Any]] = [{} for _ in sections]
    for name, value in figures.items():
        (place, *_) = [n for n, one in enumerate(sections) if name in names_of(one)] or [None]
        assert place is not None, f"{name} is in none of these sections"
        is_secret = name == "token" and isinstance(value, str)
        given[place][name] = SecretStr(value) if is_secret else value
    return [section(**one) for section, one in zip(sections, given, strict=True)]


def names_of(section: type) -> set[str]:
    return {one.name for one in fields(section)}


#: Names of figures in tests of guest sessions, and the section and key that each is.
OF_A_SESSION = {
    "duration_s": ("lifetime", "duration_s"),
    "reconnect_base_s": ("reconnect", "base_s"),
    "reconnect_jitter_s": ("reconnect", "jitter_s"),
    "reconnect_cap_s": ("reconnect", "cap_s"),
    "reconnect_attempts_max": ("reconnect", "attempts_max"),
    "retry_after_max_s": ("reconnect", "retry_after_max_s"),
    "join_timeout_s": ("lifetime", "join_timeout_s"),
    "leave_timeout_s": ("lifetime", "leave_timeout_s"),
    "heartbeat_interval_s": ("heartbeat", "interval_s"),
    "heartbeat_timeout_s": ("heartbeat", "timeout_s"),
    "pacing": ("messages", "pacing"),
    "when_down": ("messages", "when_down"),
    "messages_per_s": ("messages", "per_s"),
    "requests_per_minute": ("messages", "requests_per_minute"),
    "text_max": ("messages", "text_max"),
    "outbox_commands_max": ("messages", "waiting_max"),
    "confirm_timeout_s": ("messages", "confirm_timeout_s"),
    "hold_initial_ms": ("inbox", "hold_initial_ms"),
    "hold_min_ms": ("inbox", "hold_min_ms"),
    "hold_max_ms": ("inbox", "hold_max_ms"),
    "gap_wait_s": ("inbox", "gap_wait_s"),
    "inbox_held_max": ("inbox", "held_max"),
    "inbox_remembered_max": ("inbox", "remembered_max"),
    "history_retry_s": ("history", "retry_s"),
    "history_attempts_max": ("history", "attempts_max"),
    "history_reads_per_minute": ("history", "reads_per_minute"),
    "uploads_per_session_max": ("attachments", "per_session_max"),
    "upload_attempts_max": ("attachments", "attempts_max"),
    "upload_retry_s": ("attachments", "retry_s"),
    "slot_timeout_s": ("attachments", "slot_timeout_s"),
    "upload_confirm_timeout_s": ("attachments", "confirm_timeout_s"),
    "file_bytes_max": ("attachments", "file_bytes_max"),
    "file_types": ("attachments", "types"),
}


def session_settings(**figures: Any) -> SessionSettings:
    """By the names of OF_A_SESSION, or by those of SessionSettings' own fields."""
    found = SessionSettings()
    for name, value in figures.items():
        section, key = OF_A_SESSION.get(name, (name, ""))
        new = replace(getattr(found, section), **{key: value}) if key else value
        found = replace(found, **{section: new})
    return found
