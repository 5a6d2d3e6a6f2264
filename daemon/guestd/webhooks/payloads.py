"""From the journal's events to what the world outside is told (SYNC-1, INJ-5, ASSIST-3): a table,
and the bodies.

Every body is an object with `id`, `event`, `timestamp` and `data`; beside them stand the fields
that the documents of each webhook name, so that a receiver written for those finds what it looks
for. What happened in a guest session's own socket carries guestd's session id as `conversationId`:
the platform tells a guest no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from ..model.journal import StoredEvent
from ..model.times import iso_of_ms
from ..observe.redaction import without_secrets

CONNECTED, TERMINATED = "session.connected", "session.terminated"
CREATED, INJECTED, PROMPTED = (
    "webchat.session.created",
    "chat.injection.completed",
    "AGENT_ASSIST_PROMPT_INJECTED",
)
#: What every target is told that names no events.
EVENTS = (CONNECTED, TERMINATED, CREATED, INJECTED, PROMPTED)

CONNECTION_LOST, CONNECTION_BACK = "session.connection_lost", "session.connection_restored"
RECEIVED, SENT = "message.received", "message.sent"
TEST = "webhook.test"

#: What only targets are told that name it: there are many of these, and messages hold what was
#: said.
OPT_IN = frozenset({CONNECTION_LOST, CONNECTION_BACK, RECEIVED, SENT})

#: What each of them tells.
MEANINGS = {
    CONNECTED: "A guest session is live for the first time, or a messaging session was opened.",
    TERMINATED: "Either has ended; `reason` says why.",
    CREATED: "A guest was created; `initializationLatencyMs` is from the request to the end.",
    INJECTED: "Messages were injected; `status` is the HTTP status of the platform's answer.",
    PROMPTED: "A prompt is on the agent's screen.",
    CONNECTION_LOST: "A guest session that was live lost its connection; `reason` is the cause.",
    CONNECTION_BACK: "It is live again.",
    RECEIVED: "The guest received a message.",
    SENT: "The platform has echoed a message of the guest.",
    TEST: "`guestd webhooks test` was called; it goes to every target.",
}

#: Which successful facts are told, and as what.
TOLD = {
    "guest.created": CREATED,
    "injection.completed": INJECTED,
    "prompt.injected": PROMPTED,
    "messaging.opened": CONNECTED,
    "messaging.ended": TERMINATED,
}
#: Whose receivers wait least (ASSIST-3 and guest creation: 3 s).
QUICK = frozenset({CREATED, PROMPTED})


@dataclass(slots=True)
class WebhookPayload:
    """`lane`: whose order it keeps. `url`: where the operation itself wants it told, or "".
    `session_id`: of the guest session that it tells of, or ""."""

    event: str
    lane: str
    stem: str
    at_ms: int
    fields: dict[str, Any]
    url: str = field(default="", repr=False)
    session_id: str = ""

    def name_guest(self, name: str) -> None:
        """Of the guest session that it tells of."""
        if name:
            self.fields["data"]["guest"] = name

    def delivery_id(self, target: str) -> str:
        return f"{self.stem}-{target}"

    def body(self, delivery_id: str) -> bytes:
        head = {"id": delivery_id, "event": self.event, "timestamp": iso_of_ms(self.at_ms)}
        return orjson.dumps({**head, **self.fields})


def payload_of(kept: StoredEvent) -> WebhookPayload | None:
    """What is to be told of an event, or None. A connect that version 0.1 recorded does not say
    whether it is the first: it is told, because twice is better than never."""
    row = kept.row
    if row.kind == "fact":
        return _of_fact(kept, orjson.loads(row.payload))
    if row.kind == "message":
        return _of_message(kept, orjson.loads(row.payload))
    if row.kind != "session":
        return None
    event = orjson.loads(row.payload)
    match event["state"]:
        case "ended":
            return _of_session(kept, TERMINATED, event)
        case "live":
            word = CONNECTED if event.get("first", True) else CONNECTION_BACK
            return _of_session(kept, word, event)
        case "resting":
            return _of_session(kept, CONNECTION_LOST, event)
    return None


def stem(kept: StoredEvent) -> str:
    """What identifies an event in every journal there ever was: its place, and a hash of all that
    it is.

    A journal in memory counts from 1 again after each start; receivers must not take its events for
    repetitions."""
    row = kept.row
    own = f"{row.session_id} {row.seq} {kept.at_ms} ".encode() + row.payload
    return f"{kept.offset:012d}-{sha256(own).hexdigest()[:12]}"


def _of_session(kept: StoredEvent, event: str, found: dict[str, Any]) -> WebhookPayload:
    session_id = kept.row.session_id
    reason = {"reason": found["reason"]} if found.get("reason") else {}
    fields = {
        "conversationId": session_id,
        "state": event.partition(".")[2],
        "metadata": reason,
        "data": {"sessionId": session_id, **reason},
    }
    return WebhookPayload(event, session_id, stem(kept), kept.at_ms, fields, session_id=session_id)


def _of_message(kept: StoredEvent, found: dict[str, Any]) -> WebhookPayload:
    """With its words as they were said. `message.sent` is the platform's echo of the guest's."""
    session_id, event = kept.row.session_id, SENT if found["direction"] == "Inbound" else RECEIVED
    told = {_camel(name): found[name] for name in _OF_MESSAGE if found.get(name)}
    data = {"sessionId": session_id, "seq": kept.row.seq, **told}
    return WebhookPayload(
        event,
        session_id,
        stem(kept),
        kept.at_ms,
        {"conversationId": session_id, "data": data},
        session_id=session_id,
    )


#: What a message's webhook has of its event, in this order; what is empty is left out.
_OF_MESSAGE = (
    "message_id",
    "command_id",
    "type",
    "text",
    "content",
    "time",
    "sender",
    "bot",
    "late",
)


def _of_fact(kept: StoredEvent, fact: dict[str, Any]) -> WebhookPayload | None:
    event = TOLD.get(fact["action"])
    if event is None or fact["status"] != "success":
        return None
    details = dict(fact.get("details") or {})
    url = str(details.pop("webhook_url", "") or "")
    details = {_camel(name): value for name, value in without_secrets(details).items()}
    conversation, operation = fact.get("conversation_id", ""), fact.get("operation_id", "")
    data = {
        **({"conversationId": conversation} if conversation else {}),
        "operationId": operation,
        **details,
    }
    if guest := details.get("guestId"):
        data["guest"] = guest
    if event == INJECTED:
        data["timestamp"], data["status"] = iso_of_ms(kept.at_ms), data.pop("httpStatus", None)
    elif event == CREATED:
        data["initializationLatencyMs"] = details.get("latencyMs")
    fields: dict[str, Any] = {"data": data}
    if event == PROMPTED:
        data["alignmentStatus"] = "SYNCED"  # true for every reader of this webhook
        fields = {**_prompt_fields(event, data), **fields}
    elif event in (CONNECTED, TERMINATED):
        state = event.partition(".")[2]
        fields = {"conversationId": conversation, "state": state, "metadata": {}, **fields}
    return WebhookPayload(event, conversation or operation, stem(kept), kept.at_ms, fields, url)


def _prompt_fields(event: str, data: dict[str, Any]) -> dict[str, Any]:
    """As ASSIST-3 names them."""
    return {
        "eventType": event,
        "injectionId": data.get("injectionId"),
        "latencyMs": data.get("latencyMs"),
        "context": data.get("context") or {},
        "alignmentStatus": "SYNCED",
    }


def _camel(name: str) -> str:
    """Facts are written in our way, webhooks in the documents' way: latency_ms is latencyMs
    there."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
