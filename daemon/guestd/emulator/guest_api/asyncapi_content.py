"""Content items and events of messages, as JSON Schema (protocol §3.7, §3.8), and the words that
schemas are written in."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def text(description: str = "") -> Json:
    return {"type": "string", **({"description": description} if description else {})}


def integer(description: str = "") -> Json:
    return {"type": "integer", **({"description": description} if description else {})}


def const(value: str) -> Json:
    return {"const": value}


def word(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def map_of(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


def obj(required: str, **properties: Json) -> Json:
    """`required`: names between spaces."""
    found: Json = {"type": "object", "properties": properties}
    return {**found, "required": required.split()} if required else found


_ACTION = obj("", type=word("Link", "Postback"), text=text(), url=text(), payload=text())
_CARD = obj(
    "title actions",
    title=text(),
    description=text(),
    image=text(),
    video=text(),
    actions=array(_ACTION),
    defaultAction=_ACTION,
)

_ITEMS: dict[str, Json] = {
    "attachment": obj(
        "",
        id=text(),
        url=text(),
        filename=text(),
        fileSize=integer("Bytes."),
        mediaType=word("Image", "Video", "Audio", "File", "Link"),
        mime=text(),
        sha256=text(),
        text=text(),
    ),
    "quickReply": obj("text payload", text=text(), payload=text(), action=text(), image=text()),
    "buttonResponse": obj(
        "text payload type",
        text=text(),
        payload=text(),
        type=word("Button", "DatePicker", "Form", "ListPicker", "QuickReply"),
        originatingMessageId=text(),
    ),
    "card": _CARD,
    "carousel": obj("cards", cards=array(_CARD)),
    "datePicker": obj(
        "",
        title=text(),
        subtitle=text(),
        imageUrl=text(),
        availableTimes=array(
            obj("dateTime duration", dateTime=text("ISO 8601."), duration=integer("Seconds."))
        ),
        dateMinimum=text(),
        dateMaximum=text(),
    ),
    "listPicker": obj("", sections=array(obj("")), receivedMessage=obj(""), replyMessage=obj("")),
    "form": obj("", cannedResponseId=text()),
}

#: One item: `contentType`, and one object under the key of that name.
CONTENT_ITEM: Json = {
    **obj("contentType", contentType=text("Attachment, QuickReply, Card, …"), **_ITEMS),
    "description": "One object stands under the name that contentType gives.",
}

EVENT: Json = obj(
    "eventType",
    eventType=word("Typing", "Presence", "CoBrowse", "Video", "Reactions"),
    typing=obj("type", type=word("On"), duration=integer("Milliseconds.")),
    presence=obj("type", type=text("Join, Disconnect, Clear, SignIn.")),
    coBrowse=obj(""),
    video=obj(""),
)
