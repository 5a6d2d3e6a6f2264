"""What happened in a guest session: journaled, then shown to frontends as JSON with exactly these
field names.

Every event of a guest session has the next `seq`: 1, 2, 3, … without holes. `kind` says which of
these it is. `KEY` names the field that the journal indexes: its value is unique with the kind
within the guest session, or "" where there is none. `at` is set on recording.

What a field means stands beside it: the OpenAPI and AsyncAPI documents and the pages of reference
are written from here."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

from msgspec import NODEFAULT, Struct, structs

from .settings import Doc

Seq = Annotated[int, Doc("Its place in the guest session: 1, 2, 3, … without holes.")]
Direction = Annotated[str, Doc("Inbound: from the guest; Outbound: from the platform.")]
PlatformTime = Annotated[str, Doc("When the platform processed it (ISO 8601, UTC, milliseconds).")]
Late = Annotated[bool, Doc("True if its place was before messages that had been shown already.")]
CommandId = Annotated[str, Doc("The id of the command.")]
Code = Annotated[str, Doc("guestd's stable word for why it failed; the errors' page has them all.")]
PlatformStatus = Annotated[int | None, Doc("The HTTP status of the platform's refusal.")]
PlatformCode = Annotated[str, Doc("The platform's own code: of an error frame, or of a call.")]
CorrelationId = Annotated[str, Doc("The platform's id of its refusal, for its support.")]

RecordedAt = Annotated[
    int,
    Doc("When it was recorded, in milliseconds since 1970; 0 in events of version 0.1."),
]


# A Struct, alone among its kind: there are more of these than of all others together, and one is
# made and encoded in a quarter of the time of a dataclass. No reference leads back to one.
class MessageEvent(Struct, gc=False):
    """A message of the conversation, the guest's own echo (`direction: "Inbound"`) included."""

    KEY: ClassVar[str] = "id"

    seq: Seq
    id: Annotated[str, Doc("The platform's id of the message.")]
    direction: Direction
    type: Annotated[str, Doc("Text or Structured.")]
    text: Annotated[str, Doc("What was said; empty where there is only a file.")]
    time: PlatformTime
    sender: Annotated[str, Doc("The nickname of who speaks, if the platform gives one.")] = ""
    bot: Annotated[bool, Doc("True if a bot speaks, and not a person.")] = False
    late: Late = False
    command_id: Annotated[str, Doc("Of the guest's own: the command that sent it.")] = ""
    message_id: Annotated[
        str, Doc("The platform's second id, of a guest's own message (channel.messageId).")
    ] = ""
    content: Annotated[
        list[Any], Doc("Cards, quick replies, files: content items as the platform sent them.")
    ] = []
    kind: Literal["message"] = "message"
    at: RecordedAt = 0

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """For the documents of the API: as for a dataclass of the same fields."""
        hints = get_type_hints(cls, include_extras=True)
        described = [(one.name, hints[one.name], _default_of(one)) for one in structs.fields(cls)]
        own = {"__doc__": cls.__doc__}
        return handler.generate_schema(make_dataclass(cls.__name__, described, namespace=own))


def _default_of(one: structs.FieldInfo) -> Any:
    if one.default_factory is not NODEFAULT:
        return field(default_factory=one.default_factory)
    return field() if one.default is NODEFAULT else field(default=one.default)


@dataclass(slots=True)
class PresenceEvent:
    """Join, Disconnect, Clear or SignIn, in the conversation's order."""

    KEY: ClassVar[str] = "id"

    seq: Seq
    id: Annotated[str, Doc("The platform's id of the event.")]
    direction: Direction
    presence: Annotated[str, Doc("Join, Disconnect, Clear or SignIn.")]
    time: PlatformTime
    read_only: Annotated[bool, Doc("True if the conversation takes no more messages.")] = False
    late: Late = False
    kind: Literal["presence"] = "presence"
    at: RecordedAt = 0


@dataclass(slots=True)
class TypingEvent:
    """The agent is typing, or has stopped."""

    KEY: ClassVar[str] = ""

    seq: Seq
    on: Annotated[bool, Doc("True while the agent is typing.")]
    duration_ms: Annotated[int, Doc("How long to show it, in milliseconds.")]
    state: Annotated[str, Doc("The platform's own word, in the webchat dialect.")] = ""
    kind: Literal["typing"] = "typing"
    at: RecordedAt = 0


