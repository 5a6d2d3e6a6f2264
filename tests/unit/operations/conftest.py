"""Lives of one operation service on virtual time: a journal that outlives them, a platform that
remembers, and a cut at any point.

A cut is a crash: from that moment on nothing of the old life reaches the journal or the platform,
and nothing reaches it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from guestd.journal.memory import MemoryJournal
from guestd.model.errors import CommandError, PlatformError, PlatformRefused, PlatformUnavailable
from guestd.model.ports import COMMAND, PlatformAnswer
from guestd.model.records import OWN_STREAM
from guestd.observe.metrics import Metrics
from guestd.operations.event_appender import EventAppender
from guestd.operations.service import OperationService
from guestd.operations.settings import OperationsSettings
from guestd.platform.pace import Budget, Pace
from tests.reading import at_once
from tests.simulation.virtual import VirtualClock, VirtualLoop

Json = dict[str, Any]
GUEST_TOKEN = "canary-guest-token-0123456789"
CONVERSATION = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
PROMPT = "d4e5f6a7-b8c9-0123-4567-890abcdef123"

REQUESTS: dict[str, Json] = {
    "guest": {
        "guestId": "ana",
        "queueId": "q1",
        "guestToken": GUEST_TOKEN,
        "customAttributes": {"tier": "gold"},
    },
    "messaging": {"guestToken": GUEST_TOKEN, "queueId": "q1", "durationS": 10},
    "injection": {
        "interactionId": CONVERSATION,
        "messages": [
            {"type": "text", "from": "agent", "text": "hi"},
            {"type": "html", "from": "bot", "html": "<b>hi</b>"},
        ],
        "webhookUrl": "https://crm.example.org/hook",
    },
    "prompt": {
        "conversationId": CONVERSATION,
        "promptId": PROMPT,
        "triggerConditions": [{"type": "keyword", "value": "refund"}],
        "displaySettings": {"delayMs": 500, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000},
        "contextData": {"agentId": "agent-01"},
    },
    "adoption": {"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z", "pageSize": 2},
}


@dataclass
class Call:
    name: str
    path: Json
    query: Json
    body: Json
    key: str
    at: float


def fault(
    status: int | None = None,
    *,
    before: bool = True,
    times: int = 1,
    retry_after_s: float | None = None,
) -> Any:
    """A misfortune for a call: an error, before or after the platform acted. `status` None: no
    answer came."""
    return {"status": status, "before": before, "times": times, "retry_after_s": retry_after_s}


@dataclass
class Twin:
    """The platform's REST side in a few lines: what was made, how often, and what was asked before
    under a key."""

    loop: VirtualLoop
    made: dict[str, list[Json]] = field(
        default_factory=lambda: {"contact": [], "conversation": [], "injection": [], "prompt": []}
    )
    calls: list[Call] = field(default_factory=list)
    keys: dict[str, Json] = field(default_factory=dict)
    faults: dict[str, list[Json]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    interaction_state: str = "active"
    screen_full: int = 0
    pages: list[Json] = field(default_factory=list)
    ids: Any = field(default_factory=lambda: count(9))

    async def call(
        self,
        name,
        *,
        path=None,
        query=None,
        body=None,
        idempotency_key="",
        urgency=None,
        attempt_failed=None,
        secrets=(),
    ):
        await asyncio.sleep(0.05)
        self.calls.append(
            Call(
                name,
                dict(path or {}),
                dict(query or {}),
                dict(body or {}),
                idempotency_key,
                self.loop.time(),
            )
        )
        assert orjson.loads(orjson.dumps(body)) == body
        wrong = self._fault(name)
        if wrong is None or not wrong["before"]:
            answer = self._serve(
                name, dict(path or {}), dict(query or {}), dict(body or {}), idempotency_key
            )
        if wrong is not None:
            raise self._error(wrong)
        return PlatformAnswer(200, answer, 50.0, 1, "corr-1")

    def _fault(self, name):
        waiting = self.faults.get(name)
        if not waiting:
            return None
        waiting[0]["times"] -= 1
        return waiting.pop(0) if waiting[0]["times"] == 0 else waiting[0]

    def _error(self, wrong) -> PlatformError:
        status = wrong["status"]
        kind = (
            PlatformUnavailable
            if status is None or status == 429 or status >= 500
            else wrong.get("kind", PlatformRefused)
        )
        acted = status is None or status >= 500 or not wrong["before"]
        told = wrong.get("words", f"the platform answered {status} about {GUEST_TOKEN}")
        error = kind(
            told,
            status=status,
            retry_after_s=wrong["retry_after_s"],
            platform_code=wrong.get("platform_code", ""),
            cause=wrong.get("cause", ""),
            correlation_id="corr-9",
            remedy=wrong.get("remedy", ""),
            acted=acted,
        )
        error.latency_ms = 60.0
        error.scopes = wrong.get("scopes", ())
        return error

    def _serve(self, name, path, query, body, key):
        if name in self.answers:
            return self.answers[name]
        if key and key in self.keys:
            return self.keys[key]
        answer = getattr(self, "_" + name.replace(".", "_"))(path, query, body)
        if key:
            self.keys[key] = answer
        return answer

    def _refuse(self, status):
        raise PlatformRefused(f"the platform answered {status}", status=status)

    def _make(self, kind, thing):
        self.made[kind].append(thing)
        return thing

    def _queue_get(self, path, query, body):
        return {"id": path["queueId"]} if path["queueId"].startswith("q") else self._refuse(404)

    def _contact_create(self, path, query, body):
        if any(
            one["externalContactId"] == body["externalContactId"] for one in self.made["contact"]
        ):
            self._refuse(409)
        return self._make("contact", {"id": f"contact-{next(self.ids)}", **body})

    def _contact_find(self, path, query, body):
        found = [
            one
            for one in self.made["contact"]
            if one["externalContactId"] == query["externalContactId"]
        ]
        return {"entities": found, "total": len(found)}

    def _conversation_create(self, path, query, body):
        if any(one["id"] == body.get("id") for one in self.made["conversation"]):
            self._refuse(409)
        conversation = {
            "id": f"conversation-{next(self.ids)}",
            "status": "connected",
            "beats": [],
            "goodbyes": 0,
            **body,
        }
        return self._make("conversation", conversation)

    def _conversation(self, path):
        return next(
            (one for one in self.made["conversation"] if one["id"] == path["conversationId"]), None
        )

    def _conversation_get(self, path, query, body):
        return self._conversation(path) or self._refuse(404)

    def _conversation_patch(self, path, query, body):
        conversation = self._conversation(path) or self._refuse(404)
        if conversation["status"] == "disconnected":
            self._refuse(409)
        if "context" in body:
            conversation["beats"].append((self.loop.time(), body["context"]["heartbeatSequence"]))
        if body.get("status"):
            conversation["status"] = body["status"]
            conversation["goodbyes"] += 1
        return conversation

    def _interaction_get(self, path, query, body):
        return {"id": path["interactionId"], "state": self.interaction_state}

    def _interaction_inject(self, path, query, body):
        placed = [{**one, "id": f"msg-{next(self.ids)}"} for one in body["messages"]]
        self._make("injection", {"messages": placed})
        return {"entities": placed}

    def _prompt_inject(self, path, query, body):
        if self.screen_full:
            self.screen_full -= 1
            self._refuse(409)
        return self._make("prompt", {"id": f"shown-{next(self.ids)}", **body})

    def _analytics_events(self, path, query, body):
        at = int(body.get("pageToken", "0"))
        more = {"pageToken": str(at + 1)} if at + 1 < len(self.pages) else {}
        return {"events": self.pages[at] if self.pages else [], **more}


def event(metric: str, prompt: str = PROMPT, value: int = 1) -> Json:
    return {"metricName": f"agent-assist.prompt.{metric}", "promptId": prompt, "value": value}


class Cutter:
    """Counts the points at which a life can end, and ends it at the chosen one."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.passed: list[str] = []
        self.dead = asyncio.Event()

    def reached(self, point: str) -> bool:
        """True if nothing more may happen."""
        if not self.dead.is_set():
            self.passed.append(point)
            if len(self.passed) - 1 == self.at:
                self.dead.set()
        return self.dead.is_set()


