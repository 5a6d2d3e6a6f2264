"""What a virtual guest hears of its session. `at` is on the clock that only goes forward, in
seconds: when this process had it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

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


class Live(Struct, frozen=True, gc=False):
    """The connection is there, or there again (`first` False)."""

    first: bool


class Resting(Struct, frozen=True, gc=False):
    """The connection was lost; `cause` is a stable word."""

    cause: str


class SessionOver(Struct, frozen=True, gc=False):
    """Nothing more comes. `cause` is a stable word (`finished`: the guest's own end)."""

    cause: str

    @property
    def is_confirmed(self) -> bool:
        """The conversation is over at the platform; not: the session was given up."""
        return self.cause in _OVER_AT_PLATFORM


class MessageHeard(Struct, frozen=True, gc=False):
    """A message of the platform's side, in the conversation's order. `content`: cards, quick
    replies, files, as the platform sent them."""

    message_id: str
    text: str
    sender: str = ""
    bot: bool = False
    content: list[Any] = []
    late: bool = False


class EchoHeard(Struct, frozen=True, gc=False):
    """The guest's own message, as the platform has it."""

    command_id: str
    message_id: str
    text: str


class PresenceHeard(Struct, frozen=True, gc=False):
    """Join, Disconnect, Clear or SignIn; `over`: the conversation takes no more messages."""

    presence: str
    over: bool


class TypingHeard(Struct, frozen=True, gc=False):
    """The agent types."""


class Settled(Struct, frozen=True, gc=False):
    """What became of a message or file: confirmed, failed or uncertain. `took_s`: from its last
    sending to the confirmation, None where unknown."""

    command_id: str
    status: str
    reason: str = ""
    code: str = ""
    took_s: float | None = None


class CommandRefused(Struct, frozen=True, gc=False):
    """A command was not accepted."""

    command_id: str
    code: str
    reason: str


class GapHeard(Struct, frozen=True, gc=False):
    """Something is missing that could not be fetched."""

    reason: str


class PersonaSaid(Struct, frozen=True, gc=False):
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
