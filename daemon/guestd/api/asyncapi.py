"""The AsyncAPI 3 document of the simulator's socket, written from the models of its frames and of
the events."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import TypeAdapter

from .. import __version__
from ..model.guest_names import NAME_CHARS_MAX
from .event_schemas import EVENTS, add_meanings
from .frame_models import SENT_BY_FRONTENDS, SENT_BY_GUESTD

Json = dict[str, Any]

_ABOUT = """A frontend acts as the guest that it names in the address. Every frame is one JSON
object in a text frame. The first frame from guestd is `hello`; events carry the guest session's own
`seq`, without holes, and a frontend that comes back with `since` gets what it missed. A frame that
is refused is answered with `error` and `code`, and does not close the socket."""

_QUERY: dict[str, Json] = {
    "guest": {
        "type": "string",
        "minLength": 1,
        "maxLength": NAME_CHARS_MAX,
        "description": "The guest's name: letters and digits of any script and . _ @ + -;"
        " generated if left out.",
    },
    "since": {"type": "integer", "minimum": 0, "description": "The last seq you have."},
    "create": {
        "type": "string",
        "enum": ["true", "false"],
        "description": "false: only follow a guest session that is there.",
    },
    "when_down": {
        "type": "string",
        "enum": ["queue", "reject"],
        "description": "What happens to messages while a lost connection is not back.",
    },
    "name": {"type": "string", "maxLength": 100, "description": "What agents are shown."},
    "email": {"type": "string", "maxLength": 254, "description": "What webchat needs."},
    "details": {
        "type": "string",
        "enum": ["first_frame"],
        "description": "The first frame tells who a new guest is.",
    },
    "access_token": {"type": "string", "description": "simulator.token, if there is one."},
}


def document() -> bytes:
    """The document as JSON."""
    return orjson.dumps(as_data())


def as_data() -> Json:
    sent, received = _names(SENT_BY_FRONTENDS.values()), _names([*SENT_BY_GUESTD, *EVENTS])
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "guestd simulator",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {"host": "localhost:3000", "protocol": "ws", "description": "simulator.port"}
        },
        "channels": {
            "guest": {
                "address": "/",
                "description": "One guest session.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in schemas},
                "bindings": {"ws": {"query": {"type": "object", "properties": _QUERY}}},
            }
        },
        "operations": {
            "receiveFromFrontend": _operation("receive", "What a frontend may send.", sent),
            "sendToFrontend": _operation("send", "What a frontend gets.", received),
        },
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "summary": schema.get("description", name),
                    "payload": {"$ref": f"#/components/schemas/{name}"},
                }
                for name, schema in schemas.items()
            },
            "schemas": {**_definitions(), **schemas},
        },
    }


def _names(models: Any) -> list[str]:
    return [model.__name__ for model in models]


def _operation(action: str, summary: str, names: list[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/guest"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/guest/messages/{name}"} for name in names],
    }


def _schemas() -> dict[str, Json]:
    """Of the frames themselves, by name, in the order of the document."""
    found = _definitions()
    models = [*SENT_BY_FRONTENDS.values(), *SENT_BY_GUESTD, *EVENTS]
    return {name: found[name] for name in _names(models)}


def _definitions() -> dict[str, Json]:
    """Of the frames and of what they refer to."""
    wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        (one, "validation", TypeAdapter(one)) for one in SENT_BY_FRONTENDS.values()
    ]
    wanted += [(one, "serialization", TypeAdapter(one)) for one in (*SENT_BY_GUESTD, *EVENTS)]
    _, found = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    definitions: dict[str, Json] = found["$defs"]
    for name, schema in definitions.items():
        for field in schema["properties"].values():
            field.pop("title", None)  # the name once more
            if not name.endswith("Event"):
                _leave_out_null(field)
    add_meanings(definitions)
    return definitions


def _leave_out_null(field: Json) -> None:
    """A frame has such a field, or does not have it; it is never null."""
    choices = field.get("anyOf", [])
    if {"type": "null"} in choices and field.get("default", 0) is None:
        del field["anyOf"], field["default"]
        field.update(next(one for one in choices if one != {"type": "null"}))
