"""The platform's frames, written from the protocol reference: absent keys are left out, never null
(§3.1)."""

from __future__ import annotations

from typing import Any

from ..settings import Deployment, EmulatorLimits
from .records import Attachment, GuestSession

Json = dict[str, Any]

HEALTH_CHECK = "SGVhbHRoQ2hlY2tNZXNzYWdlSWQ="


def envelope(kind: str, name: str, body: Any, code: int = 200, trace: str = "") -> Json:
    frame: Json = {"type": kind, "class": name, "code": code}
    if trace:
        frame["tracingId"] = trace
    frame["body"] = body
    return frame


def response(name: str, body: Any, trace: str = "", code: int = 200) -> Json:
    return envelope("response", name, body, code, trace)


def push(name: str, body: Any, trace: str = "", code: int = 200) -> Json:
    return envelope("message", name, body, code, trace)


def error(code: int, text: str, trace: str = "") -> Json:
    return response("string", text, trace, code)


def too_many(retry_after_s: int, text: str, trace: str = "") -> Json:
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
) -> Json:
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


def session_closed(trace: str) -> Json:
    return response(
        "SessionResponse", {"connected": False, "newSession": False, "readOnly": True}, trace
    )


def configuration(deployment: Deployment, limits: EmulatorLimits, trace: str) -> Json:
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
) -> Json:
    """A `response`, and its numbers are strings (§3.5)."""
    body: Json = {"id": message_id, "type": "Text", "text": text, "direction": "Inbound"}
    figures = dict(metadata)
    if session is not None:
        figures["durationSeconds"] = str(session.deployment.session_duration_s)
        figures["expirationDate"] = str(int(session.expires))
    body["metadata"] = figures
    return response("StructuredMessage", body, trace)


def upload_slot(attachment: Attachment, url: str, trace: str) -> Json:
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


def download_slot(attachment: Attachment, url: str, trace: str) -> Json:
    body = {
        "attachmentId": attachment.id,
        "url": url,
        "headers": {},
        "fileName": attachment.name,
        "fileSize": attachment.size,
        "fileType": attachment.mime,
    }
    return response("PresignedUrlResponse", body, trace)


def slot_error(attachment_id: str, code: int, text: str, trace: str) -> Json:
    return response(
        "GenerateUrlError",
        {"attachmentId": attachment_id, "errorCode": code, "errorMessage": text},
        trace,
        400,
    )


def connection_closed(reason: str = "") -> Json:
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


def history_page(messages: list[Json], page_number: int, page_size: int) -> Json:
    """Newest first; an empty page past the end (§11.1)."""
    begin, total = (page_number - 1) * page_size, len(messages)
    return {
        "entities": messages[::-1][begin : begin + page_size],
        "pageSize": page_size,
        "pageNumber": page_number,
        "total": total,
        "pageCount": -(-total // page_size),
    }
