"""A client of the emulator's REST side, and the bodies it sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from guestd.emulator import DEFAULT_QUEUE_ID, Emulator, EmulatorSettings

CONTACTS = "/api/v2/externalcontacts/contacts"
MESSAGING = "/api/v2/conversations/messaging"
INJECT = "/api/v2/interactions/chat/inject"
PROMPTS = "/api/v2/agent-assist/prompt-injections"
QUERY = "/api/v2/analytics/events/query"
PRESIGN = "/api/v2/webchat/attachments/generate-presigned-url"
CONVERSATION = "aaaaaaaa-0000-4000-8000-000000000001"
START = 1_800_000_000.0

OPENING = {
    "id": CONVERSATION,
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
        "guestIdToken": "canary",
        "initiatedAt": "2026-01-01T00:00:00Z",
    },
}
CONTACT = {
    "type": "webchat",
    "address": "guest-g1",
    "externalContactId": "g1",
    "customAttributes": {"guestToken": "canary"},
}
INJECTION = {
    "interactionId": CONVERSATION,
    "messages": [{"type": "text", "from": "agent", "text": "hello"}],
}
PROMPT = {
    "conversationId": CONVERSATION,
    "promptId": CONVERSATION,
    "triggerConditions": [],
    "displaySettings": {"delayMs": 500, "maxConcurrentPrompts": 1, "autoDismissMs": 10000},
}
FILE = {"filename": "a.png", "contentType": "image/png", "size": 5}
BEAT = {"context": {"lastActivityTimestamp": "2026-01-01T00:00:00Z", "heartbeatSequence": 1}}


class Client:
    """A client of the platform's API, without any forbearance."""

    def __init__(self, emulator: Emulator, http: aiohttp.ClientSession) -> None:
        self.emulator, self.http = emulator, http
        self.headers: dict[str, str] = {}

    async def sign_in(self, *scopes: str) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": "emulator-client",
            "client_secret": "emulator-secret",
        }
        status, body = await self.call(
            "POST", "/oauth/token", data={**form, "scope": " ".join(scopes)}
        )
        assert status == 200, body
        self.headers = {"Authorization": f"Bearer {body['access_token']}"}

    async def call(
        self, method: str, path: str, body: Any = None, key: str = "", **more: Any
    ) -> tuple[int, Any]:
        status, _, found = await self.whole(method, path, body, key, **more)
        return status, found

    async def whole(
        self, method: str, path: str, body: Any = None, key: str = "", **more: Any
    ) -> tuple[int, Any, Any]:
        headers = {
            **self.headers,
            **({"Idempotency-Key": key} if key else {}),
            **more.pop("headers", {}),
        }
        given = {"json": body} if body is not None else {}
        async with self.http.request(
            method, self.emulator.url + path, headers=headers, **given, **more
        ) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json" and raw
            return answer.status, answer.headers, json.loads(raw) if is_json else raw

    async def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        status, found = await self.call(method, f"/__emulator/{path}", body)
        assert status == 200, found
        return found

    async def resource(self, name: str) -> list[dict[str, Any]]:
        return (await self.control(name, method="GET"))["entities"]

    async def mutations(self, what: str, key: str) -> int:
        return (await self.control(f"mutations?what={what}&key={key}", method="GET"))["total"]

    async def open(self) -> None:
        assert (await self.call("POST", MESSAGING, OPENING))[0] == 201


@asynccontextmanager
async def platform(now: list[float] | None = None, **settings: Any) -> AsyncIterator[Client]:
    clock = {"clock": lambda: now[0]} if now is not None else {}
    async with (
        Emulator(EmulatorSettings(**{"agent": "silent", **settings}), **clock) as emulator,
        aiohttp.ClientSession() as http,
    ):
        client = Client(emulator, http)
        await client.sign_in()
        yield client
