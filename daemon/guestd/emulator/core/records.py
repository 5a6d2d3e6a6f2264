"""What the emulated platform stores, and the effects it asks its servers to perform.

Each message makes an effect or two, which are gone again at once: they are Structs, made in a third
of the time of a dataclass. None refers back to itself, so the garbage collector need not look at
them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson
from msgspec import Struct

from ...model.instants import LONG_AGO
from ...policy.buckets import SlidingCount
from ..settings import Deployment
from .stored_messages import RecordedMessage, StoredMessages

Json = dict[str, Any]


@dataclass(slots=True)
class Attachment:
    id: str
    name: str
    mime: str
    size: int
    secret: str
    uploaded: bool = False
    sent: bool = False
    rejected: bool = False
    sha256: str = ""
    content_type: str = ""


@dataclass(slots=True)
class GuestConversation:
    """`messages` are in the platform's order; `state` is connected or disconnected."""

    id: str
    started: float
    state: str = "connected"
    ended: float | None = None
    messages: StoredMessages = field(default_factory=StoredMessages)


@dataclass(slots=True)
class ConnectionRecord:
    """One open WebSocket as the platform sees it. `guest`, `session`: whom its client says it is
    for, by name and by its own id."""

    id: int
    deployment: Deployment
    opened: float
    token: str = ""
    guest: str = ""
    session: str = ""
    requests: SlidingCount | None = None
    echoes: SlidingCount | None = None


@dataclass(slots=True)
class GuestSession:
    """One token's session. `user` is set on authenticated ones; `name` on webchat ones; `guest` and
    `session` on those whose client told them when it connected, as guestd does. `number`: in the
    order of their making."""

    token: str
    deployment: Deployment
    created: float
    expires: float
    connections: list[int] = field(default_factory=list)
    conversations: list[GuestConversation] = field(default_factory=list)
    read_only: bool = False
    cleared: bool = False
    user: str = ""
    name: str = ""
    guest: str = ""
    session: str = ""
    number: int = 0
    dialect: str = "webmessaging"
    last_ms: int = 0
    sequence: int = 0
    attributes: dict[str, str] | None = None
    context: Json | None = None
    attachments: dict[str, Attachment] | None = None
    rate: SlidingCount | None = None
    configures: SlidingCount | None = None
    history: SlidingCount | None = None
    agent: ScriptedAgent | None = None
    pushdevice: Json | None = None

    @property
    def messages(self) -> StoredMessages:
        """Of all its conversations."""
        if len(self.conversations) == 1:
            return self.conversations[0].messages
        return StoredMessages.joined(one.messages for one in self.conversations)

    @property
    def conversation(self) -> GuestConversation | None:
        """The running conversation."""
        last = self.conversations[-1] if self.conversations else None
        return last if last is not None and last.state == "connected" else None


@dataclass(slots=True)
class ScriptedAgent:
    """The agent of a session: its persona, and the steps still to run, in order, each with the text
    that it answers and the name of the file in it."""

    nickname: str
    bot: bool
    steps: deque[tuple[Json, str, str]] = field(default_factory=deque)
    busy: bool = False
    heard: int = 0
    turn: int = 0
    greeted_at: float = LONG_AGO
    silent: bool = False


class SendFrame(Struct, gc=False):
    """Write a frame (`payload` is its JSON) to a connection. `message` is set where it shows one of
    the conversation: such frames meet faults."""

    connection: int
    payload: bytes
    message: RecordedMessage | None = None

    @property
    def frame(self) -> Json:
        return dict(orjson.loads(self.payload))

    @property
    def time(self) -> str:
        """The message's `channel.time`."""
        return self.message.time if self.message is not None else ""


class CloseConnection(Struct, gc=False):
    connection: int
    code: int = 1000
    reason: str = ""


class StartTimer(Struct, gc=False):
    """After `delay_s`, do `what`: ("agent", token) or ("close", connection id)."""

    delay_s: float
    what: tuple[str, ...]


Effect = SendFrame | CloseConnection | StartTimer
