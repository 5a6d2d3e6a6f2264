"""The AsyncAPI 3 document of the platform's guest socket, as the emulator speaks it: written from
docs/protocol.md, like the emulator, and held to it by a test that records real conversations.

What the platform itself does is known only as well as that page says. Objects are open: a client
must tolerate fields and classes that do not stand here."""

from __future__ import annotations

from typing import Any

import orjson

from ... import __version__
from .asyncapi_content import CONTENT_ITEM, EVENT, array, const, integer, map_of, obj, text, word

Json = dict[str, Any]

_ABOUT = """The socket on which a guest of Genesys Cloud web messaging speaks, as guestd and its
emulator know it; it is not the vendor's description. Requests are flat objects with an `action`,
answers stand in an envelope whose `class` says what the body is. A guest's message is confirmed by
its echo, which has the request's `tracingId`."""

_TOKEN = text("The session's secret name: a UUID that the client invents and keeps.")
_TRACE = text("Comes back in the answer.")


def _request(action: str, about: str, required: str = "", **fields: Json) -> Json:
    always = {"action": const(action), "token": _TOKEN, "tracingId": _TRACE}
    return {"description": about, **obj(f"action token {required}", **always, **fields)}


def _configure(**fields: Json) -> dict[str, Json]:
    return {
        "deploymentId": text("The Messenger deployment."),
        "startNew": {"type": "boolean", "description": "A fresh conversation, the same token."},
        "journeyContext": obj("", customer=obj(""), customerSession=obj("")),
        **fields,
    }


_MESSAGE = obj(
    "",
    type=word("Text", "Structured", "Event"),
    text=text("At most 4096 bytes."),
    content=array(CONTENT_ITEM),
    events=array(EVENT),
    metadata=map_of(text("Comes back in the echo.")),
    channel=obj(
        "",
        metadata=obj("", customAttributes=map_of(text("2048 bytes together, with their names."))),
        messageId=text("A UUID."),
    ),
)

REQUESTS: dict[str, Json] = {
    "configureSession": _request(
        "configureSession", "The first request on a socket.", "deploymentId", **_configure()
    ),
    "configureAuthenticatedSession": _request(
        "configureAuthenticatedSession",
        "The same, for a guest who has signed in.",
        "deploymentId data",
        **_configure(data=obj("code", code=text("The JWT of the token exchange."))),
    ),
    "onMessage": _request("onMessage", "Say something.", "message", message=_MESSAGE),
    "closeSession": _request(
        "closeSession",
        "End the conversation.",
        "closeAllConnections",
        closeAllConnections={"type": "boolean"},
    ),
    "echo": {
        **_request("echo", "Is the connection alive? Two a minute are allowed.", message=_MESSAGE),
        "required": ["action"],
    },
    "getConfiguration": _request(
        "getConfiguration",
        "What may be uploaded, and the limits.",
        "deploymentId",
        deploymentId=text("The Messenger deployment."),
    ),
    "onAttachment": _request(
        "onAttachment",
        "Ask where to upload a file.",
        "fileName fileSize",
        attachmentId=text("The client's choice, or the platform's if left out."),
        fileName=text("With an extension; under 1024 characters."),
        fileType=text("Its media type."),
        fileSize=integer("Bytes."),
        fileMd5=text("In the vendor's schema; no client sends it."),
        errorsAsJson={"type": "boolean", "description": "GenerateUrlError instead of a string."},
    ),
    "getAttachment": _request(
        "getAttachment",
        "Ask for a fresh download URL.",
        "attachmentId",
        attachmentId=text("The file's id."),
    ),
    "deleteAttachment": _request(
        "deleteAttachment",
        "Take back a file that was not sent.",
        "attachmentId",
        attachmentId=text("The file's id."),
    ),
    "getJwt": _request("getJwt", "Ask for the bearer token of the history."),
}

_PARTICIPANT = obj(
    "", firstName=text(), lastName=text(), nickname=text("What guests are shown."), image=text()
)
_MEDIA = obj(
    "",
    inbound=obj("", fileTypes=array(obj("type", type=text())), maxFileSizeKB=integer("Kilobytes.")),
)
_LIMITS: dict[str, Json] = {
    "allowedMedia": _MEDIA,
    "blockedExtensions": array(text("With the leading dot.")),
    "maxCustomDataBytes": integer("Of custom attributes."),
}

