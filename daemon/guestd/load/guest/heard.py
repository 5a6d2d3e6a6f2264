"""What a virtual guest hears of its session. `at` is on the clock that only goes forward, in
seconds: when this process had it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...model.endings import Cause

_OVER_AT_PLATFORM = frozenset(
    one.value
    for one in (
        Cause.FINISHED,
        Cause.DRAINED,
        Cause.DURATION_REACHED,
        Cause.SESSION_EXPIRED,
        Cause.SESSION_UNKNOWN,
        Cause.SESSION_CLEARED,
        Cause.LOGGED_OUT,
    )
)


@dataclass(slots=True, frozen=True)
class Live:
    """The connection is there, or there again (`first` False)."""

    first: bool


@dataclass(slots=True, frozen=True)
class Resting:
    """The connection was lost; `cause` is a stable word."""

    cause: str


@dataclass(slots=True, frozen=True)
class SessionOver:
    """Nothing more comes. `cause` is a stable word (`finished`: the guest's own end)."""

    cause: str

    @property
    def is_confirmed(self) -> bool:
        """The conversation is over at the platform; not: the session was given up."""
        return self.cause in _OVER_AT_PLATFORM


@dataclass(slots=True, frozen=True)
class MessageHeard:
    """A message of the platform's side, in the conversation's order. `content`: cards, quick
    replies, files, as the platform sent them."""

    message_id: str
    text: str
    sender: str = ""
    bot: bool = False
    content: list[Any] = field(default_factory=list)
    late: bool = False


@dataclass(slots=True, frozen=True)
class EchoHeard:
    """The guest's own message, as the platform has it."""

    command_id: str
    message_id: str
    text: str


@dataclass(slots=True, frozen=True)
class PresenceHeard:
    """Join, Disconnect, Clear or SignIn; `over`: the conversation takes no more messages."""

    presence: str
    over: bool


@dataclass(slots=True, frozen=True)
class TypingHeard:
    """The agent types."""


@dataclass(slots=True, frozen=True)
class Settled:
    """What became of a message or file: confirmed, failed or uncertain. `took_s`: from its last
    sending to the confirmation, None where unknown."""

    command_id: str
    status: str
    reason: str = ""
    code: str = ""
    took_s: float | None = None


@dataclass(slots=True, frozen=True)
class CommandRefused:
    """A command was not accepted."""

    command_id: str
    code: str
    reason: str


@dataclass(slots=True, frozen=True)
class GapHeard:
    """Something is missing that could not be fetched."""

    reason: str


@dataclass(slots=True, frozen=True)
class PersonaSaid:
    """The language model's next text; `error` where there is none."""

    text: str
    error: str = ""


Heard = (
    Live
    | Resting
    | SessionOver
    | MessageHeard
    | EchoHeard
    | PresenceHeard
    | TypingHeard
    | Settled
    | CommandRefused
    | GapHeard
    | PersonaSaid
)
