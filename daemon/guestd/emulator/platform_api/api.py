"""The platform API without HTTP: its resources, its routes, and how every call is handled.

A call is handled without an `await`: token, scope, rate, idempotency key, and then the resource. So
two calls with the same key cannot both change something, however close together they arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from ..core.records import Json
from .agent_conversations import AgentConversations
from .analytics import Analytics
from .calls import PlatformCall, PlatformResponse
from .guest_keys import GuestKeys
from .idempotency import IdempotencyCache, request_digest
from .interactions import Interactions
from .messaging import MessagingConversations
from .oauth_clients import OAuthClientStore
from .prompts import InjectedPrompts
from .queues import ExternalContacts, RoutingQueues
from .webchat_files import WebchatFiles
from .world_view import PlatformWorld

MUTATIONS_MAX = 10_000

READ = ("conversation:view", "conversations:messaging")
WRITE = ("conversation:write", "conversations:messaging", "webchat:write")
QUEUES = ("routing:readonly", *READ)
CONTACTS = ("externalcontacts:create",)
FIND = ("external-contacts:readonly", *CONTACTS)
INJECT = ("interaction:chat:write",)
ASSIST = ("agent-assist:prompt:write",)
EVENTS = ("analytics:events:read",)
ATTACH = ("webchat:attachment:write", "conversation:webchat:write", "webchat:write")


class PlatformRoute(NamedTuple):
    """`scopes`: a token needs one of them (AUTH-4)."""

    method: str
    path: str
    serve: Callable[[PlatformCall], PlatformResponse]
    scopes: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Mutation:
    """One resource created by a call; tests count them to find what was done twice."""

    at: float
    what: str
    id: str
    client: str
    key: str


class PlatformApi:
    def __init__(self, world: PlatformWorld) -> None:
        self.clients = OAuthClientStore(world)
        self.idempotency = IdempotencyCache(world.settings.records_max)
        self.guest_keys = GuestKeys()
        self.queues = RoutingQueues(world)
        self.contacts = ExternalContacts(world, self.guest_keys)
        self.conversations = MessagingConversations(
            world, self.queues, self.contacts, self.guest_keys
        )
        self.interactions = Interactions(world, self.conversations)
        self.analytics = Analytics(world)
        self.prompts = InjectedPrompts(world, self.conversations, self.analytics)
        self.files = WebchatFiles(world)
        self.agents = AgentConversations(world)
        self.mutations: deque[Mutation] = deque(maxlen=MUTATIONS_MAX)
        self.routes = self._routes()

    def _routes(self) -> list[PlatformRoute]:
        route, v2 = PlatformRoute, "/api/v2"
        contacts, conversations = f"{v2}/externalcontacts/contacts", f"{v2}/conversations/messaging"
        prompts, chat = f"{v2}/agent-assist/prompt-injections", f"{v2}/interactions/chat"
        presign = f"{v2}/webchat/attachments/generate-presigned-url"
        message = f"{v2}/conversations/messages/{{id}}"
        participant = f"{message}/participants/{{participant}}"
        communication = f"{message}/communications/{{communication}}"
        return [
            route("GET", f"{v2}/routing/queues/{{id}}", self.queues.show, QUEUES),
            route("POST", contacts, self.contacts.create, CONTACTS),
            route("GET", contacts, self.contacts.search, FIND),
            route("GET", f"{contacts}/{{id}}", self.contacts.show, FIND),
            route("POST", conversations, self.conversations.open, WRITE),
            route("GET", f"{conversations}/{{id}}", self.conversations.show, READ),
            route("PATCH", f"{conversations}/{{id}}", self.conversations.change, WRITE),
            route("GET", f"{chat}/{{id}}", self.interactions.show, INJECT),
            route("POST", f"{chat}/inject", self.interactions.inject, INJECT),
            route("POST", prompts, self.prompts.inject, ASSIST),
            route("GET", prompts, self.prompts.search, ASSIST),
            route("GET", f"{prompts}/{{id}}", self.prompts.show, ASSIST),
            route("POST", f"{v2}/analytics/events/query", self.analytics.query, EVENTS),
            route("POST", presign, self.files.presign, ATTACH),
            route("GET", f"{message}/details", self.agents.details, READ),
            route("PATCH", participant, self.agents.participant, WRITE),
            route("POST", f"{communication}/messages", self.agents.say, WRITE),
            route("POST", f"{communication}/typing", self.agents.type, WRITE),
            route("POST", f"{communication}/wrapup", self.agents.wrap_up, WRITE),
            route("GET", f"{v2}/conversations", self.agents.running, READ),
            route("GET", f"{v2}/conversations/{{id}}", self.agents.conversation, READ),
        ]

    def handle(
        self, route: PlatformRoute, token: str, path: str, call: PlatformCall
    ) -> PlatformResponse:
        """`path` is the call's whole path. Raises PlatformRefusal, and then nothing has changed."""
        grant = self.clients.admit(token, route.scopes, call.now)
        call = replace(call, client=grant.client)
        if route.method != "POST" or not call.key:
            return self._serve(route, call)
        request = request_digest(route.method, path, call.body)
        answer = self.idempotency.get(call.client, call.key, request, call.now)
        if answer is None:
            answer = self._serve(route, call)
            self.idempotency.put(call.client, call.key, request, answer, call.now)
        return answer

    def _serve(self, route: PlatformRoute, call: PlatformCall) -> PlatformResponse:
        answer = route.serve(call)
        if answer.created is not None:
            self.mutations.append(Mutation(call.now, *answer.created, call.client, call.key))
        return answer

    def resources(self) -> dict[str, Callable[[float], list[Json]]]:
        """All resources by name, as of `now`, without secrets. `deeds` is the older name of
        `mutations`."""
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
                for one in self.idempotency
            ],
            "mutations": self._mutations,
            "deeds": self._mutations,
        }

    def _mutations(self, now: float) -> list[Json]:
        return [asdict(one) for one in self.mutations]


def _without_secrets(contact: Json) -> Json:
    attributes = {
        name: value for name, value in contact["customAttributes"].items() if name != "guestToken"
    }
    return {**contact, "customAttributes": attributes}
