"""What we may say to the platform, free of dialect. A dialect writes them as frames, or has no
frame for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Hello:
    """configureSession (protocol §2.2) or `connect` (SOCK-1): the first thing said on a new
    connection."""

    tracing_id: str = ""
    start_new: bool = False


@dataclass(slots=True)
class SayText:
    """A guest's text, with at most one finished attachment (protocol §2.5).

    `marker` travels in the message's metadata and comes back in its echo and in history: our own
    proof of delivery."""

    text: str
    tracing_id: str
    marker: str = ""
    attributes: dict[str, str] | None = None
    attachment_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class SayReply:
    """The answer to a quick reply, card, date picker or list picker (protocol §2.6).

    `reply_type` is one of Button, DatePicker, Form, ListPicker, QuickReply; `choices` are (text,
    payload) pairs: one, but several for a list picker. `originating_message_id` names the message
    answered, "" if unknown."""

    reply_type: str
    choices: tuple[tuple[str, str], ...]
    tracing_id: str
    marker: str = ""
    originating_message_id: str = ""
    attributes: dict[str, str] | None = None


@dataclass(slots=True)
class SayAttachments:
    """webchat: a message that carries the metadata of uploaded files (SOCK-6)."""

    attachments: tuple[dict[str, Any], ...]
    caption: str = ""
    tracing_id: str = ""


@dataclass(slots=True)
class ShowTyping:
    tracing_id: str = ""
    duration_ms: int | None = None


@dataclass(slots=True)
class Join:
    """Presence Join: start the conversation without a text (protocol §2.7)."""

    tracing_id: str
    attributes: dict[str, str] | None = None


@dataclass(slots=True)
class Clear:
    """Presence Clear: end and erase the conversation (protocol §2.7, §6.5)."""

    tracing_id: str


@dataclass(slots=True)
class CloseSession:
    tracing_id: str
    all_connections: bool = True


@dataclass(slots=True)
class Beat:
    """The application's health check: `echo` (protocol §2.9)."""


@dataclass(slots=True)
class AskJwt:
    tracing_id: str = ""


@dataclass(slots=True)
class AskSlot:
    """onAttachment: ask where to upload a file (protocol §2.11)."""

    attachment_id: str
    file_name: str
    file_type: str
    file_bytes: int
    tracing_id: str = ""


@dataclass(slots=True)
class AskDownload:
    attachment_id: str
    tracing_id: str = ""


@dataclass(slots=True)
class DeleteAttachment:
    attachment_id: str
    tracing_id: str = ""


@dataclass(slots=True)
class SetContext:
    """webchat's setContext (SOCK-4). webmessaging has no frame for it: attributes ride on the next
    message."""

    context: dict[str, Any]


ClientMessage = (
    Hello
    | SayText
    | SayReply
    | SayAttachments
    | ShowTyping
    | Join
    | Clear
    | CloseSession
    | Beat
    | AskJwt
    | AskSlot
    | AskDownload
    | DeleteAttachment
    | SetContext
)
