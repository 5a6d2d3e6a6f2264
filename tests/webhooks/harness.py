"""The harness: webhook receivers that misbehave, and the webhooks of a daemon on a journal that can
be cut off."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import orjson
from aiohttp import web
from pydantic import SecretBytes

from guestd.journal.memory import MemoryJournal
from guestd.model.events import MessageEvent, SessionEvent
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, OperationEvent
from guestd.observe.metrics import Metrics
from guestd.runtime.clock import LoopClock
from guestd.webhooks.settings import WebhookSettings, WebhookTarget
from guestd.webhooks.webhooks import WebhookService
from tests.patience import PATIENCE_S

SECRET = b"a secret of sixteen bytes"


class Receiver:
    """`answer(request number, body)` is a status, a response, or something to wait for; every
    request is kept."""

    def __init__(self, answer: Callable[[int, dict[str, Any]], Any] | None = None) -> None:
        self.answer = answer or (lambda n, body: 204)
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.raw: list[bytes] = []
        self.calling = self.calling_most = 0

    async def __aenter__(self) -> Receiver:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = orjson.loads(raw)
        self.got.append(body)
        self.raw.append(raw)
        self.headers.append(dict(request.headers))
        self.calling += 1
        self.calling_most = max(self.calling, self.calling_most)
        try:
            found = self.answer(len(self.got), body)
            if asyncio.iscoroutine(found):
                found = await found
            return web.Response(status=found) if isinstance(found, int) else found
        finally:
            self.calling -= 1

    def ids(self) -> list[str]:
        return [one["id"] for one in self.got]


class Mortal:
    """A journal and its process: from `dies_at` commits on, nothing that is given becomes durable
    any more."""

    def __init__(self, journal: Any, dies_at: int | None = None) -> None:
        self._journal = journal
        self._dies_at = dies_at
        self.commits = 0
        self.dead = False

    def commit(self, commit: Commit, done: Callable[[], None]) -> None:
        self.dead = self.dead or self.commits == self._dies_at
        if not self.dead:
            self.commits += 1
            self._journal.commit(commit, done)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


class World:
    """What a daemon puts into its journal, without the daemon."""

    def __init__(self, journal: Any = None) -> None:
        self.journal = journal if journal is not None else MemoryJournal()
        self._seqs: dict[str, itertools.count[int]] = {}
        self._connected: set[str] = set()
        self._ms = itertools.count(int(time.time() * 1000))

    def _put(self, stream: str, event: Any) -> None:
        row = EventRow(stream, event.seq, event.kind, msgspec.json.encode(event), "", b"")
        is_new = stream != OWN_STREAM and event.seq == 1
        opened = (
            [SessionRecord(stream, f"guest {stream}", f"token-{stream}", "", {}, {}, 0, 0)]
            if is_new
            else []
        )
        self.journal.commit(Commit(opened=opened, rows=[row], at_ms=next(self._ms)), lambda: None)

    def _seq(self, stream: str) -> int:
        return next(self._seqs.setdefault(stream, itertools.count(1)))

    def session(self, name: str, state: str, reason: str = "") -> None:
        first = state == "live" and name not in self._connected
        self._connected |= {name} if first else set()
        self._put(name, SessionEvent(self._seq(name), state, reason, first=first))

    def message(self, name: str, direction: str, text: str, **more: Any) -> None:
        seq = self._seq(name)
        event = MessageEvent(
            seq, f"m{seq}", direction, "Text", text, "2026-11-29T18:00:00Z", **more
        )
        self._put(name, event)

    def fact(
        self, action: str, status: str = "success", conversation: str = "c1", **details: Any
    ) -> None:
        self._put(
            OWN_STREAM,
            OperationEvent(self._seq(OWN_STREAM), action, status, "op-1", conversation, details),
        )


def target(receiver: Receiver, name: str = "crm", **more: Any) -> WebhookTarget:
    given = {"secrets": (SECRET,), "allow_internal": ("127.0.0.1",), **more}
    given["secrets"] = tuple(SecretBytes(one) for one in given["secrets"])
    return WebhookTarget(name, receiver.url, **given)


def webhooks(
    journal: Any, *targets: WebhookTarget, lookup: Any = None, **more: Any
) -> tuple[WebhookService, Metrics]:
    loop = asyncio.get_running_loop()
    settings = WebhookSettings(
        targets, **{"retry_base_s": 0.01, "retry_cap_s": 0.05, "circuit_open_s": 0.05, **more}
    )
    metrics = Metrics()
    return WebhookService(
        loop, LoopClock(loop), journal, settings, metrics, Random(1), lookup
    ), metrics


async def until(condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(timeout_s):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.005)


async def counts(reported: Any, **wanted: int) -> bool:
    """Whether there are so many webhooks of each status."""
    return {status: len(await reported.admin.list(status)) for status in wanted} == wanted
