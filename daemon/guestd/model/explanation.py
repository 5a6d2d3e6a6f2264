"""Why a guest session is where it is, in values: what it waits for, and the facts beside it.

`session/explain.py` makes it. Times are epoch milliseconds, None where there is none."""

from __future__ import annotations

from dataclasses import dataclass

#: What is said where there is nothing to wait for.
WAITS_FOR_NOTHING = "Waits for nothing."


@dataclass(slots=True, frozen=True)
class SessionWait:
    """One thing that a guest session waits for. `code` is a stable word, `sentence` says it to a
    person, `detail` what happens next, and when."""

    code: str
    sentence: str
    detail: str
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(slots=True, frozen=True)
class BudgetUse:
    """How much of a budget is used. `by`: whose it is: session, connection or daemon."""

    name: str
    used: int
    limit: int
    by: str
    frees_at_ms: int | None = None


@dataclass(slots=True, frozen=True)
class CloseFacts:
    """How a connection, or a try to open one, ended. `by`: platform, network or guestd."""

    at_ms: int | None
    cause: str
    code: int | None
    by: str
    reason: str


@dataclass(slots=True, frozen=True)
class ConnectionFacts:
    """`n` counts the connections that were opened, `tries` those to open one since the session was
    live. `address` is what the socket is connected to, "" without one."""

    n: int
    host: str
    address: str
    since_ms: int | None
    tries: int
    last_close: CloseFacts | None


@dataclass(slots=True, frozen=True)
class HeartbeatFacts:
    """`last_ms`: what the last answer took."""

    last_ms: float | None
    next_at_ms: int | None


@dataclass(slots=True, frozen=True)
class HoldFacts:
    """Messages that are held back until they may be shown in order."""

    held: int
    oldest_at_ms: int | None


@dataclass(slots=True, frozen=True)
class UnconfirmedCommand:
    """A message of the guest's that is not confirmed. `state`: storing, uploading, ready, sent, or
    doubted (it may have been sent before a restart)."""

    command_id: str
    action: str
    text: str
    state: str
    since_ms: int | None
    attempts: int
    tracing_id: str


@dataclass(slots=True, frozen=True)
class UploadFacts:
    """A file on its way. `step`: waiting, asked, putting, confirming or done."""

    command_id: str
    filename: str
    size_bytes: int
    step: str
    attempts: int
    until_ms: int | None


@dataclass(slots=True, frozen=True)
class ConnectionSpan:
    """A connection of before."""

    from_ms: int | None
    to_ms: int | None
    cause: str


@dataclass(slots=True, frozen=True)
class Explanation:
    """`waits_for` has the nearest first."""

    session_id: str
    name: str
    state: str
    since_ms: int | None
    waits_for: tuple[SessionWait, ...]
    buckets: tuple[BudgetUse, ...]
    connection: ConnectionFacts
    heartbeat: HeartbeatFacts
    hold: HoldFacts
    unconfirmed: tuple[UnconfirmedCommand, ...]
    uploads: tuple[UploadFacts, ...]
    expires_at_ms: int | None
    connections: tuple[ConnectionSpan, ...]

    @property
    def sentence(self) -> str:
        return self.waits_for[0].sentence if self.waits_for else WAITS_FOR_NOTHING
