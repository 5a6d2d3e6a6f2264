"""Requests as frames (protocol §2). Absent fields are left out, never null; attributes stand where
they belong:
`message.channel.metadata.customAttributes` (§2.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Struct, field
from msgspec.json import Encoder

from ..model import client_messages as m

#: The tracing id by which the vendor's SDK and the platform know a health check (protocol §2.9).
HEALTH_CHECK_TRACING_ID = "SGVhbHRoQ2hlY2tNZXNzYWdlSWQ="

Fields = dict[str, Any]


class _Marker(Struct, gc=False):
    id: str


class _PlainText(Struct, gc=False):
    type: str
    text: str
    metadata: _Marker


class _PlainRequest(Struct, gc=False):
    """A text and nothing else, which nearly all that guests say is: the same bytes as `_text`
    makes, without its dictionaries."""

    action: str
    token: str
    message: _PlainText
    trace: str = field(name="tracingId")


_write = Encoder().encode


def encode(deployment_id: str, token: str, request: m.ClientMessage) -> bytes | None:
    if (
        type(request) is m.SayText
        and request.marker
        and request.tracing_id
        and not request.attributes
        and not request.attachment_ids
    ):
        said = _PlainText("Text", request.text, _Marker(request.marker))
        return _write(_PlainRequest("onMessage", token, said, request.tracing_id))
    build = _BUILD.get(type(request))
    if build is None:
        return None
    fields = build(request, deployment_id)
    return orjson.dumps({"action": fields.pop("action"), "token": token, **fields})


def _traced(fields: Fields, tracing_id: str) -> Fields:
    if tracing_id:
        fields["tracingId"] = tracing_id
    return fields


def _hello(request: m.Hello, deployment_id: str) -> Fields:
    fields: Fields = {
        "action": "configureSession",
        "deploymentId": deployment_id,
        "startNew": request.start_new,
    }
    return _traced(fields, request.tracing_id)


def _message(
    message: Fields, tracing_id: str, marker: str = "", attributes: dict[str, str] | None = None
) -> Fields:
    if marker:
        message["metadata"] = {"id": marker, **message.get("metadata", {})}
    if attributes:
        message["channel"] = {"metadata": {"customAttributes": attributes}}
    return _traced({"action": "onMessage", "message": message}, tracing_id)


def _text(request: m.SayText, deployment_id: str) -> Fields:
    message: Fields = {"type": "Text", "text": request.text}
    if request.attachment_ids:
        message["content"] = [
            {"contentType": "Attachment", "attachment": {"id": attachment_id}}
            for attachment_id in request.attachment_ids
        ]
    return _message(message, request.tracing_id, request.marker, request.attributes)


def _button(reply_type: str, text: str, payload: str, originating_message_id: str) -> Fields:
    button: Fields = {"type": reply_type, "text": text, "payload": payload}
    if originating_message_id:
        button["originatingMessageId"] = originating_message_id
    return {"contentType": "ButtonResponse", "buttonResponse": button}


def _reply(request: m.SayReply, deployment_id: str) -> Fields:
    """A date picker's answer has no text of its own; all others say the label (protocol §2.6)."""
    message: Fields = {
        "type": "Structured",
        "content": [
            _button(request.reply_type, text, payload, request.originating_message_id)
            for text, payload in request.choices
        ],
    }
    if request.reply_type != "DatePicker":
        message["text"] = ", ".join(text for text, _ in request.choices)
    if request.reply_type in ("DatePicker", "ListPicker") and request.originating_message_id:
        message["metadata"] = {"parentMessageId": request.originating_message_id}
    return _message(message, request.tracing_id, request.marker, request.attributes)


def _event(event: Fields, tracing_id: str, attributes: dict[str, str] | None = None) -> Fields:
    return _message({"type": "Event", "events": [event]}, tracing_id, attributes=attributes)


def _typing(request: m.ShowTyping, deployment_id: str) -> Fields:
    typing: Fields = {"type": "On"}
    if request.duration_ms is not None:
        typing["duration"] = request.duration_ms
    return _event({"eventType": "Typing", "typing": typing}, request.tracing_id)


def _join(request: m.Join, deployment_id: str) -> Fields:
    return _event(
        {"eventType": "Presence", "presence": {"type": "Join"}},
        request.tracing_id,
        request.attributes,
    )


def _clear(request: m.Clear, deployment_id: str) -> Fields:
    return _event({"eventType": "Presence", "presence": {"type": "Clear"}}, request.tracing_id)


def _close_session(request: m.CloseSession, deployment_id: str) -> Fields:
    return _traced(
        {"action": "closeSession", "closeAllConnections": request.all_connections},
        request.tracing_id,
    )


def _beat(request: m.Beat, deployment_id: str) -> Fields:
    return _traced(
        {"action": "echo", "message": {"type": "Text", "text": "ping"}}, HEALTH_CHECK_TRACING_ID
    )


def _jwt(request: m.AskJwt, deployment_id: str) -> Fields:
    return _traced({"action": "getJwt"}, request.tracing_id)


def _slot(request: m.AskSlot, deployment_id: str) -> Fields:
    fields: Fields = {
        "action": "onAttachment",
        "attachmentId": request.attachment_id,
        "fileName": request.file_name,
        "fileType": request.file_type,
        "fileSize": request.file_bytes,
        "errorsAsJson": True,
    }
    return _traced(fields, request.tracing_id)


def _download(request: m.AskDownload, deployment_id: str) -> Fields:
    return _traced(
        {"action": "getAttachment", "attachmentId": request.attachment_id}, request.tracing_id
    )


def _delete(request: m.DeleteAttachment, deployment_id: str) -> Fields:
    return _traced(
        {"action": "deleteAttachment", "attachmentId": request.attachment_id}, request.tracing_id
    )


_BUILD: dict[type, Callable[[Any, str], Fields]] = {
    m.Hello: _hello,
    m.SayText: _text,
    m.SayReply: _reply,
    m.ShowTyping: _typing,
    m.Join: _join,
    m.Clear: _clear,
    m.CloseSession: _close_session,
    m.Beat: _beat,
    m.AskJwt: _jwt,
    m.AskSlot: _slot,
    m.AskDownload: _download,
    m.DeleteAttachment: _delete,
}
