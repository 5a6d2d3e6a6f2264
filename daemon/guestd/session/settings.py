"""The settings of one guest session. Defaults are the contracts' (SOCK-2, SOCK-7, SESS-2) and
the platform's published limits (protocol §5); configuration may change every one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from ..model.settings import Count, Doc, Milliseconds, Seconds, SecondsOrZero
from ..model.traits import Traits
from ..policy.backoff import Backoff


@dataclass(slots=True, frozen=True)
class LifetimeSettings:
    """How long one guest session lives, and how long its first and last steps may take."""

    duration_s: Annotated[
        Seconds,
        Ge(1),
        Le(2700),
        Doc("A guest session's life, 1 to 2700 s; then it is ended in an orderly way."),
    ] = 1800.0
    join_timeout_s: Annotated[
        Seconds,
        Doc(
            "How long the platform may take to acknowledge the hello before the connection "
            "counts as lost."
        ),
    ] = 10.0
    leave_timeout_s: Annotated[
        Seconds,
        Doc(
            "How long a goodbye may take, waiting messages included, before the session is "
            "given up."
        ),
    ] = 15.0


@dataclass(slots=True, frozen=True)
class MessageSettings:
    """Messages on their way to the platform: pacing, waiting, confirmation."""

    pacing: Annotated[
        Literal["queue", "reject"],
        Doc(
            'What happens to messages that come too fast: "queue" paces them, '
            '"reject" answers with the error rate_limited.'
        ),
    ] = "queue"
    when_down: Annotated[
        Literal["queue", "reject"],
        Doc(
            'What happens to messages while a lost connection is not back: "reject" answers'
            ' with the error not_ready, "queue" keeps them. Before the first '
            "connection messages wait."
        ),
    ] = "reject"
    per_s: Annotated[
        Annotated[float, Gt(0)] | None,
        Doc(
            "Messages per second and session; the dialect's own limit (webmessaging 5, "
            "webchat 10) if left out.",
            example=5.0,
        ),
    ] = None
    requests_per_minute: Annotated[
        Count | None,
        Doc(
            "Requests per minute and connection; the dialect's own limit (webmessaging 60, "
            "webchat none) if left out.",
            example=60,
        ),
    ] = None
    text_max: Annotated[
        Count | None,
        Doc(
            "The longest text: bytes in webmessaging, UTF-16 units in webchat (what "
            "JavaScript's length counts); 4096 in both if left out.",
            example=4096,
        ),
    ] = None
    waiting_max: Annotated[
        Count,
        Doc(
            "Messages waiting per session; one more is refused (overloaded). A bound on "
            "memory: sessions × this × text."
        ),
    ] = 32
    confirm_timeout_s: Annotated[
        Seconds,
        Doc("A message that is not confirmed within this time is looked up in the history."),
    ] = 10.0


@dataclass(slots=True, frozen=True)
class AttachmentSettings:
    """Files that guests attach: uploads under way, their time limits, and where files wait."""

    per_session_max: Annotated[
        Count,
        Doc(
            "Files of one guest session under way at once; the rest wait, and so do the "
            "messages behind them."
        ),
    ] = 3
    inflight_max: Annotated[
        Count, Doc("Files of all guest sessions under way at once; the rest wait.")
    ] = 100
    attempts_max: Annotated[
        Count,
        Doc(
            "How often a file is tried, each time with a fresh upload URL. In webchat each try "
            "asks for it in one REST call, which itself makes up to rest.attempts_max requests: "
            "the two numbers multiply."
        ),
    ] = 4
    retry_s: Annotated[
        Seconds,
        Doc(
            "The pause before the second try, or what the platform asks for if that is longer; it "
            "doubles from there. After a dead upload URL (403, 404, 410) the second try "
            "is made at once, and this is the pause before the third."
        ),
    ] = 1.0
    slot_timeout_s: Annotated[
        Seconds,
        Doc(
            "How long the platform may take to name an upload URL, in webmessaging; in webchat the "
            "limits of REST calls count (rest.timeout_s, rest.deadline_s)."
        ),
    ] = 15.0
    stall_timeout_s: Annotated[Seconds, Doc("How long an upload may make no progress.")] = 30.0
    confirm_timeout_s: Annotated[
        Seconds, Doc("How long the platform may take to confirm a file that was uploaded.")
    ] = 30.0
    file_bytes_max: Annotated[
        Count, Doc("The largest file, below whatever the platform allows (the real one: 10 MB).")
    ] = 104_857_600
    types: Annotated[
        tuple[str, ...] | None,
        Doc(
            "What may be attached where the platform does not say: in webchat image/png, "
            "image/jpeg and application/pdf; in webmessaging the guest session's own "
            "profile decides, else the deployment's.",
            example=("image/*", "application/pdf"),
        ),
    ] = None
    spool_directory: Annotated[
        str | None,
        Doc(
            'Where files wait for their upload; if left out, "spool" in the journal\'s '
            "directory, or without a journal a private temporary directory.",
            example="/var/lib/guestd/spool",
        ),
    ] = None
    spool_bytes_max: Annotated[
        Count,
        Doc("How many bytes the waiting files may take together; more is refused (overloaded)."),
    ] = 2_147_483_648


@dataclass(slots=True, frozen=True)
class InboxSettings:
    """The order of arriving messages: how long one may be held back for an earlier one."""

    hold_initial_ms: Annotated[
        Milliseconds,
        Doc(
            "How long an arrived message may wait for an earlier one at the start. The time"
            " falls to hold_min_ms while traffic is in order, and rises to twice what was "
            "seen when it is not."
        ),
    ] = 100.0
    hold_min_ms: Annotated[
        Milliseconds,
        Doc("The least of that time. Set it above 0 to buy order from the first message."),
    ] = 0.0
    hold_max_ms: Annotated[Milliseconds, Doc("The most of that time.")] = 2000.0
    gap_wait_s: Annotated[
        SecondsOrZero,
        Doc(
            "webchat: how long a missing sequence number is awaited before the gap is reported."
            " A gap that nothing fills halves the wait for the next one, down to 100 ms; it is"
            " whole again after messages in order, one that fills a gap, or a reconnect."
        ),
    ] = 2.0
    held_max: Annotated[
        Count, Doc("Messages held per session while a gap is filled; one more releases the oldest.")
    ] = 256
    remembered_max: Annotated[
        Count,
        Doc(
            "Message identities remembered per session to recognize a repetition; about 150"
            " bytes each, allocated as messages come."
        ),
    ] = 256


@dataclass(slots=True, frozen=True)
class HistorySettings:
    """Reading the platform's history, to fill a gap or to look up a message."""

    retry_s: Annotated[Seconds, Doc("The pause between tries.")] = 2.0
    attempts_max: Annotated[Count, Doc("How many tries there are.")] = 8
    reads_per_minute: Annotated[
        Count, Doc("Reads of one session per minute: the platform's own limit.")
    ] = 10
    inflight_max: Annotated[Count, Doc("Reads at once over all sessions; more wait in line.")] = 16
    timeout_s: Annotated[Seconds, Doc("The time limit of one REST call.")] = 15.0


