"""The figures one guest session lives by. Defaults are the contracts' (SOCK-2, SOCK-7, SESS-2) and
the platform's published limits (protocol §5); configuration may change every one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..model.traits import Traits


@dataclass(slots=True, frozen=True)
class SessionSettings:
    # SESS-2
    duration_s: float = 1800.0

    # SOCK-2
    reconnect_base_s: float = 1.0
    reconnect_jitter_s: float = 1.0
    reconnect_cap_s: float = 30.0
    reconnect_attempts_max: int = 10
    retry_after_max_s: float = 30.0  # what a Retry-After may ask for, of a link or of a message

    # how long a step may take before the link is taken for lost
    join_timeout_s: float = 10.0
    heartbeat_interval_s: float = 30.0
    heartbeat_timeout_s: float = 10.0
    leave_timeout_s: float = 15.0

    # SOCK-7; the dialect's own figures apply where these are None
    pacing: Literal["queue", "reject"] = "queue"
    when_down: Literal["queue", "reject"] = "reject"
    messages_per_s: float | None = None
    requests_per_minute: int | None = None
    text_max: int | None = None
    outbox_commands_max: int = 32
    confirm_timeout_s: float = 10.0
    answers_kept_max: int = 256

    # the inbox
    hold_initial_ms: float = 100.0
    hold_min_ms: float = 0.0
    hold_max_ms: float = 2000.0
    hold_trust_after: int = 20
    gap_wait_s: float = 2.0
    inbox_held_max: int = 256
    inbox_remembered_max: int = 256

    # the history
    history_retry_s: float = 2.0
    history_attempts_max: int = 8
    history_reads_per_minute: int = 10

    # attachments (SOCK-6)
    uploads_per_session_max: int = 3
    upload_attempts_max: int = 4
    upload_retry_s: float = 1.0
    slot_timeout_s: float = 15.0
    upload_confirm_timeout_s: float = 30.0
    file_bytes_max: int = 104_857_600
    file_types: tuple[str, ...] | None = None

    # end the conversation when asked to (Presence Clear if the deployment allows it, else
    # closeSession)
    join_on_new_session: bool = False
    conversation_clear: bool = False


def effective_traits(traits: Traits, settings: SessionSettings, can_attach: bool = True) -> Traits:
    """The dialect's traits with the configured limits in place of its own."""
    rules = traits.file_rules
    return replace(
        traits,
        messages_per_s=settings.messages_per_s or traits.messages_per_s,
        requests_per_minute=settings.requests_per_minute or traits.requests_per_minute,
        text_max=settings.text_max or traits.text_max,
        can_attach=can_attach,
        file_rules=rules
        if settings.file_types is None
        else replace(rules, types=settings.file_types),
    )
