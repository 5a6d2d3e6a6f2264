"""Frames as signals (protocol §3, §4).

Nothing in a frame can be trusted to have the type it should: the vendor's own sources disagree
about some, and a guest session must outlive all of them. So every look goes through `reading`,
unknown classes are `Unknown`, and what is not a JSON object at all is `Garbage`. Nothing here
raises.

The hot path is a StructuredMessage of type Text, and has a short way of its own
(`text_messages`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from ..model import signals as s
from ..model.foreign import (
    CUSTOM_DATA_BYTES_MAX,
    EPOCH_MAX_S,
    FILE_KB_MAX,
    SESSION_LIFE_MAX_S,
    TYPING_MS_MAX,
    file_rules,
    is_jwt,
    within,
)
from .reading import (
    NOTHING,
    Json,
    identity_of,
    number,
    obj,
    objects,
    passable,
    text,
    texts,
    whole,
)
from .text_messages import text_message
from .times import canonical

_OF_HISTORY = (s.MessageArrived, s.ContentRefused)

RETRY_AFTER_DEFAULT_S = 1.0
REASON_READ_MAX = 4096  # characters of what an error says; far more than is told of it

#: How the platform begins an answer; another order of keys only takes the longer way.
_ANSWER = b'{"type":"response"'

_EXPIRED = 4006
_TOO_MANY = (429, 4029)


def decode(frame: bytes) -> list[s.Signal]:
    """What a frame means, in order."""
    message = None if frame.startswith(_ANSWER) else text_message(frame)
    return [message] if message is not None else decode_any(frame)


def decode_any(frame: bytes) -> list[s.Signal]:
    """The same without a short way."""
    try:
        envelope = orjson.loads(frame)
    except ValueError:
        return [s.Garbage("not JSON")]
    if type(envelope) is not dict:
        return [s.Garbage("not a JSON object")]
    name = envelope.get("class")
    read = _READ.get(name) if type(name) is str else None
    if read is None:
        return _unknown(envelope, name)
    return read(envelope)


def decode_history(entity: Json) -> list[s.Signal]:
    """One entity of `GET /api/v2/webmessaging/messages`: the same shape as a frame's body."""
    if type(entity) is not dict:
        return []
    return [signal for signal in _structured_body(entity, "") if type(signal) in _OF_HISTORY]


def _unknown(envelope: Json, name: object) -> list[s.Signal]:
    """An unknown class with a failing code is an error all the same."""
    code = whole(envelope, "code", 200)
    if code >= 300:
        return [_error(code, _reason(envelope), text(envelope, "tracingId"), None)]
    if not isinstance(name, str) or not name:
        return [s.Garbage("a frame without a class")]
    return [s.Unknown(name[:64])]


def _structured(envelope: Json) -> list[s.Signal]:
    body = envelope.get("body")
    if type(body) is not dict:
        return [s.Garbage("a StructuredMessage without a body")]
    code = envelope.get("code")
    if type(code) is int and code >= 300:
        return [_error(code, _reason(envelope), text(envelope, "tracingId"), None)]
    if envelope.get("type") == "response":
        metadata = obj(body, "metadata")
        return [s.HeartbeatAnswered(_life_s(metadata, "durationSeconds"), _epoch_s(metadata))]
    trace = envelope.get("tracingId")
    return _structured_body(body, trace if type(trace) is str else "")


def _structured_body(body: Json, tracing_id: str) -> list[s.Signal]:
    get = body.get
    kind = get("type")
    if kind == "Event":
        return _events(body, tracing_id)
    if kind == "Receipt":
        return [s.ReceiptArrived(identity_of(text(body, "id")), text(body, "status")[:64])]
    channel = get("channel")
    if type(channel) is not dict:
        channel = NOTHING
    direction = get("direction")
    message_id = get("id")
    if type(message_id) is not str:
        message_id = ""
    identity = channel.get("messageId")
    if type(identity) is not str or not identity:
        identity = message_id
    said = get("text")
    content = get("content")
    sender = channel.get("from")
    refused = ""
    if type(content) is not list or (content and (refused := passable(content))):
        content = []
    arrived: list[s.Signal] = [
        s.MessageArrived(
            identity_of(identity),
            s.INBOUND if direction == s.INBOUND else s.OUTBOUND,
            kind if type(kind) is str else "Text",
            said if type(said) is str else "",
            canonical(channel.get("time")),
            "",
            message_id,
            tracing_id,
            # markers of others are of no use to us
            _marker(get("metadata")) if direction == s.INBOUND else "",
            text(sender, "nickname") if type(sender) is dict else "",
            get("originatingEntity") == "Bot",
            "",
            False,
            content,
        )
    ]
    return [s.ContentRefused(refused), *arrived] if refused else arrived


