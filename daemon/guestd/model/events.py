"""What happened in a guest session: journaled, then shown to frontends as JSON with exactly these
field names.

Every event of a guest session has the next `seq`: 1, 2, 3, … without holes. `kind` says which of
these it is. `KEY` names the field that the journal indexes: its value is unique with the kind
within the guest session, or "" where there is none. `at` is when it was recorded, in milliseconds
since 1970 by the journal's clock: it is set on recording, and rows of version 0.1 lack it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


# Without slots, alone among its kind: orjson writes an instance dictionary in a third of the time
# of a slotted one, and there are more of these than of all others together. It lives only until it
# is encoded.
@dataclass
class MessageEvent:
    """A message of the conversation, the guest's own echo (`direction: "Inbound"`) included.

    `late` marks one whose place was before messages already shown. `command_id` is set on the echo
    of a command."""

    KEY: ClassVar[str] = "id"

    seq: int
    id: str
    direction: str
    type: str
    text: str
    time: str
    sender: str = ""
    bot: bool = False
    late: bool = False
    command_id: str = ""
    message_id: str = ""
    content: list[Any] = field(default_factory=list)
    kind: str = "message"
    at: int = 0


@dataclass(slots=True)
class PresenceEvent:
    """Join, Disconnect, Clear or SignIn, in the conversation's order."""

    KEY: ClassVar[str] = "id"

    seq: int
    id: str
    direction: str
    presence: str
    time: str
    read_only: bool = False
    late: bool = False
    kind: str = "presence"
    at: int = 0


@dataclass(slots=True)
class TypingEvent:
    KEY: ClassVar[str] = ""

    seq: int
    on: bool
    duration_ms: int
    state: str = ""
    kind: str = "typing"
    at: int = 0


@dataclass(slots=True)
class ReceiptEvent:
    KEY: ClassVar[str] = ""

    seq: int
    sequence: str
    status: str = ""
    kind: str = "receipt"
    at: int = 0


@dataclass(slots=True)
class SessionEvent:
    """The guest session changed its state: live, resting, leaving, ended. `reason` is an ending's
    word, or "". `first` marks the `live` of the first connect; rows of version 0.1 lack it."""

    KEY: ClassVar[str] = ""

    seq: int
    state: str
    reason: str = ""
    read_only: bool = False
    first: bool = False
    kind: str = "session"
    at: int = 0


@dataclass(slots=True)
class AcceptedEvent:
    """A command was accepted: the intent, durable before any frame of it is sent."""

    KEY: ClassVar[str] = "command_id"

    seq: int
    command_id: str
    action: str
    text: str = ""
    kind: str = "accepted"
    at: int = 0


@dataclass(slots=True)
class DeliveryEvent:
    """What became of a command: `confirmed` by the platform, `failed` for `reason`, or
    `uncertain`. `code` is our own stable word for why; `platform_status`, `platform_code` and
    `correlation_id` are the platform's, where it was the platform that refused. `took_ms`: from the
    last sending of its frame to the confirmation; None where it was not confirmed, or was sent by
    another process. `latency_ms`: since the command was
    accepted."""

    KEY: ClassVar[str] = "command_id"

    seq: int
    command_id: str
    status: str
    reason: str = ""
    message_id: str = ""
    code: str = ""
    platform_status: int | None = None
    platform_code: str = ""
    correlation_id: str = ""
    latency_ms: float | None = None
    took_ms: float | None = None
    kind: str = "delivery"
    at: int = 0


@dataclass(slots=True)
class AttachmentEvent:
    """How far an `Attach` has come: `asked` for a place, `uploading`, `uploaded`, `retrying` for
    `reason`, `failed`, `withdrawn`. `code` is our own stable word for why; `platform_status`,
    `platform_code` and `correlation_id` are the platform's, of a place that it refused over REST
    (webchat), of a frame, or the storage's of an upload.

    What became of the message that carries it is told by its DeliveryEvent."""

    KEY: ClassVar[str] = ""

    seq: int
    command_id: str
    status: str
    filename: str
    size_bytes: int
    attachment_id: str = ""
    attempt: int = 1
    reason: str = ""
    correlation_id: str = ""
    code: str = ""
    platform_status: int | None = None
    platform_code: str = ""
    kind: str = "attachment"
    at: int = 0


@dataclass(slots=True)
class GapEvent:
    """Something is missing that could not be fetched: between these places messages may be lost to
    us."""

    KEY: ClassVar[str] = ""

    seq: int
    reason: str
    after: str = ""
    before: str = ""
    kind: str = "gap"
    at: int = 0


#: Events that are recorded as they are; an AcceptedEvent comes in the effect `Accept`.
Recorded = (
    MessageEvent
    | PresenceEvent
    | TypingEvent
    | ReceiptEvent
    | SessionEvent
    | DeliveryEvent
    | AttachmentEvent
    | GapEvent
)

Event = Recorded | AcceptedEvent
