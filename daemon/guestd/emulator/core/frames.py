"""The platform's frames in JSON, written from the protocol reference: absent keys are left out,
never null (§3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from ..settings import Deployment, EmulatorLimits
from .records import Attachment, GuestSession, Json

HEALTH_CHECK = "SGVhbHRoQ2hlY2tNZXNzYWdlSWQ="


_MESSAGE_HEAD = '{"type":"message","class":"StructuredMessage","code":200,'
_MESSAGE = _MESSAGE_HEAD.encode()


def envelope(kind: str, name: str, body: Any, code: int = 200, trace: str = "") -> bytes:
    frame: Json = {"type": kind, "class": name, "code": code}
    if trace:
        frame["tracingId"] = trace
    frame["body"] = body
    return orjson.dumps(frame)


def response(name: str, body: Any, trace: str = "", code: int = 200) -> bytes:
    return envelope("response", name, body, code, trace)


def push(name: str, body: Any, trace: str = "", code: int = 200) -> bytes:
    return envelope("message", name, body, code, trace)


def recorded(body: Json, trace: str = "") -> bytes:
    """A message of the conversation, as `push` makes it. It is kept, so it is put together of
    parts: the writer's own buffer is longer than what is in it."""
    tracing = b'"tracingId":%b,' % orjson.dumps(trace) if trace else b""
    return b'%b%b"body":%b}' % (_MESSAGE, tracing, orjson.dumps(body))


def plain_text(
    trace: str, text: str, ids: tuple[str, str, str], time: str, marker: str | None = None
) -> bytes:
    """As `recorded` makes it of a guest's text and nothing else; most messages are such. `ids`: of
    the message, of its channel, of its correlation. `marker`: the `id` in its metadata."""
    tracing = f'"tracingId":{_quoted(trace)},' if trace else ""
    message_id, channel_id, correlation_id = ids
    given = f'"id":{_quoted(marker)},' if marker is not None else ""
    return (
        f'{_MESSAGE_HEAD}{tracing}"body":{{"id":"{message_id}","type":"Text",'
        f'"text":{_quoted(text)},"direction":"Inbound","channel":{{"messageId":"{channel_id}",'
        f'"from":{{}},"to":{{}},"time":"{time}"}},"originatingEntity":"Human",'
        f'"metadata":{{{given}"correlationId":"{correlation_id}"}}}}}}'
    ).encode()


def plain_reply(text: str, nickname: str, is_bot: bool, ids: tuple[str, str], time: str) -> bytes:
    """As `recorded` makes it of an agent's text and nothing else. `ids`: of the message, of its
    correlation."""
    message_id, correlation_id = ids
    return (
        f'{_MESSAGE_HEAD}"body":{{"id":"{message_id}","type":"Text","text":{_quoted(text)},'
        f'"channel":{{"type":"Private","from":{_named(nickname)},"to":{{}},"time":"{time}"}},'
        f'"originatingEntity":"{"Bot" if is_bot else "Human"}","direction":"Outbound",'
        f'"metadata":{{"correlationId":"{correlation_id}"}}}}}}'
    ).encode()


@lru_cache(maxsize=64)
def _named(nickname: str) -> str:
    return f'{{"nickname":{_quoted(nickname)}}}' if nickname else "{}"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def typing(message_id: str, time: str, is_on: bool, duration_ms: int, is_bot: bool) -> bytes:
    """The agent's; it is no message of the conversation."""
    shown = {"type": "On" if is_on else "Off", "duration": duration_ms}
    body: Json = {
        "id": message_id,
        "type": "Event",
        "direction": "Outbound",
        "channel": {"time": time, "type": "Private"},
        "events": [{"eventType": "Typing", "typing": shown}],
        "originatingEntity": "Bot" if is_bot else "Human",
    }
    return push("StructuredMessage", body)


def disconnect_body(
    message_id: str, channel_id: str, correlation_id: str, is_read_only: bool
) -> Json:
    """The agent ended the conversation (§6.6)."""
    return {
        "id": message_id,
        "type": "Event",
        "direction": "Outbound",
        "channel": {"messageId": channel_id},
        "events": [{"eventType": "Presence", "presence": {"type": "Disconnect"}}],
        "metadata": {
            "readOnly": "true" if is_read_only else "false",
            "correlationId": correlation_id,
        },
    }


def error(code: int, text: str, trace: str = "") -> bytes:
    return response("string", text, trace, code)


