"""The office as a whole: the rooms, the list of doors to them, and the rule by which every call is
served.

A call is served in one go, without a pause: token, scope, rate, what was asked before, and then the
deed. So two calls with the same key cannot both do something, however close together they come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..core.records import Json
from .agent_conversations import Agents
from .analytics import Analytics
from .calls import Answer, Call
from .guest_keys import GuestKeys
from .idempotency import Repeats, print_of
from .interactions import Interactions
from .messaging import Conversations
from .oauth_clients import Clients
from .prompts import Prompts
from .queues import Contacts, Queues
from .webchat_files import Files
from .world_view import PlatformWorld

DEEDS_KEPT = 10_000

READ = ("conversation:view", "conversations:messaging")
WRITE = ("conversation:write", "conversations:messaging", "webchat:write")
QUEUES = ("routing:readonly", *READ)
CONTACTS = ("externalcontacts:create",)
FIND = ("external-contacts:readonly", *CONTACTS)
INJECT = ("interaction:chat:write",)
ASSIST = ("agent-assist:prompt:write",)
EVENTS = ("analytics:events:read",)
ATTACH = ("webchat:attachment:write", "conversation:webchat:write", "webchat:write")


class Door(NamedTuple):
    """`scopes`: one of them opens it (AUTH-4)."""

    method: str
    path: str
    serve: Callable[[Call], Answer]
    scopes: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Deed:
    """Something that came to be, once: for tests that count."""

    at: float
    what: str
    id: str
    client: str
    key: str


class Office:
    def __init__(self, world: PlatformWorld) -> None:
        self.clients = Clients(world)
        self.repeats = Repeats(world.settings.records_max)
        self.guest_keys = GuestKeys()
        self.queues = Queues(world)
        self.contacts = Contacts(world, self.guest_keys)
        self.conversations = Conversations(world, self.queues, self.contacts, self.guest_keys)
        self.interactions = Interactions(world, self.conversations)
        self.analytics = Analytics(world)
        self.prompts = Prompts(world, self.conversations, self.analytics)
        self.files = Files(world)
        self.agents = Agents(world)
        self.deeds: deque[Deed] = deque(maxlen=DEEDS_KEPT)
        self.doors = self._doors()

    def _doors(self) -> list[Door]:
        messages = "/api/v2/conversations/messages/{id}"
        line = messages + "/communications/{communication}"
        agents, prompts = self.agents, self.prompts
        return [
            Door("GET", "/api/v2/routing/queues/{id}", self.queues.show, QUEUES),
            Door("POST", "/api/v2/externalcontacts/contacts", self.contacts.create, CONTACTS),
            Door("GET", "/api/v2/externalcontacts/contacts", self.contacts.search, FIND),
            Door("GET", "/api/v2/externalcontacts/contacts/{id}", self.contacts.show, FIND),
            Door("POST", "/api/v2/conversations/messaging", self.conversations.open, WRITE),
            Door("GET", "/api/v2/conversations/messaging/{id}", self.conversations.show, READ),
            Door("PATCH", "/api/v2/conversations/messaging/{id}", self.conversations.change, WRITE),
            Door("GET", "/api/v2/interactions/chat/{id}", self.interactions.show, INJECT),
            Door("POST", "/api/v2/interactions/chat/inject", self.interactions.inject, INJECT),
            Door("POST", "/api/v2/agent-assist/prompt-injections", prompts.inject, ASSIST),
            Door("GET", "/api/v2/agent-assist/prompt-injections", prompts.search, ASSIST),
            Door("GET", "/api/v2/agent-assist/prompt-injections/{id}", prompts.show, ASSIST),
            Door("POST", "/api/v2/analytics/events/query", self.analytics.query, EVENTS),
            Door(
                "POST",
                "/api/v2/webchat/attachments/generate-presigned-url",
                self.files.presign,
                ATTACH,
            ),
            Door("GET", messages + "/details", agents.details, READ),
            Door("PATCH", messages + "/participants/{participant}", agents.participant, WRITE),
            Door("POST", line + "/messages", agents.say, WRITE),
            Door("POST", line + "/typing", agents.type, WRITE),
            Door("POST", line + "/wrapup", agents.wrap_up, WRITE),
            Door("GET", "/api/v2/conversations", agents.running, READ),
            Door("GET", "/api/v2/conversations/{id}", agents.conversation, READ),
        ]

    def serve(self, door: Door, token: str, path: str, call: Call) -> Answer:
        """`path` is the call's whole path. Raises Refusal, and then nothing has happened."""
        grant = self.clients.admit(token, door.scopes, call.now)
        call = replace(call, client=grant.client)
        if door.method != "POST" or not call.key:
            return self._do(door, call)
        request = print_of(door.method, path, call.body)
        answer = self.repeats.recall(call.client, call.key, request, call.now)
        if answer is None:
            answer = self._do(door, call)
            self.repeats.keep(call.client, call.key, request, answer, call.now)
        return answer

    def _do(self, door: Door, call: Call) -> Answer:
        answer = door.serve(call)
        if answer.made is not None:
            self.deeds.append(Deed(call.now, *answer.made, call.client, call.key))
        return answer

    def books(self) -> dict[str, Callable[[float], list[Json]]]:
        """What there is, by name, as it stands at a time. No secrets."""
        return {
            "queues": lambda now: [
                {**one.describe(), "answer_after_s": one.answer_after_s} for one in self.queues
            ],
            "contacts": lambda now: [
                _without_secrets(one.describe()) | {"key": one.key} for one in self.contacts
            ],
            "conversations": lambda now: [
                {
                    **one.describe(now),
                    "key": one.key,
                    "ended_by": one.ended_by,
                    "beats": list(one.beats),
                    "messages": list(one.messages),
                }
                for one in self.conversations
            ],
            "injections": lambda now: list(self.interactions.injections),
            "prompts": lambda now: [{**one.describe(now), "key": one.key} for one in self.prompts],
            "events": self.analytics.until,
            "idempotency": lambda now: [
                {
                    "client": one.client,
                    "key": one.key,
                    "at": one.at,
                    "status": one.status,
                    "replays": one.replays,
                }
                for one in self.repeats
            ],
            "deeds": lambda now: [
                {"at": one.at, "what": one.what, "id": one.id, "client": one.client, "key": one.key}
                for one in self.deeds
            ],
        }


def _without_secrets(contact: Json) -> Json:
    attributes = {
        name: value for name, value in contact["customAttributes"].items() if name != "guestToken"
    }
    return {**contact, "customAttributes": attributes}