class CutJournal:
    """Commits take a moment to become durable, and more than one may be on its way."""

    def __init__(self, journal: MemoryJournal, loop: VirtualLoop, cutter: Cutter) -> None:
        self._journal, self._loop, self._cutter = journal, loop, cutter
        self._waiting: list[Any] = []

    def __getattr__(self, name):
        return getattr(self._journal, name)

    def commit(self, commit, done):
        self._waiting.append((commit, done))
        if len(self._waiting) == 1:
            self._loop.call_later(0.002, self._write)

    def _write(self):
        """All that waits, in the order given: timers of one instant are in none."""
        batch, self._waiting = self._waiting, []
        for commit, done in batch:
            if self._cutter.reached("before the commit"):
                return
            self._journal.commit(commit, lambda: None)
            if not self._cutter.reached("after the commit"):
                done()


class CutPlatform:
    """With a budget, a call first waits for its turn, as the daemon's own calls do."""

    def __init__(self, twin: Twin, cutter: Cutter, budget: Budget | None) -> None:
        self._twin, self._cutter, self._budget = twin, cutter, budget

    async def call(self, name, **more):
        if self._budget is not None:
            await self._budget.spend(self._twin.loop.time() + 20.0, more["urgency"] or COMMAND)
        if self._cutter.reached(f"before {name}"):
            await asyncio.Event().wait()
        try:
            return await self._twin.call(name, **more)
        finally:
            if self._cutter.reached(f"after {name}"):
                await asyncio.Event().wait()


