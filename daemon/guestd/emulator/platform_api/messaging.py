"""Messaging conversations over REST (SESS-4 to 7), in both shapes of the documents.

The initialization body names the conversation itself and carries the guest's capabilities; the
guest creation body names a contact and a queue. What either makes is one and the same thing: it
beats, it can be ended, and it is an interaction that messages are injected into.

A conversation whose session duration is over is ended by the platform too, but a minute later: a
client that ends it in time should never find itself forestalled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.ids import draw_uuid, iso
from ..core.records import Json
from . import checks
from .calls import PlatformCall, PlatformRefusal, PlatformResponse, not_found, wrong
from .guest_keys import GuestKeys
from .live_store import LiveStore
from .queues import ExternalContacts, RoutingQueues
from .world_view import WorldBase

DURATION_MAX_S = 2700
DURATION_S = 1800
DURATION_GRACE_S = 60.0
CAPABILITIES = ("typing-indicator", "read-receipts")
HEARTBEATS_KEPT = 100


@dataclass(slots=True)
class MessagingConversation:
    """`beats` are the newest heartbeats; `last_ms` is the time of the newest message."""

    id: str
    queue_id: str
    started: float
    answered: float
    ends: float
    key: str
    details: Json = field(repr=False)
    ended: float | None = None
    ended_by: str = ""
    beat_count: int = 0
    beats: deque[Json] = field(default_factory=lambda: deque(maxlen=HEARTBEATS_KEPT))
    messages: deque[Json] = field(default_factory=deque)
    last_ms: int = 0

    def state(self, now: float) -> str:
        if self.ended is not None:
            return "ended"
        return "active" if now >= self.answered else "queued"

    def describe(self, now: float) -> Json:
        return {
            "id": self.id,
            "type": "messaging",
            "status": "connected" if self.ended is None else "disconnected",
            "state": self.state(now),
            "queueId": self.queue_id,
            "startTime": iso(int(self.started * 1000)),
            **({"endTime": iso(int(self.ended * 1000))} if self.ended is not None else {}),
            **self.details,
            "heartbeats": self.beat_count,
        }


class MessagingConversations:
    def __init__(
        self, world: WorldBase, queues: RoutingQueues, contacts: ExternalContacts, keys: GuestKeys
    ) -> None:
        self._keys = keys
        self._world = world
        self._queues = queues
        self._contacts = contacts
        self._all: LiveStore[MessagingConversation] = LiveStore(world.settings.records_max)

    def __iter__(self) -> Iterator[MessagingConversation]:
        return iter(self._all)

    def get(self, conversation_id: str, now: float) -> MessagingConversation | None:
        found = self._all.get(conversation_id)
        if found is not None and found.ended is None and now >= found.ends + DURATION_GRACE_S:
            self.end(found, found.ends, "platform")
        return found

    def end(self, conversation: MessagingConversation, at: float, by: str) -> None:
        if conversation.ended is None:
            conversation.ended, conversation.ended_by = at, by
            self._all.end(conversation.id)

    # ------------------------------------------------------------------ making one

    def open(self, call: PlatformCall) -> PlatformResponse:
        guest = "contactId" in call.body or "routingData" in call.body
        conversation = self._for_contact(call) if guest else self._initialize(call)
        if self._all.get(conversation.id) is not None:
            raise PlatformRefusal(
                409,
                "conversation.already.exists",
                f"There is a conversation {conversation.id} already",
                "id",
            )
        self._all.put(conversation.id, conversation)
        return PlatformResponse(
            conversation.describe(call.now), 201, created=("conversation", conversation.id)
        )

    def _initialize(self, call: PlatformCall) -> MessagingConversation:
        """SESS-4."""
        body = call.body
        conversation_id = checks.uuid(body, "id")
        checks.text(body, "from.id")
        checks.one_of(body, "from.type", ("user",))
        if not checks.a_list(body, "to"):
            raise wrong("to", "must name a queue")
        checks.one_of(body, "to[0].type", ("queue",))
        queue_id = checks.text(body, "to[0].id")
        checks.one_of(body, "type", ("messaging",))
        checks.one_of(body, "channelAddress", ("web",))
        self._keys.check(body, "metadata.guestIdToken", call.now)
        duration_s = checks.number(
            body, "metadata.sessionDurationLimit", 1, DURATION_MAX_S, DURATION_S
        )
        if checks.find(body, "metadata.initiatedAt") is not None:
            checks.instant(checks.find(body, "metadata.initiatedAt"), "metadata.initiatedAt")
        details = {
            "name": checks.text(body, "from.name"),
            "context": {"locale": _locale(body), "capabilities": _capabilities(body)},
            "sessionDurationLimit": duration_s,
        }
        return self._new(call, conversation_id, queue_id, "to[0].id", duration_s, details)

    def _for_contact(self, call: PlatformCall) -> MessagingConversation:
        """SESS-7."""
        body = call.body
        contact = self._contacts.find(checks.text(body, "contactId"))
        if contact is None:
            raise wrong("contactId", "names no contact")
        queue_id = checks.text(body, "routingData.queueId")
        skills = checks.a_list(body, "routingData.skillRequirements", [])
        attributes = checks.an_object(body, "customAttributes")
        self._keys.check(body, "customAttributes.sessionToken", call.now)
        details = {
            "contactId": contact.id,
            "routingData": {"queueId": queue_id, "skillRequirements": skills},
            "customAttributes": {
                name: value for name, value in attributes.items() if name != "sessionToken"
            },
        }
        conversation_id = draw_uuid(self._world.rng)
        duration_s = self._world.settings.deployments[0].session_duration_s
        return self._new(
            call, conversation_id, queue_id, "routingData.queueId", duration_s, details
        )

    def _new(
        self,
        call: PlatformCall,
        conversation_id: str,
        queue_id: str,
        place: str,
        duration_s: float,
        details: Json,
    ) -> MessagingConversation:
        queue = self._queues.named(queue_id, place)
        answered = call.now + queue.answer_after_s
        found = MessagingConversation(
            conversation_id, queue_id, call.now, answered, call.now + duration_s, call.key, details
        )
        found.messages = deque(maxlen=self._world.settings.history_messages_max)
        return found

    # ------------------------------------------------------------------ its life

    def show(self, call: PlatformCall) -> PlatformResponse:
        return PlatformResponse(self._named(call).describe(call.now))

    def change(self, call: PlatformCall) -> PlatformResponse:
        """A heartbeat (SESS-5), or the end (SESS-6)."""
        conversation = self._named(call)
        status = checks.find(call.body, "status")
        if status is None and "context" not in call.body:
            raise wrong("context", "or status is required")
        if status not in (None, "disconnected"):
            raise wrong("status", "must be disconnected")
        beat = self._beat_of(call) if "context" in call.body else None
        if conversation.ended is not None:
            raise PlatformRefusal(
                409, "conversation.ended", f"The conversation {conversation.id} has ended", "id"
            )
        if beat is not None:
            conversation.beat_count += 1
            conversation.beats.append(beat)
        if status is not None:
            self.end(conversation, call.now, "guest")
        return PlatformResponse(conversation.describe(call.now))

    def _beat_of(self, call: PlatformCall) -> Json:
        given = checks.an_object(call.body, "context")
        checks.instant(given.get("lastActivityTimestamp"), "context.lastActivityTimestamp")
        sequence = checks.whole(call.body, "context.heartbeatSequence", 0, 2**53)
        return {
            "sequence": sequence,
            "lastActivityTimestamp": given["lastActivityTimestamp"],
            "at": call.now,
        }

    def _named(self, call: PlatformCall) -> MessagingConversation:
        found = self.get(call.path["id"], call.now)
        if found is None:
            raise not_found("conversation", call.path["id"])
        return found


def _capabilities(body: Json) -> list[Any]:
    """SESS-3: these two at least; the error names what is missing."""
    given = checks.a_list(body, "context.capabilities")
    missing = [one for one in CAPABILITIES if one not in given]
    if missing:
        raise wrong("context.capabilities", f"lacks {', '.join(missing)}")
    if not all(isinstance(one, str) for one in given):
        raise wrong("context.capabilities", "must be strings")
    return given


def _locale(body: Json) -> str:
    return (
        "en-US"
        if checks.find(body, "context.locale") is None
        else checks.text(body, "context.locale", 35)
    )
