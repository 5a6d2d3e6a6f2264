"""A client of the platform API without HTTP: calls by verb and path, at a time it sets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guestd.emulator import DEFAULT_QUEUE_ID, EmulatorSettings
from guestd.emulator.core.world import World
from guestd.emulator.platform_api.api import PlatformApi
from guestd.emulator.platform_api.calls import PlatformCall, PlatformRefusal, PlatformResponse

START = 1_800_000_000.0
CONVERSATION = "aaaaaaaa-0000-4000-8000-000000000001"
PROMPT = "bbbbbbbb-0000-4000-8000-000000000001"


class PlatformClient:
    def __init__(
        self, equal_times: bool = False, world: World | None = None, **settings: Any
    ) -> None:
        self.world = world or World(
            EmulatorSettings(**{"agent": "silent", "seed": 0, **settings}),
            lambda token, now: equal_times,
        )
        self.api = PlatformApi(self.world)
        self.now = START
        self.token = self.sign_in()

    def sign_in(
        self, client: str = "emulator-client", secret: str = "emulator-secret", *scopes: str
    ) -> str:
        grant = self.api.clients.issue(client, secret, scopes, self.now)
        assert grant is not None
        return grant.token

    def call(
        self, method: str, path: str, body: Any = None, key: str = "", **query: str
    ) -> PlatformResponse:
        for route in self.api.routes:
            found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.path), path)
            if route.method == method and found:
                call = PlatformCall(self.now, body or {}, found.groupdict(), query, key=key)
                return self.api.handle(route, self.token, path, call)
        raise AssertionError(f"no route {method} {path}")

    def refused(
        self, status: int, method: str, path: str, body: Any = None, key: str = "", **query: str
    ) -> PlatformRefusal:
        before = [list(resource(self.now)) for resource in self.api.resources().values()]
        with pytest.raises(PlatformRefusal) as caught:
            self.call(method, path, body, key, **query)
        assert caught.value.status == status, str(caught.value)
        assert [list(resource(self.now)) for resource in self.api.resources().values()] == before
        return caught.value

    def mutations(self, what: str) -> list[str]:
        return [one.id for one in self.api.mutations if one.what == what]

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