def too_many(retry_after_s: int, text: str, trace: str = "") -> bytes:
    body = {"retryAfter": max(1, retry_after_s), "errorCode": 4029, "errorMessage": text}
    return response("TooManyRequestsErrorMessage", body, trace, 429)


def allowed_media(deployment: Deployment) -> Json:
    types = [{"type": one} for one in deployment.file_types] if deployment.file_upload else []
    return {"inbound": {"fileTypes": types, "maxFileSizeKB": deployment.file_kilobytes_max}}


def session_response(
    session: GuestSession,
    limits: EmulatorLimits,
    new: bool,
    trace: str,
    cleared_existing: bool = False,
) -> bytes:
    deployment = session.deployment
    body: Json = {
        "connected": True,
        "newSession": new,
        "readOnly": session.read_only,
        "clearedExistingSession": cleared_existing,
        "allowedMedia": allowed_media(deployment),
        "blockedExtensions": list(deployment.blocked_extensions),
        "maxCustomDataBytes": limits.attribute_bytes or 2048,
        "durationSeconds": deployment.session_duration_s,
        "expirationDate": int(session.expires),
    }
    return response("SessionResponse", body, trace)


def session_closed(trace: str) -> bytes:
    return response(
        "SessionResponse", {"connected": False, "newSession": False, "readOnly": True}, trace
    )


def configuration(deployment: Deployment, limits: EmulatorLimits, trace: str) -> bytes:
    body = {
        "allowedMedia": allowed_media(deployment),
        "blockedExtensions": list(deployment.blocked_extensions),
        "maxCustomDataBytes": limits.attribute_bytes or 2048,
        "messageRoutingEnabled": True,
        "sessionDurationSeconds": deployment.session_duration_s,
    }
    return response("GetConfigurationResponse", body, trace)


def health_check(
    session: GuestSession | None, text: str, metadata: Json, message_id: str, trace: str
) -> bytes:
    """A `response`, and its numbers are strings (§3.5)."""
    body: Json = {"id": message_id, "type": "Text", "text": text, "direction": "Inbound"}
    figures = dict(metadata)
    if session is not None:
        figures["durationSeconds"] = str(session.deployment.session_duration_s)
        figures["expirationDate"] = str(int(session.expires))
    body["metadata"] = figures
    return response("StructuredMessage", body, trace)


def upload_slot(attachment: Attachment, url: str, trace: str) -> bytes:
    """At least one header, or a mobile SDK takes it for a download URL (§3.10)."""
    body = {
        "attachmentId": attachment.id,
        "url": url,
        "headers": {"x-amz-tagging": "organizationId=emulator&originPlatform=guestd"},
        "fileName": attachment.name,
        "fileSize": attachment.size,
        "fileType": attachment.mime,
    }
    return response("PresignedUrlResponse", body, trace)


def download_slot(attachment: Attachment, url: str, trace: str) -> bytes:
    body = {
        "attachmentId": attachment.id,
        "url": url,
        "headers": {},
        "fileName": attachment.name,
        "fileSize": attachment.size,
        "fileType": attachment.mime,
    }
    return response("PresignedUrlResponse", body, trace)


def slot_error(attachment_id: str, code: int, text: str, trace: str) -> bytes:
    return response(
        "GenerateUrlError",
        {"attachmentId": attachment_id, "errorCode": code, "errorMessage": text},
        trace,
        400,
    )


def connection_closed(reason: str = "") -> bytes:
    """Two clients read two names for the reason (§3.9): both are there."""
    return push("ConnectionClosedEvent", {"reason": reason, "reasonCode": reason} if reason else {})


def attachment_content(attachment: Attachment, url: str) -> Json:
    kind = attachment.mime.split("/", 1)[0].capitalize()
    return {
        "contentType": "Attachment",
        "attachment": {
            "id": attachment.id,
            "mediaType": kind if kind in ("Image", "Video", "Audio") else "File",
            "mime": attachment.mime,
            "filename": attachment.name,
            "fileSize": attachment.size,
            "url": url,
        },
    }


def history_page(messages: Sequence[Json], page_number: int, page_size: int) -> Json:
    """Newest first; an empty page past the end (§11.1)."""
    total = len(messages)
    end = max(0, total - (page_number - 1) * page_size)
    return {
        "entities": list(messages[max(0, end - page_size) : end])[::-1],
        "pageSize": page_size,
        "pageNumber": page_number,
        "total": total,
        "pageCount": -(-total // page_size),
    }
