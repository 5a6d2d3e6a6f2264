"""docs/reference/events.md: what happens in a guest session, and what webhooks tell of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson
from pydantic import TypeAdapter

from guestd.api.event_schemas import EVENTS, add_meanings, meanings
from guestd.model.endings import Cause
from guestd.model.journal import EventRow, StoredEvent
from guestd.model.records import OperationEvent
from guestd.webhooks.payloads import MEANINGS, OPT_IN, TEST, TOLD, payload_of

from .schemas import fields
from .writing import GENERATED, paragraph, table

INTRODUCTION = f"""\
# Events

{GENERATED} What happens in a guest session is
journaled as an event with the session's next `seq`, then shown as JSON: to
[frontends](frames.md), in `GET /v1/sessions/{{session}}/events` (pages or server-sent events), by
`guestd sessions follow --json`. An event is not changed afterwards. Fields that have nothing to
say are empty (`""`, `false`, `[]`).
"""

CAUSES = """
## Why a connection or guest session stops

The `reason` of `session` events, the `cause` of log lines and metrics.
"""

OPERATIONS = """
## Operations

What happens outside of guest sessions (guests, messaging sessions, injections, prompts, keys) is
journaled as events of the kind `fact`, shown by `guestd journal export` and made into the
[audit](../operations.md#the-audit) and webhooks.
"""

WEBHOOKS = """
## Webhooks

What [receivers](../webhooks.md) are told. The body is an object with `id` (the same over all
tries), `event`, `timestamp` and `data`; the fields beside them are those that the documents of
that webhook name. Those marked *named* go only to targets that name them in `events`.
"""

#: When everything in the examples happened.
AT_MS = 1_795_978_800_000
SESSION = "02a1c5075c58f0fc"


def page() -> str:
    parts = [INTRODUCTION]
    for event in EVENTS:
        parts += _event(event)
    parts.append(CAUSES)
    parts += table(("word", "means"), ((f"`{one.value}`", one.meaning) for one in Cause))
    parts += [OPERATIONS, *_fact(), WEBHOOKS]
    for name, meaning in MEANINGS.items():
        parts += _webhook(name, meaning)
    return "\n".join(parts).rstrip() + "\n"


def _event(event: type) -> Iterator[str]:
    schema = TypeAdapter(event).json_schema(mode="serialization")
    add_meanings({event.__name__: schema})
    kind = schema["properties"].pop("kind")["const"]
    yield f"## `{kind}`\n\n{paragraph(schema['description'])}\n"
    yield from fields(schema, required=False)
    yield ""


def _fact() -> Iterator[str]:
    schema = TypeAdapter(OperationEvent).json_schema(mode="serialization")
    for name, meaning in meanings(OperationEvent).items():
        schema["properties"][name]["description"] = meaning
    return fields(schema, required=False)


def _webhook(name: str, meaning: str) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield paragraph(meaning + (" *Named.*" if name in OPT_IN else ""))
    if name != TEST:
        yield example_body(name) + "\n"


def example_body(name: str) -> str:
    """The body that the program makes of such an event."""
    found = payload_of(_stored(name))
    assert found is not None and found.event == name, name
    if found.session_id:
        found.name_guest("ana")
    body = json.loads(found.body("000000000042-9f3a1c2b77de-crm"))
    return "\n```json\n" + json.dumps(body, indent=2, ensure_ascii=False) + "\n```"


_MESSAGE = {
    "seq": 7,
    "id": "9a1d",
    "type": "Text",
    "text": "Hello, I am Ann",
    "time": "2026-11-29T18:00:00.000Z",
    "sender": "Ann",
    "kind": "message",
}
_OF_SESSIONS: dict[str, dict] = {
    "session.connected": {"state": "live", "first": True},
    "session.terminated": {"state": "ended", "reason": "finished"},
    "session.connection_lost": {"state": "resting", "reason": "lost"},
    "session.connection_restored": {"state": "live", "first": False},
    "message.received": {**_MESSAGE, "direction": "Outbound"},
    "message.sent": {**_MESSAGE, "direction": "Inbound", "sender": "", "command_id": "c1"},
}
_DETAILS: dict[str, dict] = {
    "webchat.session.created": {"guestId": "ana", "latency_ms": 412.5},
    "chat.injection.completed": {
        "http_status": 200,
        "verified": True,
        "sequence_match": True,
        "message_count": 2,
        "last_message_id": "m-2",
    },
    "AGENT_ASSIST_PROMPT_INJECTED": {"injectionId": "p-1", "latency_ms": 88.0, "context": {}},
}


def _stored(name: str) -> StoredEvent:
    if name in _OF_SESSIONS:
        event = {"kind": "session", "seq": 7, **_OF_SESSIONS[name]}
        row = EventRow(SESSION, 7, event["kind"], orjson.dumps(event), "", b"")
    else:
        action = next(action for action, told in TOLD.items() if told == name)
        fact = {
            "action": action,
            "status": "success",
            "operation_id": "operation-1",
            "conversation_id": "5f2c1a7e-52c9-4b6f-8a0e-7d2b3c4e5f60",
            "details": _DETAILS[name],
        }
        row = EventRow("", 7, "fact", orjson.dumps(fact), "", b"")
    return StoredEvent(42, AT_MS, row)
