"""The only writer of the daemon's own stream, so that its seq has no gaps."""

from __future__ import annotations

from typing import Any

import orjson

from ..model.journal import Commit, EventRow, EventStore
from ..model.ports import Clock
from ..model.records import OWN_STREAM, OperationEvent, OperationRecord
from ..runtime.callback import committed


class EventAppender:
    """`seq` is that of the newest event in the stream."""

    def __init__(self, journal: EventStore, clock: Clock, seq: int) -> None:
        self._journal = journal
        self._clock = clock
        self._seq = seq

    @classmethod
    async def open(cls, journal: EventStore, clock: Clock) -> EventAppender:
        """One that goes on where the journal's own stream ends."""
        return cls(journal, clock, await journal.last_seq(OWN_STREAM))

    @property
    def storage_full(self) -> bool:
        """What is saved now waits until space is freed."""
        return self._journal.storage_full

    async def save(self, operation: OperationRecord | None, *facts: OperationEvent) -> None:
        """Returns when all of it is durable. The events get their `seq` here, in this order."""
        commit = Commit(
            rows=[self.row(fact) for fact in facts],
            operations=[operation] if operation is not None else [],
            at_ms=self._clock.epoch_ms(),
        )
        await committed(self._journal, commit)

    def row(self, fact: OperationEvent) -> EventRow:
        """The event's row with its `seq`; the caller must commit it at once."""
        self._seq += 1
        fact.seq = self._seq
        return EventRow(OWN_STREAM, fact.seq, fact.kind, orjson.dumps(fact), "", b"")

    def note(self, action: str, status: str, details: dict[str, Any]) -> None:
        """Appends an event of no operation without waiting for it; dropped while the disk is
        full."""
        self.append(OperationEvent(0, action, status, details=details))

    def append(self, fact: OperationEvent) -> None:
        """A fact that no caller waits for; left out while the disk is full."""
        if not self.storage_full:
            row = self.row(fact)
            self._journal.commit(Commit(rows=[row], at_ms=self._clock.epoch_ms()), lambda: None)
