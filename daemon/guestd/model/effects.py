"""What the thinking part wants done next.

The runner performs effects in order. An event among them wants to be recorded, and is not shown
it before it is durable."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .client_messages import ClientMessage
from .commands import Answer
from .endings import Ending
from .events import AcceptedEvent, Recorded


class SessionCounter(Enum):
    """Things worth counting that change nothing else. Also the words of the metrics."""

    __hash__ = object.__hash__  # a key for every count, and Enum's own is Python

    DUPLICATE = "duplicates"
    REORDERED = "reordered"
    LATE = "late"
    GAP_FILLED = "gap_filled"
    GAP_LEFT = "gap_left"
    GARBAGE = "garbage"
    UNKNOWN = "unknown"
    THROTTLED = "throttled"
    RESENT = "resent"
    HEARTBEAT_SENT = "heartbeats_sent"
    HEARTBEAT_LOST = "heartbeats_lost"
    PLATFORM_ERROR = "platform_errors"
    #: The platform knew nothing of a guest session that had been live.
    BEGUN_ANEW = "begun_anew"


@dataclass(slots=True)
class AskAdmission:
    """Wait for a place in the fleet-wide connect budget; answered by `Admitted`."""


@dataclass(slots=True)
class CancelAdmission:
    pass


@dataclass(slots=True)
class Dial:
    pass


@dataclass(slots=True)
class Say:
    message: ClientMessage


@dataclass(slots=True)
class Ping:
    """A WebSocket ping, where the dialect's heartbeat is one."""


@dataclass(slots=True)
class HangUp:
    code: int = 1000
    reason: str = ""


@dataclass(slots=True)
class Drop:
    """Abort the connection without a closing handshake: the peer is taken for dead."""


@dataclass(slots=True)
class SendAnswer:
    """Answer all who wait for that command, once; `only_newest`: the last that asked, because the
    others asked for something else."""

    answer: Answer
    only_newest: bool = False


@dataclass(slots=True)
class Accept:
    """Record that a command was accepted, with all that carrying it out after a restart needs."""

    event: AcceptedEvent
    intent: dict[str, Any]


@dataclass(slots=True)
class AwaitDurable:
    """Tell when the event of that seq is durable; answered by `EventDurable`."""

    seq: int


@dataclass(slots=True)
class FetchHistory:
    jwt: str = field(repr=False)
    page_number: int = 1
    attempt: int = 1


@dataclass(slots=True)
class JwtKnown:
    """The token that the history is read with, for whoever wanted it."""

    jwt: str = field(repr=False)


@dataclass(slots=True)
class AskPresigned:
    """Ask the platform's REST side where to upload a file (SOCK-6); answered by SlotGranted or
    SlotRefused. `key` is that of the call (HTTP-2). `command_id` and `attempt` say in the audit
    whose file it is, and which try."""

    attachment_id: str
    filename: str
    content_type: str
    size_bytes: int
    command_id: str = ""
    attempt: int = 1
    key: str = ""


@dataclass(slots=True)
class Upload:
    """PUT the file at `path` to a presigned URL with all of its headers; answered by `PutEnded`,
    unless cancelled."""

    attachment_id: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    content_type: str
    path: str
    size_bytes: int
    attempt: int = 1
    command_id: str = ""


@dataclass(slots=True)
class CancelUpload:
    attachment_id: str


@dataclass(slots=True)
class Discard:
    """Our own copy of a file is not needed any more."""

    path: str


@dataclass(slots=True)
class Count:
    """`name`: the platform's word for an `UNKNOWN`."""

    counter: SessionCounter
    count: int = 1
    name: str = ""


@dataclass(slots=True)
class Noted:
    """A line for the audit, about this guest session: the action, and what is known of it."""

    action: str
    status: str
    details: dict[str, Any]


@dataclass(slots=True)
class Echoed:
    """A command was confirmed by the platform `latency_s` after its frame was sent."""

    latency_s: float


@dataclass(slots=True)
class Finish:
    """The guest session is over; forget it."""

    ending: Ending


Effect = (
    Recorded
    | Accept
    | AskAdmission
    | CancelAdmission
    | Dial
    | Say
    | Ping
    | HangUp
    | Drop
    | SendAnswer
    | AwaitDurable
    | FetchHistory
    | JwtKnown
    | AskPresigned
    | Upload
    | CancelUpload
    | Discard
    | Count
    | Noted
    | Echoed
    | Finish
)

#: What a method of the pure part writes its effects to, in order.
Effects = list[Effect]