def _marker(metadata: Any) -> str:
    """What we, or an old mobile SDK (protocol §2.4), put into a message to know it again."""
    if type(metadata) is not dict:
        return ""
    return text(metadata, "id") or text(metadata, "customMessageId")


def _events(body: Json, tracing_id: str) -> list[s.Signal]:
    found: list[s.Signal] = []
    for n, event in enumerate(objects(body, "events")):
        kind = text(event, "eventType")
        if kind == "Typing":
            found.append(_typing(event, body))
        elif kind == "Presence":
            found.append(_presence(event, body, tracing_id, n))
        else:
            found.append(s.Unknown(f"event {kind[:48]}"))
    return found


def _typing(event: Json, body: Json) -> s.TypingShown:
    typing = obj(event, "typing")
    duration_ms = number(typing, "duration") or number(typing, "durationMs") or 5000.0
    state = text(typing, "type")
    return s.TypingShown(state != "Off", _typing_ms(duration_ms), _direction(body), state[:64])


def _typing_ms(duration_ms: float) -> int:
    return int(min(max(duration_ms, 0.0), TYPING_MS_MAX))


def _presence(event: Json, body: Json, tracing_id: str, n: int) -> s.MessageArrived:
    channel = obj(body, "channel")
    message_id = text(body, "id")
    identity = identity_of(text(channel, "messageId") or message_id)
    return s.MessageArrived(
        identity if n == 0 or not identity else f"{identity}#{n}",
        _direction(body),
        "Presence",
        time=canonical(channel.get("time")),
        message_id=message_id,
        tracing_id=tracing_id,
        marker=_marker(body.get("metadata")),
        sender=text(obj(channel, "from"), "nickname"),
        bot=body.get("originatingEntity") == "Bot",
        presence=text(obj(event, "presence"), "type") or "Unknown",
        read_only=text(obj(body, "metadata"), "readOnly").lower() == "true",
    )


def _direction(body: Json) -> str:
    return s.INBOUND if body.get("direction") == s.INBOUND else s.OUTBOUND


def _session(envelope: Json) -> list[s.Signal]:
    code = whole(envelope, "code", 200)
    tracing_id = text(envelope, "tracingId")
    if code >= 300:
        return [_error(code, _reason(envelope), tracing_id, None)]
    body = obj(envelope, "body")
    if body.get("connected") is False:
        return [s.Left(tracing_id)]
    media = obj(obj(body, "allowedMedia"), "inbound")
    custom = within(number(body, "maxCustomDataBytes"), CUSTOM_DATA_BYTES_MAX)
    return [
        s.Joined(
            new_session=body.get("newSession") is True,
            read_only=body.get("readOnly") is True,
            cleared_existing=body.get("clearedExistingSession") is True,
            duration_s=_life_s(body, "durationSeconds"),
            expires_at_epoch_s=_epoch_s(body),
            custom_attribute_bytes_max=None if custom is None else int(custom),
            file_bytes_max=_file_bytes_max(media),
            file_types=_file_types(media),
            blocked_extensions=file_rules(list(texts(body, "blockedExtensions"))),
            tracing_id=tracing_id,
        )
    ]


def _life_s(body: Json, key: str) -> float | None:
    return within(number(body, key), SESSION_LIFE_MAX_S)


def _epoch_s(body: Json) -> float | None:
    return within(number(body, "expirationDate"), EPOCH_MAX_S)


def _file_bytes_max(media: Json) -> int | None:
    kilobytes = within(number(media, "maxFileSizeKB"), FILE_KB_MAX)
    return None if kilobytes is None else int(kilobytes * 1024)


def _file_types(media: Json) -> tuple[str, ...]:
    return file_rules([text(one, "type") for one in objects(media, "fileTypes")])