#: The body of each class, and what `type` and `code` stand beside it.
BODIES: dict[str, tuple[str, str, Json]] = {
    "SessionResponse": (
        "response",
        "The answer to configure and closeSession.",
        obj(
            "connected",
            connected={"type": "boolean", "description": "false: the answer to closeSession."},
            newSession={"type": "boolean", "description": "The token had no session before."},
            readOnly={"type": "boolean", "description": "The conversation has ended."},
            clearedExistingSession={"type": "boolean"},
            durationSeconds=integer("How long it lives after its last message."),
            expirationDate=integer("Epoch seconds."),
            **_LIMITS,
        ),
    ),
    "GetConfigurationResponse": (
        "response",
        "The answer to getConfiguration.",
        obj(
            "allowedMedia maxCustomDataBytes messageRoutingEnabled",
            messageRoutingEnabled={"type": "boolean"},
            sessionDurationSeconds=integer("Seconds."),
            **_LIMITS,
        ),
    ),
    "StructuredMessage": (
        "message response",
        "A message or event, the guest's echo included; a response to echo.",
        obj(
            "id type direction",
            id=text("The platform's id."),
            type=word("Text", "Structured", "Event"),
            text=text("May be missing."),
            direction=word("Inbound", "Outbound"),
            channel=obj(
                "",
                time=text("ISO 8601, UTC, milliseconds: orders and de-duplicates."),
                messageId=text("A UUID, on a guest's echoes."),
                type=word("Private", "Public"),
                **{"from": _PARTICIPANT, "to": _PARTICIPANT},
            ),
            content=array(CONTENT_ITEM),
            events=array(EVENT),
            metadata=map_of(text()),
            originatingEntity=word("Human", "Bot"),
        ),
    ),
    "PresignedUrlResponse": (
        "response",
        "Where to upload to; without headers, where to download from.",
        obj(
            "attachmentId headers url",
            attachmentId=text(),
            url=text("PUT the file there, with these headers."),
            headers=map_of(text()),
            fileName=text(),
            fileSize=integer("Bytes."),
            fileType=text(),
        ),
    ),
    "UploadSuccessEvent": (
        "message",
        "The file is uploaded; now it may be sent.",
        obj(
            "attachmentId downloadUrl timestamp",
            attachmentId=text(),
            downloadUrl=text("Works for about ten minutes."),
            timestamp=text(),
        ),
    ),
    "UploadFailureEvent": (
        "message",
        "The file was refused.",
        obj(
            "attachmentId errorCode errorMessage timestamp",
            attachmentId=text(),
            errorCode=integer(),
            errorMessage=text(),
            timestamp=text(),
        ),
    ),
    "GenerateUrlError": (
        "response message",
        "There is no place for the file.",
        obj(
            "attachmentId errorCode errorMessage",
            attachmentId=text(),
            errorCode=integer(),
            errorMessage=text(),
        ),
    ),
    "AttachmentDeletedResponse": ("message", "It was taken back.", obj("", attachmentId=text())),
    "JwtResponse": (
        "response",
        "The bearer token of the history.",
        obj("jwt exp", jwt=text("A secret."), exp=integer("Epoch seconds.")),
    ),
    "SessionExpiredEvent": ("message response", "The session's time is over.", obj("")),
    "SessionClearedEvent": ("message", "A clear was accepted.", obj("")),
    "ConnectionClosedEvent": (
        "message",
        "This connection is closed: displaced, cleared, or signed in elsewhere.",
        obj("", reason=text(), reasonCode=text()),
    ),
    "LogoutEvent": ("message", "The guest's tokens were revoked.", obj("")),
    "TooManyRequestsErrorMessage": (
        "response",
        "Over a limit (429).",
        obj(
            "retryAfter",
            retryAfter=integer("Seconds."),
            errorCode=integer("4029."),
            errorMessage=text(),
        ),
    ),
    "string": ("response", "An error: `code` says which.", text("For people.")),
}


def _frame(name: str) -> Json:
    kinds, about, body = BODIES[name]
    envelope = obj(
        "type class code body",
        type=word(*kinds.split()),
        code=integer("200, an HTTP status, or one of 4000 to 5000."),
        body=body,
        tracingId=text("The request's, if it had one."),
        **{"class": const(name)},
    )
    return {"description": about, **envelope}


def document() -> bytes:
    """The document as JSON."""
    return orjson.dumps(as_data())


def as_data() -> Json:
    answers = {name: _frame(name) for name in BODIES}
    schemas = {**REQUESTS, **answers}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Guest socket of web messaging",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "emulator": {
                "host": "localhost:8080",
                "protocol": "ws",
                "description": "guestd emulate --port 8080",
            },
            "platform": {
                "host": "webmessaging.{region}",
                "protocol": "wss",
                "variables": {"region": {"default": "mypurecloud.com"}},
            },
        },
        "channels": {"guest": _channel(list(schemas))},
        "operations": {
            "receiveRequest": _operation("receive", "What a guest may ask.", list(REQUESTS)),
            "sendFrame": _operation("send", "What a guest gets.", list(answers)),
        },
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "summary": schema["description"],
                    "payload": {"$ref": f"#/components/schemas/{name}"},
                }
                for name, schema in schemas.items()
            },
            "schemas": schemas,
        },
    }


def _channel(names: list[str]) -> Json:
    query = {
        "type": "object",
        "required": ["deploymentId"],
        "properties": {
            "deploymentId": text("The Messenger deployment."),
            "application": text("The client's name, in free text."),
        },
    }
    return {
        "address": "/v1",
        "description": "One connection of a session.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"query": query}},
    }


def _operation(action: str, summary: str, names: list[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/guest"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/guest/messages/{name}"} for name in names],
    }
