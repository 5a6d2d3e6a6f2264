"""What someone asks a guest session to do. Each has a `command_id` and is answered once; the same
id again gets the same answer again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import CommandError

#: What a message is to do while a connection that was lost is not back; "": as the setting
#: `messages.when_down` says.
WhenDown = Literal["", "queue", "reject"]


@dataclass(slots=True, frozen=True)
class Send:
    """Say `text` to the agent."""

    command_id: str
    text: str
    attributes: dict[str, str] | None = None
    when_down: WhenDown = ""


@dataclass(slots=True, frozen=True)
class Reply:
    """Choose from what the agent offered: quick reply, card button, date, list items (protocol
    §2.6)."""

    command_id: str
    reply_type: str
    choices: tuple[tuple[str, str], ...]
    originating_message_id: str = ""
    when_down: WhenDown = ""


@dataclass(slots=True, frozen=True)
class Typing:
    """Show the agent that the guest is typing; at most one per 5 s is passed on."""

    command_id: str


@dataclass(slots=True, frozen=True)
class Context:
    """Custom UI state (SOCK-4): any JSON object; sent again after a reconnect."""

    command_id: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class End:
    """End the conversation in an orderly way and forget the guest session (SESS-6)."""

    command_id: str


@dataclass(slots=True, frozen=True)
class Attach:
    """Send a file (SOCK-6): `path` is our own copy of it on disk, which lasts as long as the
    command is under way.

    `size_bytes` and `sha256` are the whole file's; `caption` is the text of the message that
    carries it."""

    command_id: str
    filename: str
    content_type: str
    size_bytes: int
    path: str
    caption: str = ""
    when_down: WhenDown = ""
    sha256: str = ""


@dataclass(slots=True, frozen=True)
class Withdraw:
    """Take back an `Attach` whose message was not sent yet: `target` is its command id."""

    command_id: str
    target: str


@dataclass(slots=True, frozen=True)
class RenewDownloadLink:
    """Ask for a new download link of an attachment of the conversation; the old one lives about ten
    minutes (protocol §5)."""

    command_id: str
    attachment_id: str


Command = Send | Reply | Typing | Context | End | Attach | Withdraw | RenewDownloadLink


@dataclass(slots=True, frozen=True)
class Answer:
    """The one answer to a command: accepted (with the intent's `seq`), or an error.

    `result` is what a `RenewDownloadLink` asked for: `url`, `filename`, `content_type`,
    `size_bytes`. The URL is a key to the file."""

    command_id: str
    seq: int = 0
    error: CommandError | None = None
    result: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def accepted(self) -> bool:
        return self.error is None
