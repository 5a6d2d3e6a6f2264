"""What happens to a guest session from our own side. Signals from the platform are inputs as well
(`model.signals`)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from ..model.commands import Command
from ..model.endings import Cause, Ending
from ..model.failures import PlatformFailure
from ..model.signals import MessageArrived
from .accepted import Accepted


@dataclass(slots=True)
class Opened:
    """The guest session exists; connect it."""


@dataclass(slots=True)
class Admitted:
    """The fleet's connect budget has a place for us."""


@dataclass(slots=True)
class ConnectionOpened:
    """The WebSocket is open. Not yet ready: the platform has to say so."""


@dataclass(slots=True)
class DialFailed:
    ending: Ending


@dataclass(slots=True)
class ConnectionEnded:
    ending: Ending


@dataclass(slots=True)
class PongArrived:
    pass


@dataclass(slots=True)
class DeadlineReached:
    pass


@dataclass(slots=True)
class CommandGiven:
    """`accepted`: what the journal says of a command that the machine does not remember any more,
    or not the content of; None: never accepted, or not asked."""

    command: Command
    accepted: Accepted | None = None


@dataclass(slots=True)
class IntentDurable:
    """The journal holds the intent of this command: from now on its frame may be sent."""

    command_id: str


@dataclass(slots=True)
class EventDurable:
    """The journal holds the event that `AwaitDurable` named, and all before it."""

    seq: int


@dataclass(slots=True)
class HistoryRead:
    """One page, newest first. `shown`: the identities of those that were shown already, where only
    the journal can tell."""

    items: list[MessageArrived]
    page_number: int
    page_count: int
    total: int
    shown: Container[str] = ()


@dataclass(slots=True)
class HistoryUnread:
    """A page that could not be read; `worth_retrying` is False if the platform refused."""

    reason: str
    worth_retrying: bool
    retry_after_s: float | None = None


@dataclass(slots=True)
class JwtWanted:
    """Someone outside the session wants the token that its history is read with; answered by
    `JwtKnown` when the platform has granted one, and not at all if it does not."""


@dataclass(slots=True)
class PutEnded:
    """An upload's PUT is over: `problem` is "" if the storage took it. `is_file_lost`: our own copy
    cannot be read. `failure`: what the storage said. `retry_after_s`: how long it asked to wait, or
    0."""

    attachment_id: str
    status: int | None = None
    problem: str = ""
    is_file_lost: bool = False
    failure: PlatformFailure | None = None
    retry_after_s: float = 0.0


@dataclass(slots=True)
class LeaveAsked:
    """End in an orderly way: say goodbye to the platform, whatever state we are in."""

    cause: Cause = Cause.FINISHED


OwnInput = (
    Opened
    | Admitted
    | ConnectionOpened
    | DialFailed
    | ConnectionEnded
    | PongArrived
    | DeadlineReached
    | CommandGiven
    | IntentDurable
    | EventDurable
    | HistoryRead
    | HistoryUnread
    | JwtWanted
    | PutEnded
    | LeaveAsked
)
