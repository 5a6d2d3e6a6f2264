"""The frame that nine of ten are, a plain text from the other side or the echo of one of ours, read
by type.

msgspec reads only the fields that are used, straight into slots, in less than half the time that a
dictionary of the whole frame takes. What is not exactly of the expected types, or says more than a
text does (content, an event), is None here and is read the tolerant way (`webmessaging_decode`). So
no frame is refused for an odd field, and where both ways give a message it is the same one."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, DecodeError, Struct, UnsetType, field
from msgspec.json import Decoder

from ..model.signals import INBOUND, MessageArrived
from .reading import ID_LENGTH_MAX
from .times import canonical, is_canonical


class TextSender(Struct, gc=False):
    nickname: str = ""


class TextChannel(Struct, gc=False):
    time: str = ""
    message_id: str = field(name="messageId", default="")
    sender: TextSender = field(name="from", default_factory=TextSender)


class TextBody(Struct, gc=False):
    kind: Literal["Text"] = field(name="type")
    direction: Literal["Outbound"]
    text: str
    channel: TextChannel = field(default_factory=TextChannel)
    id: str = ""
    entity: str = field(name="originatingEntity", default="")
    content: UnsetType = UNSET


class EchoMetadata(Struct, gc=False):
    id: str = ""
    custom_id: str = field(name="customMessageId", default="")


class TracedBody(TextBody, gc=False):
    direction: Literal["Outbound", "Inbound"]  # type: ignore[assignment]  # the other has one
    metadata: EchoMetadata | None = None


class TextFrame(Struct, gc=False):
    name: Literal["StructuredMessage"] = field(name="class")
    kind: Literal["message"] = field(name="type")
    body: TextBody
    code: Literal[200] = 200
    tracing_id: str = field(name="tracingId", default="")


class TracedFrame(TextFrame, gc=False):
    body: TracedBody


_NO_CONTENT: list[Any] = []  # of all of them; never changed
_read = Decoder(TextFrame).decode
_read_traced = Decoder(TracedFrame).decode

#: How the platform begins a frame with a tracing id, which each echo has; what other frames may be
#: is not asked of them. Another order of keys only takes the longer way.
_TRACED = b'{"type":"message","class":"StructuredMessage","code":200,"tracingId":'


def text_message(frame: bytes) -> MessageArrived | None:
    """The message of a frame that is a plain text; None: look closer. Never raises."""
    try:
        read = _read_traced(frame) if frame.startswith(_TRACED) else _read(frame)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    body = read.body
    channel, message_id = body.channel, body.id
    identity = channel.message_id or message_id
    if len(identity) > ID_LENGTH_MAX:
        return None
    time, marker = channel.time, ""
    if body.direction == INBOUND and type(body) is TracedBody and body.metadata is not None:
        marker = body.metadata.id or body.metadata.custom_id
    return MessageArrived(
        identity,
        body.direction,
        "Text",
        body.text,
        time if is_canonical(time) else canonical(time),
        "",
        message_id,
        read.tracing_id,
        marker,
        channel.sender.nickname,
        body.entity == "Bot",
        "",
        False,
        _NO_CONTENT,
    )
