"""docs/reference/frames.md: every frame of the simulator's socket and of an event stream."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import get_args, get_type_hints

from guestd.api.asyncapi import as_data
from guestd.api.event_schemas import EVENTS
from guestd.api.frame_models import NOTICES, SENT_BY_FRONTENDS, SENT_BY_GUESTD

from .schemas import example, fields
from .writing import GENERATED, item, paragraph

INTRODUCTION = f"""\
# Frames

{GENERATED} The frames of the simulator's socket
(`ws://localhost:3000/?guest=ana`), each one JSON object in a text frame; what they do together is
told in [the simulator](../simulator.md). For programs:
[AsyncAPI 3](asyncapi-simulator.json), also at `/v1/asyncapi.json` of a running daemon.
"""

ADDRESS = """
## The address

The query of the socket's URL:
"""
SENT = """
## What you may send

Every frame but `guest` may have a `command_id` of yours, 1 to 128 characters: then success is
answered too, and the same id with the same content gets the same answer again. Unknown fields are
refused.
"""
GOT = """
## What you get

`hello` comes first. Then answers and notices, which have no place in the order, and the
[events](events.md) of the guest session.
"""
STREAM = """
## Event streams over HTTP

`GET /v1/sessions/{session}/events` with `Accept: text/event-stream` gives the same events as
server-sent events: `id` is the seq, `event` the kind, `data` the event. Beside them stand
`lagging`, as above, and:
"""


def page() -> str:
    document = as_data()
    schemas = document["components"]["schemas"]
    query = document["channels"]["guest"]["bindings"]["ws"]["query"]
    parts = [INTRODUCTION + ADDRESS, *fields(query, required=False), SENT]
    for action, model in SENT_BY_FRONTENDS.items():
        parts += _sent(action, schemas[model.__name__])
    parts.append(GOT.lstrip())
    for model in SENT_BY_GUESTD:
        schema = schemas[model.__name__]
        parts.append(f"### {_title(model.__name__)}\n\n{paragraph(schema['description'])}\n")
        parts += [*fields(schema), ""]
    parts.append("### DownloadLink\n\nThe `result` of a `link`.\n")
    parts += fields(schemas["DownloadLink"])
    parts += ["\n### Events\n", *(_event(one) for one in EVENTS), STREAM]
    for model in NOTICES:
        parts.append(
            paragraph(f"`{model.__name__.removesuffix('Notice').lower()}`: {model.__doc__}")
        )
        parts += ["", *fields(model.model_json_schema()), ""]
    return "\n".join(parts).rstrip() + "\n"


def _sent(action: str, schema: dict) -> Iterator[str]:
    yield f"### `{action}`\n\n{paragraph(schema['description'])}"
    own = {name: one for name, one in schema["properties"].items() if name != "command_id"}
    own.pop("action")
    if own:
        yield ""
        yield from fields({**schema, "properties": own})
    given = (schema.get("examples") or [{"action": action}])[0]
    yield example(given) + "\n"


def _title(name: str) -> str:
    return name.removesuffix("Frame")


def _event(event: type) -> str:
    kind = get_args(get_type_hints(event)["kind"])[0]
    return item(kind, (), cleandoc(event.__doc__ or ""))
