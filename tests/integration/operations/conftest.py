"""An operation service on a journal on disk, and the emulator over real HTTP; the same directory
and emulator outlive each service."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pydantic import SecretStr

from guestd.emulator import DEFAULT_QUEUE_ID, Emulator, EmulatorSettings
from guestd.emulator.settings import EmulatorLimits
from guestd.journal.sqlite import SqliteJournal
from guestd.model.records import OWN_STREAM
from guestd.observe.metrics import Metrics
from guestd.operations.event_appender import EventAppender
from guestd.operations.service import OperationService
from guestd.operations.settings import OperationsSettings
from guestd.platform.calls import RestCalls
from guestd.platform.http import Http
from guestd.platform.oauth import OAuthAccess, TokenSource
from guestd.platform.pace import Pace
from guestd.platform.settings import OAuthClient, RestSettings
from guestd.runtime.clock import LoopClock
from tests.patience import PATIENCE_S

Json = dict[str, Any]
GUEST_TOKEN = "canary-guest-token-0123456789"


@dataclass
class OperationsHarness:
    """One life of the service, and what is on the other side of the harness."""

    emulator: Emulator
    service: OperationService
    journal: SqliteJournal
    metrics: Metrics

    def resources(self, name: str) -> list[Json]:
        return self.emulator.platform_api.resources()[name](self.emulator.now())

    def mutations(self) -> Counter:
        return Counter(one["what"] for one in self.resources("mutations"))

    async def facts(self) -> list[Json]:
        return [
            orjson.loads(row.payload)
            for row in (await self.journal.read(OWN_STREAM, 0, 10_000)).rows
        ]

    async def told(self) -> list[tuple[str, str]]:
        return [(one["action"], one["status"]) for one in await self.facts()]

    def faults(self, *rules: Json) -> None:
        self.emulator.faults.set(list(rules), self.emulator.now())

    async def do(
        self, kind: str, request: Json, operation_id: str | None = None, wait_s: float = 10.0
    ):
        return await self.service.start(kind, operation_id or f"op-{uuid4()}", request, wait_s)

    async def conversation(self) -> str:
        """A running one, made by the emulator's own hand."""
        view = await self.do("messaging", session())
        assert view.status == "running", view
        return view.result["conversation_id"]

    async def until(self, condition, timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                found = condition()
                if await found if inspect.isawaitable(found) else found:
                    return
                await asyncio.sleep(0.01)


async def has_status(harness: Any, operation_id: str, status: str) -> bool:
    return (await harness.service.view(operation_id)).status == status


def session(**more: Any) -> Json:
    return {"guestToken": GUEST_TOKEN, "queueId": DEFAULT_QUEUE_ID, **more}


def guest(guest_id: str = "ana", **more: Any) -> Json:
    return {"guestId": guest_id, "queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN, **more}


def injection(interaction_id: str, *texts: str) -> Json:
    messages = [
        {"type": "text", "from": "agent", "text": text}
        for text in texts or ("Hello", "How are you?")
    ]
    return {
        "interactionId": interaction_id,
        "messages": messages,
        "webhookUrl": "https://crm.example.org/hook",
    }


def prompt(conversation_id: str, **display: int) -> Json:
    settings = {"delayMs": 500, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000, **display}
    return {
        "conversationId": conversation_id,
        "promptId": str(uuid4()),
        "displaySettings": settings,
    }


def new_calls(
    emulator: Emulator, http: Http, metrics: Metrics, attempts_max: int, timeout_s: float
) -> RestCalls:
    pace = Pace(asyncio.get_running_loop().time, rng=Random(7))
    rest = RestSettings(
        timeout_s=timeout_s,
        deadline_s=30.0,
        attempts_max=attempts_max,
        base_s=0.01,
        cap_s=0.02,
        retry_after_cap_s=0.02,
        requests_per_minute=100_000,
    )
    client, secret = next(iter(emulator.settings.oauth_clients.items()))
    access = OAuthAccess(f"{emulator.url}/oauth/token", OAuthClient(client, SecretStr(secret)))
    tokens = TokenSource(http, access, rest, pace)
    return RestCalls(http, tokens, emulator.url, rest, pace, metrics)


@asynccontextmanager
async def life(
    emulator: Emulator,
    directory: Path,
    *,
    attempts_max: int = 2,
    timeout_s: float = 10.0,
    sessions_max: int = 500,
    **settings: Any,
) -> AsyncIterator[OperationsHarness]:
    """From a start on that directory to a stop."""
    loop = asyncio.get_running_loop()
    metrics, failures = Metrics(), []
    journal = SqliteJournal(directory, loop, failures.append)
    journal.start()
    http = Http()
    clock = LoopClock(loop)
    calls = new_calls(emulator, http, metrics, attempts_max, timeout_s)
    figures = {
        "rest_base_s": 0.01,
        "rest_jitter_s": 0.01,
        "rest_cap_s": 0.05,
        **settings,
    }
    service = OperationService(
        OperationsSettings(**figures),
        journal,
        calls,
        await EventAppender.open(journal, clock),
        clock,
        metrics,
        Random(7),
        lambda: str(uuid4()),
        sessions_max=sessions_max,
        timer_tick_s=0.005,
    )
    await service.recover()
    try:
        yield OperationsHarness(emulator, service, journal, metrics)
    finally:
        await service.stop()
        await calls.close()
        await http.close()
        await journal.stop()
    assert not failures


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorSettings(limits=EmulatorLimits().off())) as found:
        yield found


@pytest.fixture
async def harness(emulator: Emulator, tmp_path: Path) -> AsyncIterator[OperationsHarness]:
    async with life(emulator, tmp_path) as found:
        yield found
