"""What the strictest known client demands of a frame (protocol §9.2, and the rest of §9 where it
asks for more).

A frame that breaks one of these is dropped silently by that client, which then hangs: so the
emulator may send none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

Json = dict[str, Any]

CLASSES = {
    "SessionResponse",
    "StructuredMessage",
    "PresignedUrlResponse",
    "GenerateUrlError",
    "UploadSuccessEvent",
    "UploadFailureEvent",
    "AttachmentDeletedResponse",
    "JwtResponse",
    "GetConfigurationResponse",
    "ConnectionClosedEvent",
    "SessionClearedEvent",
    "SessionExpiredEvent",
    "LogoutEvent",
    "TooManyRequestsErrorMessage",
    "string",
}


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def no_nulls(value: Any, path: str = "frame") -> None:
    """Absent keys are left out, never null."""
    assert value is not None, f"{path} is null"
    if isinstance(value, dict):
        for key, inner in value.items():
            no_nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            no_nulls(inner, f"{path}[{n}]")


def check_frame(frame: Json) -> None:
    no_nulls(frame)
    assert frame["type"] in ("response", "message")
    assert frame["class"] in CLASSES, frame["class"]
    assert is_whole(frame["code"])
    body = frame["body"]
    assert isinstance(body, str if frame["class"] == "string" else dict)
    check = _CHECKS.get(frame["class"])
    if check is not None:
        check(body)
    if frame["type"] == "message" and frame["class"] == "StructuredMessage":
        datetime.fromisoformat(body["channel"]["time"])


def check_message(body: Json) -> None:
    no_nulls(body)
    assert isinstance(body["id"], str) and body["id"]
    assert body["type"] in ("Text", "Structured", "Event")
    assert body["direction"] in ("Inbound", "Outbound")
    assert all(isinstance(value, str) for value in body.get("metadata", {}).values())
    if body["type"] != "Event" and body["direction"] == "Outbound":
        assert isinstance(body["text"], str)
    for item in body.get("content", []):
        _check_content(item)
    if body["type"] == "Event":
        assert body["events"]
    for event in body.get("events", []):
        if event["eventType"] == "Presence":
            assert event["presence"]["type"] in ("Disconnect", "Join", "Clear", "SignIn")
        else:
            assert event["eventType"] == "Typing"
            assert isinstance(event["typing"]["type"], str) and is_whole(
                event["typing"].get("duration", 0)
            )


def _check_content(item: Json) -> None:
    kind = item["contentType"]
    if kind == "QuickReply":
        assert isinstance(item["quickReply"]["text"], str) and isinstance(
            item["quickReply"]["payload"], str
        )
    elif kind == "ButtonResponse":
        assert {"text", "payload", "type"} <= set(item["buttonResponse"])
    elif kind == "Card":
        _check_card(item["card"])
    elif kind == "Carousel":
        for card in item["carousel"]["cards"]:
            _check_card(card)
    elif kind == "DatePicker":
        assert isinstance(item["datePicker"]["title"], str)
        for slot in item["datePicker"].get("availableTimes", []):
            assert is_whole(slot["duration"]) and isinstance(slot["dateTime"], str)
    elif kind == "Attachment":
        attachment = item["attachment"]
        assert {"id", "url", "filename", "mediaType"} <= set(attachment) and is_whole(
            attachment["fileSize"]
        )


def _check_card(card: Json) -> None:
    assert isinstance(card["title"], str) and isinstance(card["description"], str)
    for action in [*card["actions"], *([card["defaultAction"]] if "defaultAction" in card else [])]:
        assert isinstance(action["type"], str) and isinstance(action["text"], str)


def _check_session(body: Json) -> None:
    assert isinstance(body["connected"], bool)
    for key in ("maxCustomDataBytes", "durationSeconds", "expirationDate"):
        assert is_whole(body.get(key, 0))
    inbound = body.get("allowedMedia", {}).get("inbound", {})
    assert is_whole(inbound.get("maxFileSizeKB", 0))
    assert all(isinstance(one["type"], str) for one in inbound.get("fileTypes", []))


def _check_slot(body: Json) -> None:
    assert {"attachmentId", "headers", "url"} <= set(body) and is_whole(body["fileSize"])
    assert all(isinstance(value, str) for value in body["headers"].values())


def _check_slot_error(body: Json) -> None:
    assert {"attachmentId", "errorMessage"} <= set(body) and is_whole(body["errorCode"])


def _check_too_many(body: Json) -> None:
    assert is_whole(body["retryAfter"]) and body["retryAfter"] >= 1 and is_whole(body["errorCode"])
    assert isinstance(body["errorMessage"], str)


def _check_jwt(body: Json) -> None:
    assert isinstance(body["jwt"], str) and is_whole(body["exp"])


def check_history(page: Json) -> None:
    """One bad entity fails the whole page."""
    for key in ("pageSize", "pageNumber", "total", "pageCount"):
        assert is_whole(page[key])
    for entity in page["entities"]:
        check_message(entity)


_CHECKS: dict[str, Any] = {
    "StructuredMessage": check_message,
    "SessionResponse": _check_session,
    "PresignedUrlResponse": _check_slot,
    "GenerateUrlError": _check_slot_error,
    "UploadFailureEvent": _check_slot_error,
    "TooManyRequestsErrorMessage": _check_too_many,
    "JwtResponse": _check_jwt,
}
