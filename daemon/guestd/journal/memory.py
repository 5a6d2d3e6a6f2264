"""The journal in memory: the same port, the same order, durable for as long as the process lives.
What is read is answered at once, without a suspension.

Bounds: `events_per_session_max` and `events_max` over all. When one is reached the oldest events
go, and a reader who asks for them learns from `first_kept_seq` what he cannot get any more. The one
order of all streams is kept only once it has been requested, within `events_max`; operations
that are over and deliveries that are done go when there are `works_max`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

import orjson

from ..model.journal import (
    Commit,
    EndedSession,
    EventRow,
    Replay,
    SavedSession,
    StoredCommand,
    StoredEvent,
)
from ..model.records import DeliveryRecord, OperationRecord

#: Ended guest sessions whose names are still known: far more than end while a reader catches up.
NAMES_OF_ENDED_MAX = 10_000

OF_COMMANDS = frozenset({"accepted", "delivery"})


class MemoryJournal:
    def __init__(
        self,
        events_per_session_max: int = 1000,
        events_max: int = 2_000_000,
        works_max: int = 100_000,
    ) -> None:
        self._per_session_max = events_per_session_max
        self._events_max = events_max
        self._works_max = works_max
        self._offset = 0
        self._order: deque[StoredEvent] | None = None
        self._cursors: dict[str, int] = {}
        self._durable_callbacks: list[Callable[[], None]] = []
        self._operations: dict[str, OperationRecord] = {}
        self._deliveries: dict[str, DeliveryRecord] = {}
        #: Of guest sessions that live, and of the last that ended: a reader may be behind.
        self._names: dict[str, str] = {}
        self._names_of_ended: deque[str] = deque()
        #: Lists: a deque takes 760 bytes from its first row on, and most sessions are short.
        self._kept: dict[str, list[EventRow]] = {}
        #: Of what is kept: the events of commands, by kind and key.
        self._of_commands: dict[str, dict[tuple[str, str], EventRow]] = {}
        self._count = 0
        self.damaged_rows = 0
        self.storage_full = False
        self.storage_low = False

    def __len__(self) -> int:
        return self._count

    def commit(self, commit: Commit, done: Callable[[], None]) -> None:
        for opened in commit.opened:
            self._names[opened.session_id] = opened.name
        self._append(commit.rows)
        if self._order is not None:
            rows = enumerate(commit.rows, self._offset + 1)
            self._order.extend(StoredEvent(offset, commit.at_ms, row) for offset, row in rows)
        self._offset += len(commit.rows)
        for operation in commit.operations:
            self._operations[operation.operation_id] = operation
        for delivery in commit.deliveries:
            self._deliveries[delivery.delivery_id] = delivery
        if commit.cursors:
            self._cursors.update(commit.cursors)
        if self._order is not None or commit.operations or commit.deliveries:
            self._keep_within_bounds()
        done()
        for callback in self._durable_callbacks:
            callback()

    async def read(
        self, session_id: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> Replay:
        events = self._kept.get(session_id)
        if not events:
            return Replay()
        first = events[0].seq
        start = max(0, after_seq + 1 - first)
        rows = events[start : start + limit]
        return Replay(rows if bytes_max is None else _up_to_bytes(rows, bytes_max), first)

    async def recover(self) -> Sequence[SavedSession]:
        """Nothing outlives the process."""
        return ()

    async def ended(self, limit: int) -> Sequence[EndedSession]:
        """What is over is forgotten at once."""
        return ()

    async def identities(self, session_id: str, limit: int) -> Sequence[tuple[str, str]]:
        return ()

    def forget(self, session_id: str) -> None:
        self._count -= len(self._kept.pop(session_id, ()))
        self._of_commands.pop(session_id, None)
        self._names_of_ended.append(session_id)
        while len(self._names_of_ended) > NAMES_OF_ENDED_MAX:
            self._names.pop(self._names_of_ended.popleft(), None)

    async def guest_names(self, session_ids: Sequence[str]) -> Mapping[str, str]:
        return {one: self._names[one] for one in session_ids if one in self._names}

    async def command(self, session_id: str, command_id: str) -> StoredCommand | None:
        kept = self._of_commands.get(session_id, {})
        accepted, outcome = (kept.get((kind, command_id)) for kind in ("accepted", "delivery"))
        return StoredCommand(accepted, outcome) if accepted or outcome else None

    async def was_shown(self, session_id: str, identity: str, time: str) -> bool:
        """Row by row: asked only of messages older than what a guest session remembers. What is
        older than all that is kept counts as shown."""
        rows = list(self._kept.get(session_id, ()))
        messages = [row for row in rows if row.kind in ("message", "presence")]
        if any(row.key == identity for row in messages):
            return True
        has_dropped = bool(rows) and rows[0].seq > 1
        oldest = orjson.loads(messages[0].payload) if messages and time and has_dropped else {}
        return bool(oldest) and time <= oldest.get("time", "")

    async def last_seq(self, session_id: str) -> int:
        events = self._kept.get(session_id)
        return events[-1].seq if events else 0

    async def read_on(
        self, after_offset: int, limit: int, kinds: Sequence[str] = ()
    ) -> Sequence[StoredEvent]:
        if not self._order:
            return ()
        start = max(0, after_offset + 1 - self._order[0].offset)
        if not kinds:
            return list(islice(self._order, start, start + limit))
        last = self._order[-1]
        wanted = (
            kept
            for kept in islice(self._order, start, None)
            if kept.row.kind in kinds or kept is last
        )
        return list(islice(wanted, limit))

    def cursor(self, name: str) -> int:
        if self._order is None:
            self._order = deque(maxlen=self._events_max)
        return self._cursors.setdefault(name, self._offset)

    def on_durable(self, callback: Callable[[], None]) -> None:
        self._durable_callbacks.append(callback)

    async def operation(self, operation_id: str) -> OperationRecord | None:
        return self._operations.get(operation_id)

    async def operations(self) -> Sequence[OperationRecord]:
        return [one for one in self._operations.values() if not one.over]

    async def operations_over(self, limit: int) -> Sequence[OperationRecord]:
        return list(islice((one for one in reversed(self._operations.values()) if one.over), limit))

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        return self._deliveries.get(delivery_id)

    async def deliveries(
        self,
        status: str,
        after_id: str = "",
        limit: int = 1000,
        target: str = "",
        other_than: Sequence[str] = (),
    ) -> Sequence[DeliveryRecord]:
        known = list(self._deliveries)
        start = known.index(after_id) + 1 if after_id in self._deliveries else 0
        found = (self._deliveries[one] for one in known[start:])
        wanted = (
            one
            for one in found
            if one.status == status
            and (not target or one.target == target)
            and one.target not in other_than
        )
        return list(islice(wanted, limit))

    def oldest_wait_s(self) -> float:
        return 0.0

    def _keep_within_bounds(self) -> None:
        if self._order is not None:
            passed = min(self._cursors.values(), default=0)
            while self._order and self._order[0].offset <= passed:
                self._order.popleft()
        for works in (self._operations, self._deliveries):
            if len(works) > self._works_max:
                _drop_what_is_done(works)

    def _append(self, rows: Sequence[EventRow]) -> None:
        """Nine of ten rows are messages: no call for each, and no field by its name."""
        kept, most, more = self._kept, self._per_session_max, 0
        for row in rows:
            session_id, seq, kind, _, key, _ = row
            events = kept.get(session_id)
            if events is None:
                events = kept[session_id] = []
            elif seq != (last := events[-1][1]) + 1:
                raise AssertionError(f"seq {seq} after {last} in {session_id}")
            if len(events) < most:
                more += 1
            elif (oldest := events.pop(0))[2] in OF_COMMANDS:
                self._forget_command(oldest)
            events.append(row)
            if kind in OF_COMMANDS:
                self._of_commands.setdefault(session_id, {})[kind, key] = row
        self._count += more
        while self._count > self._events_max and self._drop_from_longest():
            pass

    def _drop_from_longest(self) -> bool:
        """Make room for a thousand more, from the stream that holds most: rare, so it may look at
        all. False if each has only one."""
        longest = max(self._kept.values(), key=len)
        count = min(1000, len(longest) - 1)
        for row in longest[:count]:
            if row.kind in OF_COMMANDS:
                self._forget_command(row)
        del longest[:count]
        self._count -= count
        return count > 0

    def _forget_command(self, row: EventRow) -> None:
        self._of_commands[row.session_id].pop((row.kind, row.key), None)


def _up_to_bytes(rows: Iterable[EventRow], bytes_max: int) -> list[EventRow]:
    """Up to and with the one that reaches that many bytes."""
    taken: list[EventRow] = []
    left = bytes_max
    for row in rows:
        taken.append(row)
        left -= len(row.payload)
        if left <= 0:
            break
    return taken


def _drop_what_is_done(works: dict[str, OperationRecord] | dict[str, DeliveryRecord]) -> None:
    done = [
        key
        for key, one in works.items()
        if (one.over if isinstance(one, OperationRecord) else one.status != "waiting")
    ]
    for key in done[: len(done) // 2 + 1]:
        del works[key]
