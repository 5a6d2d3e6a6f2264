"""Looking at webhooks, and sending dead letters again: what the API and the command line need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..model.errors import CommandError, NotFound
from ..model.journal import Commit, DeliveryStore
from ..model.ports import Clock, WebhookView
from ..model.records import DeliveryRecord
from ..observe.redaction import bare_url
from ..runtime.callback import committed

PAGE = 200
STATUSES = ("waiting", "dead", "delivered")


class WebhookAdmin:
    """The Webhooks port. `replayed` is told, on the loop, when older deliveries wait again."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        journal: DeliveryStore,
        replayed: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._journal = journal
        self._replayed = replayed

    async def list(
        self, status: str = "waiting", after_id: str = "", limit: int = 100
    ) -> Sequence[WebhookView]:
        if status not in STATUSES:
            raise CommandError(
                f"status: {status!r} is none of {', '.join(STATUSES)}", field="status"
            )
        if not 1 <= limit <= 1000:
            raise CommandError(f"limit: {limit} is not between 1 and 1000", field="limit")
        return [view(one) for one in await self._journal.deliveries(status, after_id, limit)]

    async def replay(self, delivery_id: str) -> WebhookView:
        found = await self._journal.delivery(delivery_id)
        if found is None:
            raise NotFound(f"there is no webhook {delivery_id}, or it is too long ago")
        if found.status == "waiting":
            raise CommandError(f"webhook {delivery_id} is waiting already", code="conflict")
        return (await self._again([found]))[0]

    async def replay_dead(self) -> int:
        return len(await self._again(await _dead_letters(self._journal)))

    async def _again(self, records: Sequence[DeliveryRecord]) -> Sequence[WebhookView]:
        now_ms = self._clock.epoch_ms()
        fresh = [as_new(one, now_ms) for one in records]
        for start in range(0, len(fresh), PAGE):
            await committed(
                self._journal,
                Commit(deliveries=fresh[start : start + PAGE], at_ms=now_ms),
            )
        if fresh:
            self._replayed()
        return [view(one) for one in fresh]


def as_new(record: DeliveryRecord, now_ms: int) -> DeliveryRecord:
    """The same webhook with the same id, its tries and its time to live begun anew."""
    return replace(
        record, status="waiting", attempts=0, created_ms=now_ms, due_ms=now_ms, reason=""
    )


async def _dead_letters(journal: DeliveryStore) -> list[DeliveryRecord]:
    found: list[DeliveryRecord] = []
    after_id = ""
    while page := await journal.deliveries("dead", after_id, PAGE):
        found += page
        after_id = page[-1].delivery_id
    return found


def view(record: DeliveryRecord) -> WebhookView:
    target = bare_url(record.target) if "://" in record.target else record.target
    return WebhookView(
        record.delivery_id,
        target,
        record.lane,
        record.event,
        record.status,
        record.attempts,
        record.created_ms,
        record.due_ms,
        record.reason,
    )
