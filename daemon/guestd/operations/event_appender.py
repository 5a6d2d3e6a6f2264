"""Who writes in the daemon's own stream: one hand, so that its seq has no holes."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from ..model.journal import Commit, EventRow, EventStore
from ..model.ports import Clock
from ..model.records import OWN_STREAM, OperationEvent, OperationRecord


class EventAppender:
    def __init__(self, journal: EventStore, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._seq = journal.last_seq(OWN_STREAM)

    @property
    def storage_full(self) -> bool:
        """What is saved now waits until there is room."""
        return self._journal.storage_full

    async def save(self, operation: OperationRecord | None, *facts: OperationEvent) -> None:
        """Returns when all of it is durable. The facts get their `seq` here, in the order given."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        commit = Commit(
            rows=[self.row(fact) for fact in facts],
            operations=[operation] if operation is not None else [],
            at_ms=self._clock.epoch_ms(),
        )
        self._journal.commit(commit, lambda: None if durable.done() else durable.set_result(None))
        await durable

    def row(self, fact: OperationEvent) -> EventRow:
        """The fact with its `seq`, for a commit that must be given to the journal at once."""
        self._seq += 1
        fact.seq = self._seq
        return EventRow(OWN_STREAM, fact.seq, fact.kind, orjson.dumps(fact), "", b"")

    def note(self, action: str, status: str, details: dict[str, Any]) -> None:
        """A fact that belongs to no operation and that nobody waits for; left out while the disk is
        full."""
        if not self.storage_full:
            row = self.row(OperationEvent(0, action, status, details=details))
            self._journal.commit(Commit(rows=[row], at_ms=self._clock.epoch_ms()), lambda: None)
