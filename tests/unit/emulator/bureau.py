"""Someone at the counter of the emulator's office: calls by verb and path, at a make-believe
time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guestd.emulator import DEFAULT_QUEUE_ID, EmulatorSettings
from guestd.emulator.core.world import World
from guestd.emulator.platform_api.api import Office
from guestd.emulator.platform_api.calls import Answer, Call, Refusal

START = 1_800_000_000.0
CONVERSATION = "aaaaaaaa-0000-4000-8000-000000000001"
PROMPT = "bbbbbbbb-0000-4000-8000-000000000001"


class Bureau:
    def __init__(
        self, equal_times: bool = False, world: World | None = None, **settings: Any
    ) -> None:
        self.world = world or World(
            EmulatorSettings(**{"agent": "silent", **settings}), lambda token, now: equal_times
        )
        self.office = Office(self.world)
        self.now = START
        self.token = self.sign_in()

    def sign_in(
        self, client: str = "emulator-client", secret: str = "emulator-secret", *scopes: str
    ) -> str:
        grant = self.office.clients.issue(client, secret, scopes, self.now)
        assert grant is not None
        return grant.token

    def call(self, method: str, path: str, body: Any = None, key: str = "", **query: str) -> Answer:
        for door in self.office.doors:
            found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", door.path), path)
            if door.method == method and found:
                call = Call(self.now, body or {}, found.groupdict(), query, key=key)
                return self.office.serve(door, self.token, path, call)
        raise AssertionError(f"no door {method} {path}")

    def refused(
        self, status: int, method: str, path: str, body: Any = None, key: str = "", **query: str
    ) -> Refusal:
        before = [list(book(self.now)) for book in self.office.books().values()]
        with pytest.raises(Refusal) as caught:
            self.call(method, path, body, key, **query)
        assert caught.value.status == status, str(caught.value)
        assert [list(book(self.now)) for book in self.office.books().values()] == before
        return caught.value

    def deeds(self, what: str) -> list[str]:
        return [deed.id for deed in self.office.deeds if deed.what == what]

    # ------------------------------------------------------------------ the usual bodies

    def open(self, conversation_id: str = CONVERSATION, **changes: Any) -> str:
        self.call("POST", "/api/v2/conversations/messaging", opening(conversation_id, **changes))
        return conversation_id

    def prompt(
        self, most: int = 2, conversation_id: str = CONVERSATION, key: str = "", **changes: Any
    ) -> Any:
        return self.call(
            "POST",
            "/api/v2/agent-assist/prompt-injections",
            prompt(most, conversation_id, **changes),
            key,
        )


def opening(conversation_id: str = CONVERSATION, **changes: Any) -> dict[str, Any]:
    body = {
        "id": conversation_id,
        "from": {"id": "guest-1", "name": "Ada", "type": "user"},
        "to": [{"id": DEFAULT_QUEUE_ID, "type": "queue"}],
        "type": "messaging",
        "channelAddress": "web",
        "context": {
            "locale": "en-US",
            "capabilities": ["typing-indicator", "read-receipts"],
            "userAgent": "test",
        },
        "metadata": {
            "sessionDurationLimit": 1800,
            "guestIdToken": "t",
            "initiatedAt": "2026-01-01T00:00:00Z",
        },
    }
    return changed(body, changes)


def contact(external_id: str = "g1", **changes: Any) -> dict[str, Any]:
    body = {
        "type": "webchat",
        "address": f"guest-{external_id}",
        "externalContactId": external_id,
        "customAttributes": {"guestToken": "canary-token", "tier": "gold"},
    }
    return changed(body, changes)


def creation(contact_id: str, **changes: Any) -> dict[str, Any]:
    body = {
        "contactId": contact_id,
        "routingData": {"queueId": DEFAULT_QUEUE_ID, "skillRequirements": []},
        "customAttributes": {"sessionToken": "canary-token", "routingTarget": DEFAULT_QUEUE_ID},
    }
    return changed(body, changes)


def prompt(most: int = 2, conversation_id: str = CONVERSATION, **changes: Any) -> dict[str, Any]:
    body = {
        "conversationId": conversation_id,
        "promptId": PROMPT,
        "triggerConditions": [{"type": "sentiment", "value": "negative", "threshold": 0.7}],
        "displaySettings": {"delayMs": 1000, "maxConcurrentPrompts": most, "autoDismissMs": 30000},
        "contextData": {"agentId": "agent-01"},
    }
    return changed(body, changes)


def changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`{"from__type": "x"}` changes body["from"]["type"]; None takes it away."""
    for place, value in changes.items():
        inner = body
        *way, last = place.rstrip("_").split("__")
        for step in way:
            inner = inner[int(step) if step.isdecimal() else step]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return body
