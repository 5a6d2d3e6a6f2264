"""The journal's events become deliveries: each exactly once, because they and the cursor are one
commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import orjson

from ..model.errors import CommandError
from ..model.journal import Commit, Journal, StoredEvent
from ..model.ports import Clock
from ..model.records import DeliveryRecord
from ..runtime.callback import committed
from ..runtime.journal_follower import JournalFollower
from .delivery_scheduler import OPERATION
from .payloads import WebhookPayload, payload_of
from .settings import WebhookTarget

logger = logging.getLogger("guestd.webhooks")

CURSOR = "webhooks"
LINGER_S = 0.02

#: Events passed over after which the cursor moves all the same, and the longest it stays behind, in
#: seconds.
MOVED_MAX = 5000
BEHIND_S = 30.0

#: Guest sessions remembered as connected, so that a reconnecting fleet is not read up one by one.
CONNECTED_MAX = 20_000
LOOK_BACK = 16


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
        self._loop = loop
        self._clock = clock
        self._journal = journal
        self._targets = targets
        self._made = made
        self._marked, self._marked_at = 0, clock.now()
        self._connected: dict[str, int] = {}
        self._follower = JournalFollower(
            loop, journal, CURSOR, ("session", "fact"), LINGER_S, self._take
        )
        self.start, self.stop, self.abandon = (
            self._follower.start,
            self._follower.stop,
            self._follower.abandon,
        )

    async def _take(self, page: Sequence[StoredEvent]) -> None:
        now_ms = self._clock.epoch_ms()
        deliveries = [one for kept in page for one in await self._deliveries(kept, now_ms)]
        now, last = self._clock.now(), page[-1].offset
        if not deliveries and last - self._marked < MOVED_MAX and now - self._marked_at < BEHIND_S:
            return
        self._marked, self._marked_at = last, now
        cursor = (CURSOR, last)
        commit = Commit(deliveries=deliveries, cursors=[cursor], at_ms=now_ms)
        await committed(self._journal, commit)
        if deliveries:
            self._made()

    async def _deliveries(self, kept: StoredEvent, now_ms: int) -> list[DeliveryRecord]:
        row = kept.row
        is_live = row.kind == "session" and _state_of(row.payload) == "live"
        before = is_live and await self._connected_before(row.session_id, row.seq)
        try:
            told = payload_of(kept, before)
        except (ValueError, LookupError, TypeError, AttributeError):
            logger.error(
                "event %d of the journal cannot be read; no webhook tells of it", kept.offset
            )
            return []
        if told is None:
            return []
        found = [
            _delivery(told, one.name, one.name, now_ms)
            for one in self._targets
            if one.wants(told.event)
        ]
        if told.url and told.url not in (one.url for one in self._targets if one.wants(told.event)):
            found.append(_delivery(told, told.url, OPERATION, now_ms))
        return found

    async def _connected_before(self, session_id: str, seq: int) -> bool:
        """Remembered, or read up: the first `live` of a guest session stands at the very beginning
        of its stream."""
        first = self._connected.get(session_id) or await self._first_live(session_id, seq)
        if len(self._connected) >= CONNECTED_MAX:
            self._connected.clear()
        self._connected[session_id] = first
        return first < seq

    async def _first_live(self, session_id: str, seq: int) -> int:
        after = 0
        while after + 1 < seq:
            try:
                replay = await self._journal.read(session_id, after, LOOK_BACK)
            except CommandError:  # a damaged row: better told twice than never
                break
            if not replay.rows:
                break
            if replay.first_kept_seq > after + 1:
                return 0  # the beginning is gone: it connected long ago
            for row in replay.rows:
                if row.kind == "session" and _state_of(row.payload) == "live":
                    return row.seq
            after = replay.rows[-1].seq
        return seq


def _state_of(payload: bytes) -> str:
    """ "" if it cannot be read."""
    try:
        return str(orjson.loads(payload)["state"])
    except (ValueError, LookupError, TypeError):
        return ""


def _delivery(told: WebhookPayload, target: str, name: str, now_ms: int) -> DeliveryRecord:
    delivery_id = told.delivery_id(name)
    body = told.body(delivery_id)
    return DeliveryRecord(
        delivery_id, target, told.lane, told.event, body, created_ms=now_ms, due_ms=now_ms
    )
