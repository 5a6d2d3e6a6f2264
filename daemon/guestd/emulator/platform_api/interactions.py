"""Interactions, and messages injected into them (INJ-1 to 4).

Every conversation is an interaction: those of messaging, and those of guests on the socket, who see
an injected message like any other from an agent. Ids are numbered (`msg-9`, `msg-10`): they
increase for a client that compares the numbers, as the contract asks, and not for one that compares
strings.
"""

from __future__ import annotations

from typing import Any

from ..core.ids import iso
from ..core.records import Effect, GuestConversation, GuestSession, Json
from ..core.stores import BoundedStore
from ..core.text import javascript_length
from . import checks
from .calls import PlatformCall, PlatformRefusal, PlatformResponse, not_found, wrong
from .messaging import MessagingConversation, MessagingConversations
from .world_view import ConversationWorld

CHARACTERS_MAX = 4096
KINDS = ("text", "html")
SENDERS = ("agent", "customer", "bot", "system")


class Interactions:
    def __init__(self, world: ConversationWorld, conversations: MessagingConversations) -> None:
        self._world = world
        self._conversations = conversations
        self.injections: BoundedStore[Json] = BoundedStore(world.settings.records_max)
        self._count = 0

    # ------------------------------------------------------------------ looking

    def show(self, call: PlatformCall) -> PlatformResponse:
        interaction_id = call.path["id"]
        found = self._find(interaction_id, call.now)
        if isinstance(found, MessagingConversation):
            described = {"startTime": iso(int(found.started * 1000)), "queueId": found.queue_id}
            return PlatformResponse(
                {
                    "id": found.id,
                    "state": found.state(call.now),
                    "mediaType": "messaging",
                    **described,
                }
            )
        conversation = _conversation(found, interaction_id)
        state = "active" if conversation.state == "connected" else "ended"
        described = {"startTime": iso(int(conversation.started * 1000))}
        return PlatformResponse(
            {"id": interaction_id, "state": state, "mediaType": "webmessaging", **described}
        )

    def _find(self, interaction_id: str, now: float) -> MessagingConversation | GuestSession:
        found = self._conversations.get(interaction_id, now) or self._world.conversations.get(
            interaction_id
        )
        if found is None:
            raise not_found("interaction", interaction_id)
        return found

    # ------------------------------------------------------------------ injecting

    def inject(self, call: PlatformCall) -> PlatformResponse:
        """All of the messages, or none."""
        interaction_id = checks.text(call.body, "interactionId")
        messages = _messages_of(call.body)
        found = self._find(interaction_id, call.now)
        self._refuse_if_over(found, interaction_id, call.now)
        placed: list[Json] = []
        effects: list[Effect] = []
        place = (
            self._into_messaging
            if isinstance(found, MessagingConversation)
            else self._into_guest_session
        )
        for message in messages:
            self._count += 1
            stored, more = place(found, {"id": f"msg-{self._count}", **message}, call.now)
            placed.append(stored)
            effects += more
        injection_id = f"inj-{self._count}"
        injection = {"id": injection_id, "interactionId": interaction_id, "messages": placed}
        self.injections.put(injection_id, {**injection, "key": call.key, "at": call.now})
        answer = placed if self._world.settings.bare_injections else injection
        return PlatformResponse(answer, effects=effects, created=("injection", injection_id))

    def _refuse_if_over(
        self, found: MessagingConversation | GuestSession, interaction_id: str, now: float
    ) -> None:
        if isinstance(found, MessagingConversation):
            over = found.state(now) == "ended"
        else:
            over = _conversation(found, interaction_id).state != "connected"
        if over:
            raise PlatformRefusal(
                409,
                "interaction.ended",
                f"The interaction {interaction_id} has ended",
                "interactionId",
            )

    def _into_messaging(
        self, conversation: Any, message: Json, now: float
    ) -> tuple[Json, list[Effect]]:
        if not conversation.last_ms or not self._world.equal_time(conversation.id, now):
            conversation.last_ms = max(int(now * 1000), conversation.last_ms + 1)
        stored = {**message, "timestamp": iso(conversation.last_ms)}
        conversation.messages.append(stored)
        return stored, []

    def _into_guest_session(
        self, session: Any, message: Json, now: float
    ) -> tuple[Json, list[Effect]]:
        """It is part of the guest's own conversation: in its history, and shown at once."""
        world = self._world
        text = message.get("text") or message.get("html", "")
        body: Json = {"id": message["id"], "type": "Text", "text": text}
        body["originatingEntity"] = "Human" if message["from"] in ("agent", "customer") else "Bot"
        if message["from"] == "customer":
            body |= {"direction": "Inbound", "channel": {"from": {}, "to": {}}}
            world.add_message(session, body, now)
            return {**message, "timestamp": body["channel"]["time"]}, []
        said, effects = world.outbound(session, body, now)
        return {**message, "timestamp": said["channel"]["time"]}, effects


def _conversation(session: GuestSession, conversation_id: str) -> GuestConversation:
    return next(one for one in session.conversations if one.id == conversation_id)


def _messages_of(body: Json) -> list[Json]:
    """INJ-1; what is wrong is named with its index. Nothing is shortened."""
    given = checks.a_list(body, "messages")
    if not given:
        raise wrong("messages", "must not be empty")
    return [_message_of(body, f"messages[{n}]") for n in range(len(given))]


def _message_of(body: Json, place: str) -> Json:
    kind = checks.one_of(body, f"{place}.type", KINDS)
    sender = checks.one_of(body, f"{place}.from", SENDERS)
    message: Json = {
        "type": kind,
        "from": sender,
        kind: checks.text(body, f"{place}.{kind}", 2**31),
    }
    units = javascript_length(message[kind])
    if units > CHARACTERS_MAX:
        raise wrong(f"{place}.{kind}", f"has {units} characters, the limit is {CHARACTERS_MAX}")

    given_time = checks.find(body, f"{place}.timestamp")
    if given_time is not None:
        checks.instant(given_time, f"{place}.timestamp")
    media = checks.a_list(body, f"{place}.media", [])
    if media:
        message["media"] = [_media_of(body, f"{place}.media[{n}]") for n in range(len(media))]
    return message


def _media_of(body: Json, place: str) -> Json:
    name = checks.text(body, f"{place}.name", 1024)
    return {"name": name, "url": checks.url(checks.find(body, f"{place}.url"), f"{place}.url")}
