"""Who stands around a daemon that is killed: those who ask it for operations, and the receiver of
its webhooks."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
from aiohttp import web

from guestd.emulator import DEFAULT_QUEUE_ID

Json = dict[str, Any]
GUEST_TOKEN = "canary-guest-token-0123456789"
PATHS = {
    "guest": "guests",
    "messaging": "messaging-sessions",
    "injection": "injections",
    "prompt": "prompts",
}
#: By kind: what a success makes at the platform, with which idempotency key after the operation's
#: id; and what is told of it.
MAKES = {
    "guest": (("contact", "-contact"), ("conversation", "-conversation")),
    "messaging": (("conversation", "-conversation"),),
    "injection": (("injection", "-injection"),),
    "prompt": (("prompt", "-prompt"),),
}
TELLS = {
    "guest": ("webchat.session.created",),
    "messaging": ("session.connected", "session.terminated"),
    "injection": ("chat.injection.completed",),
    "prompt": ("AGENT_ASSIST_PROMPT_INJECTED",),
}


def guest(name: str) -> Json:
    return {"guestId": name, "queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN}


def messaging() -> Json:
    return {"queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN}


def injection(conversation: str, *texts: str) -> Json:
    return {
        "interactionId": conversation,
        "messages": [{"type": "text", "from": "agent", "text": t} for t in texts],
    }


def prompt(conversation: str) -> Json:
    display = {"delayMs": 500, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000}
    return {"conversationId": conversation, "promptId": str(uuid4()), "displaySettings": display}


class Caller:
    """Asks with an id of its own, and again with the same one whenever it is not answered, as any
    caller should."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url, self._http = url, http
        self.asked: dict[str, tuple[str, Json]] = {}

    async def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        async with asyncio.timeout(240.0):
            while True:
                try:
                    timeout = aiohttp.ClientTimeout(total=10.0)
                    async with self._http.request(
                        method, self._url + path, json=body, timeout=timeout
                    ) as answer:
                        found = answer.status, orjson.loads(await answer.read())
                    if found[0] != 503:
                        return found
                except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
                    pass
                await asyncio.sleep(0.02)

    async def start(self, kind: str, operation_id: str, request: Json, wait: str = "0s") -> Json:
        """Accepted, and by then durable."""
        self.asked[operation_id] = kind, request
        status, found = await self.ask(
            "POST", f"/v1/{PATHS[kind]}?wait={wait}", {**request, "operation_id": operation_id}
        )
        assert status in (201, 202), found
        return found

    async def end(self, operation_id: str) -> None:
        status, found = await self.ask("DELETE", self._path(operation_id))
        assert status in (200, 202), found

    async def look(self, operation_id: str) -> Json:
        status, found = await self.ask("GET", self._path(operation_id))
        assert status == 200, found
        return found

    async def when(self, operation_id: str, enough: Callable[[Json], Any]) -> Json:
        async with asyncio.timeout(360.0):
            while not enough(found := await self.look(operation_id)):
                assert found["status"] in ("running", "deferred"), found
                await asyncio.sleep(0.05)
        return found

    async def over(self, operation_id: str) -> Json:
        return await self.when(operation_id, lambda one: one["status"] == "succeeded")

    def _path(self, operation_id: str) -> str:
        return f"/v1/{PATHS[self.asked[operation_id][0]]}/{operation_id}"


def is_open(view: Json) -> bool:
    """A messaging session that runs; nothing else comes to this step."""
    return view["step"] == "beat"


class Crm:
    """Takes webhooks and keeps each as it came. `answer` says what it does with the next ones."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.answer: Callable[[], Awaitable[int]] = self.well

    @staticmethod
    async def well() -> int:
        return 204

    async def __aenter__(self) -> Crm:
        app = web.Application()
        app.router.add_post("/", self._receive)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        self.got.append(await request.read())
        return web.Response(status=await self.answer())

    def told(self) -> set[tuple[str, str]]:
        """(operation, event) of everything that came."""
        return {(one["data"]["operationId"], one["event"]) for one in map(orjson.loads, self.got)}

    def examine(self, where: str) -> None:
        """One id for one happening, the same words with the same id, and in order per conversation
        (SYNC-1)."""
        words: dict[str, bytes] = {}
        happened: dict[tuple[str, str], set[str]] = defaultdict(set)
        lanes: dict[str, list[str]] = defaultdict(list)
        for raw in self.got:
            one = orjson.loads(raw)
            assert words.setdefault(one["id"], raw) == raw, (
                f"{where}: other words with the same id: {one['id']}"
            )
            happened[one["data"]["operationId"], one["event"]].add(one["id"])
            lane = lanes[one["data"]["conversationId"]]
            if one["id"] not in lane:
                lane.append(one["id"])
        twice = {key: ids for key, ids in happened.items() if len(ids) != 1}
        assert not twice, f"{where}: told under two ids: {twice}"
        for conversation, ids in lanes.items():
            assert ids == sorted(ids), f"{where}: out of order in {conversation}"


def examine_mutations(emulator: Any, asked: dict[str, tuple[str, Json]], where: str) -> None:
    """What was asked for was done, each once, and nothing else was."""
    mutations = Counter(
        (mutation.what, mutation.key) for mutation in emulator.platform_api.mutations
    )
    wanted = {(what, name + end) for name, (kind, _) in asked.items() for what, end in MAKES[kind]}
    assert mutations == Counter(dict.fromkeys(wanted, 1)), (
        f"{where}: {mutations - Counter(wanted)}, {Counter(wanted) - mutations}"
    )
