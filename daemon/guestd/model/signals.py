"""What a frame from the platform means, free of dialect.

Slotted and not frozen: a frozen dataclass costs three times as much to build, and tens of thousands
a second are built. Treat them as values all the same. A dialect's `decode` never raises: what it
cannot read is `Garbage`, what it does not know is `Unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from .failures import PlatformFailure

INBOUND = "Inbound"  # guest → platform, as the platform says it
OUTBOUND = "Outbound"  # platform → guest


@dataclass(slots=True)
class Joined:
    """The dialect's acknowledgement: from here on the guest session is ready (SessionResponse, or
    `connect`)."""

    new_session: bool = False
    read_only: bool = False
    cleared_existing: bool = False
    duration_s: float | None = None
    expires_at_epoch_s: float | None = None
    custom_attribute_bytes_max: int | None = None
    file_bytes_max: int | None = None
    file_types: tuple[str, ...] = ()
    blocked_extensions: tuple[str, ...] = ()
    tracing_id: str = ""


@dataclass(slots=True)
class Left:
    """The answer to closeSession: `connected: false`."""

    tracing_id: str = ""


class MessageArrived(Struct, gc=False):
    """One item of the conversation: a text, a structured message, or a presence event. A Struct,
    alone among its kind: there are more of these than of all others together, and it is made in a
    third of the time of a dataclass. No reference leads back to one, so the garbage collector need
    not look at them.

    `identity` tells two items apart (`channel.messageId`, else `id`; webchat: the sequence id).
    `time` is
    `channel.time` in canonical form (`2027-05-31T09:15:02.417Z`: its text order is its time order),
    "" if absent.
    `sequence` is webchat's sequenceId. `marker` is the metadata we sent along: our own
    message is known by it in history.
    """

    identity: str
    direction: str
    type: str  # "Text", "Structured", "Presence"
    text: str = ""
    time: str = ""
    sequence: str = ""
    message_id: str = ""
    tracing_id: str = ""
    marker: str = ""
    sender: str = ""
    bot: bool = False
    presence: str = ""
    read_only: bool = False
    content: list[Any] = []


@dataclass(slots=True)
class TypingShown:
    """Someone on the other side is typing; it is over after `duration_ms`, or at the next message.

    `state` is the platform's own word for it (webchat has any), "" if it gave none."""

    on: bool = True
    duration_ms: int = 5000
    direction: str = OUTBOUND
    state: str = ""


@dataclass(slots=True)
class ReceiptArrived:
    """How far a message has come: webchat's readReceipt (SOCK-3), or a `Receipt` with its `status`
    (Delivered, Read, Failed).

    `sequence` is the message's sequence id, or its id."""

    sequence: str
    status: str = ""


@dataclass(slots=True)
class HeartbeatAnswered:
    duration_s: float | None = None
    expires_at_epoch_s: float | None = None


@dataclass(slots=True)
class JwtGranted:
    jwt: str = field(repr=False)
    expires_at_epoch_s: float = 0.0


@dataclass(slots=True)
class SlotGranted:
    """PresignedUrlResponse: where to PUT an attachment, or (no headers) a fresh download URL.

    `metadata` is webchat's: it goes into the message that carries the file (SOCK-6), and is not
    None there."""

    attachment_id: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    file_name: str = ""
    file_bytes: int | None = None
    file_type: str = ""
    tracing_id: str = ""
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class SlotRefused:
    """GenerateUrlError (protocol §3.12), or the refusal of a REST call, whose `failure` says more
    and which may ask to wait `retry_after_s`; then `code` only says what follows, and is nothing
    that the platform said. `is_answered`: the call succeeded, but gave no slot, and would give none
    again."""

    attachment_id: str
    code: int
    reason: str
    tracing_id: str = ""
    failure: PlatformFailure | None = None
    retry_after_s: float = 0.0
    is_answered: bool = False


@dataclass(slots=True)
class UploadSucceeded:
    attachment_id: str
    download_url: str = field(repr=False)
    time: str = ""


@dataclass(slots=True)
class UploadFailed:
    attachment_id: str
    code: int
    reason: str
    time: str = ""


@dataclass(slots=True)
class ConnectionClosed:
    """ConnectionClosedEvent: the platform asks this connection to go. `reason` is "" or e.g.
    "signedIn"."""

    reason: str = ""


@dataclass(slots=True)
class SessionCleared:
    pass


@dataclass(slots=True)
class SessionExpired:
    """SessionExpiredEvent, or error 4006."""


@dataclass(slots=True)
class LoggedOut:
    pass


@dataclass(slots=True)
class Throttled:
    """TooManyRequestsErrorMessage, or a 429: wait `retry_after_s`. `tracing_id` is "" if the
    platform gave none."""

    retry_after_s: float
    reason: str = ""
    tracing_id: str = ""


@dataclass(slots=True)
class Refused:
    """An error frame: `code` is 4xx/5xx or 4xxx (protocol §4.1)."""

    code: int
    reason: str = ""
    tracing_id: str = ""


@dataclass(slots=True)
class Unknown:
    """A frame we do not know; counted, never fatal (SOCK-3)."""

    name: str


@dataclass(slots=True)
class SequenceUsed:
    """A frame that is not shown as a message has a sequence id all the same: that number is not
    missing (SOCK-5)."""

    sequence: str


@dataclass(slots=True)
class ContentRefused:
    """A message's content cannot be passed on; the message itself was read, and goes on without
    it."""

    reason: str


@dataclass(slots=True)
class Garbage:
    """A frame that cannot be read. It might have been a message, so the inbox will want to ask the
    history."""

    reason: str


#: Signals that are recorded or counted as they come, and move no deadline.
NotedSignal = TypingShown | ReceiptArrived | Unknown | ContentRefused

Signal = (
    Joined
    | Left
    | MessageArrived
    | NotedSignal
    | HeartbeatAnswered
    | JwtGranted
    | SlotGranted
    | SlotRefused
    | UploadSucceeded
    | UploadFailed
    | ConnectionClosed
    | SessionCleared
    | SessionExpired
    | LoggedOut
    | Throttled
    | Refused
    | SequenceUsed
    | Garbage
)