class Life:
    """One process, from its start to its stop or its cut."""

    def __init__(
        self,
        world: World,
        cut_at: int | None = None,
        sign: Any = None,
        sessions_max: int = 500,
        **settings,
    ) -> None:
        self.world = world
        self.cutter = Cutter(cut_at)
        self.metrics = Metrics()
        clock = VirtualClock(world.loop)
        journal = CutJournal(world.journal, world.loop, self.cutter)
        self.budget = (
            Budget([world.per_minute], Pace(world.loop.time)) if world.per_minute else None
        )
        self.appender = at_once(EventAppender.open(journal, clock))
        self.service = OperationService(
            OperationsSettings(**settings),
            journal,
            CutPlatform(world.twin, self.cutter, self.budget),
            self.appender,
            clock,
            self.metrics,
            world.rng,
            lambda: str(UUID(int=world.rng.getrandbits(128), version=4)),
            sign,
            requests_per_minute=lambda: world.per_minute or math.inf,
            sessions_max=sessions_max,
        )

    async def do(self, kind: str, operation_id: str = "op-1", request: Json | None = None) -> Any:
        """Ask, and wait until it is over."""
        view = await self.service.start(kind, operation_id, request or REQUESTS[kind])
        while view.status in ("running", "deferred"):
            await asyncio.sleep(0.2)
            view = await self.service.view(operation_id)
        return view

    async def run(self, work) -> Any:
        """`work`, unless the cut comes first; then None."""
        task = asyncio.ensure_future(work)
        cut = asyncio.ensure_future(self.cutter.dead.wait())
        await asyncio.wait({task, cut}, return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        if self.cutter.dead.is_set():
            self._check_that_what_is_shown_is_durable()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.service.stop()
            return None
        return task.result()

    def _check_that_what_is_shown_is_durable(self) -> None:
        for view in self.service.views():
            if view.status not in ("running", "deferred"):
                kept = at_once(self.world.journal.operation(view.operation_id))
                assert kept is not None and kept.over, (
                    f"{view.operation_id} was told to be over before that was durable"
                )


@dataclass
class World:
    loop: VirtualLoop
    rng: Random = field(default_factory=lambda: Random(7))
    per_minute: int = 0  # 0: no budget of requests

    def __post_init__(self) -> None:
        self.journal = MemoryJournal()
        self.journal.cursor("the test")  # from now on the one order of all streams is kept
        self.twin = Twin(self.loop)

    def run(self, work) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 1_000_000))

    def life(self, cut_at: int | None = None, **settings) -> Life:
        return Life(self, cut_at, **settings)

    def facts(self, *, without_attempts: bool = False) -> list[Json]:
        found = [
            orjson.loads(kept.row.payload)
            for kept in at_once(self.journal.read_on(0, 100_000))
            if kept.row.session_id == OWN_STREAM
        ]
        assert [one["seq"] for one in found] == list(range(1, len(found) + 1)), (
            "a hole in the stream"
        )
        return [one for one in found if not (without_attempts and one["status"] == "attempt")]

    def told(self) -> list[tuple[str, str]]:
        return [(one["action"], one["status"]) for one in self.facts()]

    def made(self) -> Counter:
        return Counter({kind: len(things) for kind, things in self.twin.made.items() if things})


@pytest.fixture
def world():
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    yield World(loop)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()
    asyncio.set_event_loop(None)


def do(
    world: World, kind: str, operation_id: str = "op-1", request: Json | None = None, **settings
):
    """One whole life with one operation; the view at its end."""

    async def story():
        life = world.life(**settings)
        view = await life.do(kind, operation_id, request)
        await life.service.stop()
        return view

    return world.run(story())


def refusal(world: World, kind: str, request: Json, operation_id: str = "op-1") -> tuple[str, str]:
    """(code, words) with which the request is refused; empty if it is taken."""
    try:
        do(world, kind, operation_id, request)
    except CommandError as error:
        return error.code, str(error)
    return "", ""