def _slot(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    size = number(body, "fileSize")
    return [
        s.SlotGranted(
            text(body, "attachmentId"),
            text(body, "url"),
            {key: value for key, value in obj(body, "headers").items() if type(value) is str},
            text(body, "fileName"),
            None if size is None else int(size),
            text(body, "fileType"),
            text(envelope, "tracingId"),
        )
    ]


def _slot_error(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    code = whole(body, "errorCode") or whole(envelope, "code")
    return [
        s.SlotRefused(
            text(body, "attachmentId"), code, _reason(envelope), text(envelope, "tracingId")
        )
    ]


def _upload_succeeded(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    return [
        s.UploadSucceeded(
            text(body, "attachmentId"), text(body, "downloadUrl"), canonical(body.get("timestamp"))
        )
    ]


def _upload_failed(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    code = whole(body, "errorCode") or whole(envelope, "code")
    return [
        s.UploadFailed(
            text(body, "attachmentId"), code, _reason(envelope), canonical(body.get("timestamp"))
        )
    ]


def _jwt(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    jwt = text(body, "jwt")
    if not is_jwt(jwt):
        return [s.Garbage("a JwtResponse without a JWT that fits into a header")]
    return [s.JwtGranted(jwt, number(body, "exp") or 0.0)]


def _closed(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    return [s.ConnectionClosed(text(body, "reason") or text(body, "reasonCode"))]


def _cleared(envelope: Json) -> list[s.Signal]:
    return [s.SessionCleared()]


def _expired(envelope: Json) -> list[s.Signal]:
    return [s.SessionExpired()]


def _logged_out(envelope: Json) -> list[s.Signal]:
    return [s.LoggedOut()]


def _throttled(envelope: Json) -> list[s.Signal]:
    body = obj(envelope, "body")
    code = whole(envelope, "code", 429)
    return [
        _error(
            429 if code < 300 else code,
            _reason(envelope),
            text(envelope, "tracingId"),
            number(body, "retryAfter"),
        )
    ]


def _string(envelope: Json) -> list[s.Signal]:
    """Class `string`: the frame's code is the error, its body the text. A 200 here is nothing
    (protocol §3.15)."""
    code = whole(envelope, "code", 5000)
    if code < 300:
        return [s.Unknown("string")]
    retry_after_s = number(obj(envelope, "body"), "retryAfter")
    return [_error(code, _reason(envelope), text(envelope, "tracingId"), retry_after_s)]


def _error(code: int, reason: str, tracing_id: str, retry_after_s: float | None) -> s.Signal:
    if code == _EXPIRED:
        return s.SessionExpired()
    if code in _TOO_MANY:
        wait_s = (
            RETRY_AFTER_DEFAULT_S
            if retry_after_s is None or retry_after_s < 0
            else min(retry_after_s, 3600.0)
        )
        return s.Throttled(wait_s, reason, tracing_id)
    return s.Refused(code, reason, tracing_id)


def _reason(envelope: Json) -> str:
    body = envelope.get("body")
    if type(body) is str:
        return body[:REASON_READ_MAX]
    if type(body) is dict:
        said = text(body, "errorMessage") or text(body, "message") or text(body, "text")
        return said[:REASON_READ_MAX]
    return ""


def _nothing_to_do(envelope: Json) -> list[s.Signal]:
    """A frame that is known, and of which the session needs nothing."""
    return []


_READ: dict[str, Callable[[Json], list[s.Signal]]] = {
    "StructuredMessage": _structured,
    "SessionResponse": _session,
    "PresignedUrlResponse": _slot,
    "GenerateUrlError": _slot_error,
    "UploadSuccessEvent": _upload_succeeded,
    "UploadFailureEvent": _upload_failed,
    "JwtResponse": _jwt,
    "ConnectionClosedEvent": _closed,
    "SessionClearedEvent": _cleared,
    "SessionExpiredEvent": _expired,
    "LogoutEvent": _logged_out,
    "TooManyRequestsErrorMessage": _throttled,
    "GetConfigurationResponse": _nothing_to_do,
    "AttachmentDeletedResponse": _nothing_to_do,
    "ResumeTokenResponse": _nothing_to_do,
    "string": _string,
    "Error": _string,
    "ErrorMessage": _string,
}