@dataclass(slots=True, frozen=True)
class HeartbeatSettings:
    """Noticing that a connection is dead."""

    interval_s: Annotated[
        Seconds,
        Ge(16),
        Doc(
            "Echo and WebSocket ping take turns, one every so many seconds. The platform "
            "allows two echoes a minute: 16 s is the least."
        ),
    ] = 30.0
    timeout_s: Annotated[
        Seconds,
        Doc("After a heartbeat has been unanswered for so long, the connection counts as lost."),
    ] = 10.0


@dataclass(slots=True, frozen=True)
class ReconnectSettings:
    """After a lost connection: min(base × 2^n + random(0..jitter), cap) before try n."""

    base_s: Annotated[Seconds, Doc("The pause before the first try; it doubles from there.")] = 1.0
    jitter_s: Annotated[SecondsOrZero, Doc("Up to so much is added to each pause at random.")] = 1.0
    cap_s: Annotated[Seconds, Doc("The longest pause.")] = 30.0
    attempts_max: Annotated[
        Count,
        Doc(
            "Tries without an acknowledgement before the session is given up: 10 outlast three "
            "minutes, 100 the longest life of a session."
        ),
    ] = 10
    retry_after_max_s: Annotated[
        Seconds,
        Doc(
            "The most that a Retry-After of the platform, or of a proxy before it, may ask "
            "for: at a refused connection (then of every guest session of the deployment) "
            "and for a throttled message. No longer than our own longest pause, unless you "
            "know better."
        ),
    ] = 30.0

    def backoff(self) -> Backoff:
        return Backoff(self.base_s, self.jitter_s, self.cap_s, self.attempts_max)


@dataclass(slots=True, frozen=True)
class SessionSettings:
    """The sections that one guest session uses, and what its deployment decides:
    `join_on_new_session` where it starts conversations by itself, `conversation_clear` where a
    conversation is ended by Presence Clear instead of closeSession."""

    lifetime: LifetimeSettings = LifetimeSettings()
    reconnect: ReconnectSettings = ReconnectSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    messages: MessageSettings = MessageSettings()
    inbox: InboxSettings = InboxSettings()
    history: HistorySettings = HistorySettings()
    attachments: AttachmentSettings = AttachmentSettings()
    answers_kept_max: int = 256
    join_on_new_session: bool = False
    conversation_clear: bool = False


def effective_traits(traits: Traits, settings: SessionSettings, can_attach: bool = True) -> Traits:
    """The dialect's traits with the configured limits in place of its own."""
    rules = traits.file_rules
    return replace(
        traits,
        messages_per_s=settings.messages.per_s or traits.messages_per_s,
        requests_per_minute=settings.messages.requests_per_minute or traits.requests_per_minute,
        text_max=settings.messages.text_max or traits.text_max,
        can_attach=can_attach,
        file_rules=rules
        if settings.attachments.types is None
        else replace(rules, types=settings.attachments.types),
    )
