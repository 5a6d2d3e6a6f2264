"""The journal's events become deliveries: each exactly once, because they and the cursor are one
commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from ..model.journal import Commit, Journal, StoredEvent
from ..model.ports import Clock
from ..model.records import DeliveryRecord
from ..runtime.callback import committed
from ..runtime.journal_follower import JournalFollower
from .delivery_scheduler import OPERATION
from .guest_names import GuestNames
from .payloads import RECEIVED, SENT, WebhookPayload, payload_of
from .settings import WebhookTarget

logger = logging.getLogger("guestd.webhooks")

CURSOR = "webhooks"
LINGER_S = 0.02

#: Events passed over after which the cursor moves all the same, and the longest it stays behind, in
#: seconds.
MOVED_MAX = 5000
BEHIND_S = 30.0


class Collector:
    """Reads on from the cursor `webhooks`; `made` hears, on the loop, that new deliveries are
    durable."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        journal: Journal,
        targets: Sequence[WebhookTarget],
        made: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._targets = targets
        self._made = made
        self._names = GuestNames(journal)
        self._marked, self._marked_at = 0, clock.now()
        tells_messages = any(one.wants(word) for one in targets for word in (RECEIVED, SENT))
        kinds = ("session", "fact", *(("message",) if tells_messages else ()))
        self._follower = JournalFollower(loop, journal, CURSOR, kinds, LINGER_S, self._take)
        self.start, self.stop, self.abandon = (
            self._follower.start,
            self._follower.stop,
            self._follower.abandon,
        )

    async def _take(self, page: Sequence[StoredEvent]) -> None:
        now_ms = self._clock.epoch_ms()
        told = [payload for kept in page if (payload := self._payload(kept)) is not None]
        names = await self._names.of(one.session_id for one in told if one.session_id)
        for one in told:
            one.name_guest(names.get(one.session_id, ""))
        deliveries = [delivery for one in told for delivery in self._deliveries(one, now_ms)]
        now, last = self._clock.now(), page[-1].offset
        if not deliveries and last - self._marked < MOVED_MAX and now - self._marked_at < BEHIND_S:
            return
        self._marked, self._marked_at = last, now
        cursor = (CURSOR, last)
        commit = Commit(deliveries=deliveries, cursors=[cursor], at_ms=now_ms)
        await committed(self._journal, commit)
        if deliveries:
            self._made()

    def _payload(self, kept: StoredEvent) -> WebhookPayload | None:
        """None if nothing is to be told, or to no target."""
        try:
            told = payload_of(kept)
        except (ValueError, LookupError, TypeError, AttributeError):
            logger.error(
                "event %d of the journal cannot be read; no webhook tells of it", kept.offset
            )
            return None
        is_wanted = told is not None and (
            told.url or any(one.wants(told.event) for one in self._targets)
        )
        return told if is_wanted else None

    def _deliveries(self, told: WebhookPayload, now_ms: int) -> list[DeliveryRecord]:
        found = [
            _delivery(told, one.name, one.name, now_ms)
            for one in self._targets
            if one.wants(told.event)
        ]
        if told.url and told.url not in (one.url for one in self._targets if one.wants(told.event)):
            found.append(_delivery(told, told.url, OPERATION, now_ms))
        return found


def _delivery(told: WebhookPayload, target: str, name: str, now_ms: int) -> DeliveryRecord:
    delivery_id = told.delivery_id(name)
    body = told.body(delivery_id)
    return DeliveryRecord(
        delivery_id, target, told.lane, told.event, body, created_ms=now_ms, due_ms=now_ms
    )