@dataclass(slots=True)
class ReceiptEvent:
    """A read receipt for a message of the guest (webchat)."""

    KEY: ClassVar[str] = ""

    seq: Seq
    sequence: Annotated[str, Doc("The sequenceId of the message.")]
    status: Annotated[str, Doc("The platform's word for what became of it.")] = ""
    kind: Literal["receipt"] = "receipt"
    at: RecordedAt = 0


@dataclass(slots=True)
class SessionEvent:
    """The guest session changed its state."""

    # `reason` is an ending's word, or "". Rows of earlier versions lack `first` or `latency_ms`.

    KEY: ClassVar[str] = ""

    seq: Seq
    state: Annotated[str, Doc("live, resting, leaving or ended.")]
    reason: Annotated[str, Doc("Why it rests or has ended, as a stable word; or empty.")] = ""
    read_only: Annotated[bool, Doc("True if the conversation takes no more messages.")] = False
    first: Annotated[bool, Doc("True for the live of the first connect.")] = False
    latency_ms: Annotated[
        float | None,
        Doc("Of live: milliseconds from the beginning of the dial to the platform's answer."),
    ] = None
    kind: Literal["session"] = "session"
    at: RecordedAt = 0


@dataclass(slots=True)
class AcceptedEvent:
    """A command was accepted; it is durable, and is carried out also after a crash."""

    KEY: ClassVar[str] = "command_id"

    seq: Seq
    command_id: CommandId
    action: Annotated[str, Doc("send, reply, context, attach or end.")]
    text: Annotated[str, Doc("Of a message: what is to be said.")] = ""
    kind: Literal["accepted"] = "accepted"
    at: RecordedAt = 0


@dataclass(slots=True)
class DeliveryEvent:
    """What became of a message or file."""

    KEY: ClassVar[str] = "command_id"

    seq: Seq
    command_id: CommandId
    status: Annotated[str, Doc("confirmed, sent (webchat), failed or uncertain.")]
    reason: Annotated[str, Doc("Why it failed or is uncertain, in words.")] = ""
    message_id: Annotated[str, Doc("The platform's id of the message.")] = ""
    code: Code = ""
    platform_status: PlatformStatus = None
    platform_code: PlatformCode = ""
    correlation_id: CorrelationId = ""
    latency_ms: Annotated[
        float | None, Doc("Milliseconds since the command was accepted; null where unknown.")
    ] = None
    took_ms: Annotated[
        float | None,
        Doc(
            "Milliseconds from the last sending to the confirmation; null if it was not confirmed,"
            " or was sent by another process."
        ),
    ] = None
    attempts: Annotated[
        int, Doc("How often it was sent, as far as this process knows; 0: not at all.")
    ] = 0
    kind: Literal["delivery"] = "delivery"
    at: RecordedAt = 0


@dataclass(slots=True)
class AttachmentEvent:
    """How far a file has come. What became of the message that carries it is told by `delivery`."""

    # `platform_status`, `platform_code` and `correlation_id` are the platform's, of a place that it
    # refused over REST (webchat), of a frame, or the storage's of an upload.

    KEY: ClassVar[str] = ""

    seq: Seq
    command_id: CommandId
    status: Annotated[str, Doc("asked, uploading, uploaded, retrying, failed or withdrawn.")]
    filename: Annotated[str, Doc("Its name, as it was given.")]
    size_bytes: Annotated[int, Doc("Its size in bytes.")]
    attachment_id: Annotated[str, Doc("The platform's id of the file, once it is known.")] = ""
    attempt: Annotated[int, Doc("Which upload of it this is, from 1.")] = 1
    reason: Annotated[str, Doc("Why it is tried again or failed, in words.")] = ""
    correlation_id: CorrelationId = ""
    code: Code = ""
    platform_status: PlatformStatus = None
    platform_code: PlatformCode = ""
    kind: Literal["attachment"] = "attachment"
    at: RecordedAt = 0


@dataclass(slots=True)
class GapEvent:
    """Something is missing that could not be fetched."""

    KEY: ClassVar[str] = ""

    seq: Seq
    reason: Annotated[str, Doc("What is missing and why, in words.")]
    after: Annotated[str, Doc("The id, sequenceId or seq before the gap.")] = ""
    before: Annotated[str, Doc("The one behind it.")] = ""
    kind: Literal["gap"] = "gap"
    at: RecordedAt = 0


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
