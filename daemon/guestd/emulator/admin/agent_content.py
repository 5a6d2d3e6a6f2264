"""What an agent can say beside text, from the short forms of the admin API: quick replies, a card,
a carousel, a file. They become content items of the protocol (§3.7)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ..core.records import Json
from .requests import AdminRequestError

CARDS_MAX = 10
ACTIONS_MAX = 20

#: Decoded; the body of a request is bounded as well.
FILE_BYTES_MAX = 700_000

CARD = {
    "title": "its heading",
    "description": "a text below",
    "image": "the URL of a picture",
    "actions": "[[label, payload], …], or objects with text and payload, or text and url",
}
FILE = {
    "name": "the file's name",
    "mime": "its media type",
    "content": "its bytes in base64",
    "url": "where it is, in place of content",
}

_MEDIA = {"image": "Image", "video": "Video", "audio": "Audio"}


def quick_replies(value: Any) -> list[Json]:
    return [
        {
            "contentType": "QuickReply",
            "quickReply": {"text": text, "payload": payload, "action": "Message"},
        }
        for text, payload in pairs(value, "quick_replies")
    ]


def card(value: Any, place: str = "card") -> Json:
    return {"contentType": "Card", "card": _card(value, place)}


def carousel(value: Any) -> Json:
    if not isinstance(value, list) or not 1 <= len(value) <= CARDS_MAX:
        raise AdminRequestError("carousel", f"must be a list of 1 to {CARDS_MAX} cards")
    cards = [_card(one, f"carousel.{n}") for n, one in enumerate(value)]
    return {"contentType": "Carousel", "carousel": {"cards": cards}}


def _card(value: Any, place: str) -> Json:
    fields = known(value, CARD, place)
    if not fields.get("title"):
        raise AdminRequestError(f"{place}.title", "is missing; a card has a title")
    found: Json = {
        name: text_of(fields[name], f"{place}.{name}")
        for name in ("title", "description", "image")
        if name in fields
    }
    actions = fields.get("actions", [])
    if not isinstance(actions, list) or len(actions) > ACTIONS_MAX:
        raise AdminRequestError(f"{place}.actions", f"must be a list of at most {ACTIONS_MAX}")
    found["actions"] = [_action(one, f"{place}.actions.{n}") for n, one in enumerate(actions)]
    return found


def _action(value: Any, place: str) -> Json:
    if isinstance(value, list):
        ((text, payload),) = pairs([value], place)
        return {"type": "Postback", "text": text, "payload": payload}
    known_fields = {"text": "its label", "payload": "what comes back", "url": "where it leads"}
    fields = known(value, known_fields, place)
    text = text_of(fields.get("text"), f"{place}.text")
    if ("payload" in fields) == ("url" in fields):
        raise AdminRequestError(place, "has either payload or url")
    if "url" in fields:
        return {"type": "Link", "text": text, "url": text_of(fields["url"], f"{place}.url")}
    payload = text_of(fields["payload"], f"{place}.payload")
    return {"type": "Postback", "text": text, "payload": payload}


def file_fields(value: Any) -> tuple[str, str, bytes | None, str]:
    """Name, media type, and the bytes or the URL."""
    fields = known(value, FILE, "file")
    name = text_of(fields.get("name"), "file.name")
    mime = text_of(fields.get("mime", "application/octet-stream"), "file.mime")
    if ("content" in fields) == ("url" in fields):
        raise AdminRequestError("file", "has either content or url")
    if "url" in fields:
        return name, mime, None, text_of(fields["url"], "file.url")
    try:
        content = base64.b64decode(text_of(fields["content"], "file.content"), validate=True)
    except (binascii.Error, ValueError):
        raise AdminRequestError("file.content", "must be base64") from None
    if not 0 < len(content) <= FILE_BYTES_MAX:
        raise AdminRequestError("file.content", f"must have 1 to {FILE_BYTES_MAX} bytes")
    return name, mime, content, ""


def attachment(file_id: str, name: str, mime: str, url: str, size_bytes: int) -> Json:
    media = _MEDIA.get(mime.partition("/")[0], "File")
    found: Json = {"id": file_id, "mediaType": media, "url": url, "mime": mime, "filename": name}
    if size_bytes:
        found["fileSize"] = size_bytes
    return {"contentType": "Attachment", "attachment": found}


def pairs(value: Any, place: str) -> list[tuple[str, str]]:
    if isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value):
        return [(str(one[0]), str(one[1])) for one in value]
    raise AdminRequestError(place, "must be a list of [label, payload] pairs")


def known(value: Any, fields: Mapping[str, str], place: str) -> Json:
    if not isinstance(value, dict):
        raise AdminRequestError(place, f"must be an object with {', '.join(fields)}")
    for name in value:
        if name not in fields:
            raise AdminRequestError(
                f"{place}.{name}"[:200], f"{name} is unknown", f"known are {', '.join(fields)}"
            )
    return value


def text_of(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise AdminRequestError(place, "must be a text")
    return value
