"""Record, then publish, then report: the order that durability depends on.

Everything the fleet records within one turn of the loop is one batch, and a batch is one commit.
With a journal that answers at once the batch is durable before the turn ends; with one that waits
for a disk, the next batches queue behind it and grow, which is all the group commit there is. Only
when a batch is durable is any of it shown to a watcher, and only then does a command's machine hear
that its intent may be acted on.

The bound is `uncommitted_max` events. When it is reached, `full(True)` makes the fleet stop reading
its sockets, so that the pressure goes back to the platform by TCP; it resumes at half of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from ..model.events import AcceptedEvent, Event, MessageEvent
from ..model.journal import Commit, EventRow, EventStore, SessionRecord
from ..model.ports import Clock
from ..observe.metrics import Metrics
from .hub import Hub

#: Makes an EventRow in half the time that its own constructor takes; there is one per event.
_new_tuple = tuple.__new__

#: The event's JSON, in exactly its size.
_encode = msgspec.json.Encoder().encode


class CommitListener(Protocol):
    def intent_durable(self, command_id: str) -> None: ...

    def session_durable(self) -> None: ...

    def event_durable(self, seq: int) -> None: ...


class Batch(Commit):
    """One turn's commit, and who waits for it. `at_ms` is when it was begun, which is the `at` of
    all its events."""

    openers: list[CommitListener] = msgspec.field(default_factory=list)
    intents: list[tuple[CommitListener, str]] = msgspec.field(default_factory=list)
    settled: list[asyncio.Future[None]] = msgspec.field(default_factory=list)
    awaited: list[tuple[CommitListener, int]] = msgspec.field(default_factory=list)
    given_at: float = 0.0


class CommitBatcher:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        journal: EventStore,
        hub: Hub,
        metrics: Metrics,
        uncommitted_max: int,
        full: Callable[[bool], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._journal = journal
        self._hub = hub
        self._metrics = metrics
        self._uncommitted_max = uncommitted_max
        self._full = full
        self._batch: Batch | None = None
        self._newest: Batch | None = None  # not durable yet
        self._uncommitted = 0
        self._is_full = False

    @property
    def uncommitted(self) -> int:
        return self._uncommitted

    def open_session(self, owner: CommitListener, record: SessionRecord) -> None:
        """`owner.session_durable()` when its token is: before that the platform must not hear of
        it."""
        batch = self._batch or self._open_batch()
        batch.opened.append(record)
        batch.openers.append(owner)

    def record(
        self, owner: CommitListener, session_id: str, event: Event, intent: bytes = b""
    ) -> None:
        """`intent` is an accepted command's."""
        batch = self._batch or self._open_batch()
        event.at = batch.at_ms
        key = getattr(event, event.KEY) if event.KEY else ""
        row = session_id, event.seq, event.kind, _encode(event), key, intent
        batch.rows.append(_new_tuple(EventRow, row))
        if type(event) is AcceptedEvent:
            batch.intents.append((owner, event.command_id))
        self._uncommitted += 1
        if self._uncommitted >= self._uncommitted_max and not self._is_full:
            self._fill()

    def record_message(self, session_id: str, event: MessageEvent) -> None:
        """As `record`, without the calls that a message can do without."""
        batch = self._batch or self._open_batch()
        event.at = batch.at_ms
        row = session_id, event.seq, event.kind, _encode(event), event.id, b""
        batch.rows.append(_new_tuple(EventRow, row))
        self._uncommitted += 1
        if self._uncommitted >= self._uncommitted_max and not self._is_full:
            self._fill()

    def _fill(self) -> None:
        self._is_full = True
        self._full(True)

    def when_durable(self, owner: CommitListener, seq: int) -> None:
        """`owner.event_durable(seq)` when the event recorded just now is."""
        (self._batch or self._open_batch()).awaited.append((owner, seq))

    async def settled(self) -> None:
        """Until everything that is recorded by now is durable."""
        batch = self._batch or self._newest
        if batch is not None:
            durable = self._loop.create_future()
            batch.settled.append(durable)
            await durable

    def session_over(self, session_id: str) -> None:
        """After what is recorded so far is durable, the journal may let this session go."""
        self._open_batch().over.append(session_id)

    def touched(self, session_id: str) -> None:
        """Its state is another, whether or not an event says so."""
        self._hub.touched(session_id)

    def _open_batch(self) -> Batch:
        if self._batch is None:
            self._batch = Batch(at_ms=self._clock.epoch_ms())
            self._loop.call_soon(self.flush)
        return self._batch

    def flush(self) -> None:
        """Hand over what is recorded, without waiting for the turn's end."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        batch.given_at = self._clock.now()
        self._newest = batch
        self._journal.commit(batch, partial(self._committed, batch))

    def _committed(self, batch: Batch) -> None:
        self._metrics.journal_commit_s.observe(self._clock.now() - batch.given_at)
        self._metrics.journal_batch.observe(len(batch.rows))
        self._uncommitted -= len(batch.rows)
        if self._newest is batch:
            self._newest = None
        self._hub.publish(batch.rows)
        for owner in batch.openers:
            owner.session_durable()
        for owner, command_id in batch.intents:
            owner.intent_durable(command_id)
        for owner, seq in batch.awaited:
            owner.event_durable(seq)
        for one in batch.settled:
            if not one.done():
                one.set_result(None)
        for session_id in batch.over:
            self._journal.forget(session_id)
            self._hub.over(session_id)
        if self._is_full and self._uncommitted <= self._uncommitted_max // 2:
            self._is_full = False
            self._full(False)
