"""Durable, then shown, then told: with a journal that answers when we say so."""

from __future__ import annotations

import json

import pytest

from guestd.journal.memory import MemoryJournal
from guestd.model.events import AcceptedEvent, SessionEvent
from guestd.observe.metrics import Metrics
from guestd.supervisor.commits import CommitBatcher
from guestd.supervisor.hub import Hub


class Loop:
    """Runs what is called soon when it is told to."""

    def __init__(self):
        self.soon = []

    def call_soon(self, call):
        self.soon.append(call)

    def turn(self):
        calls, self.soon = self.soon, []
        for call in calls:
            call()


class Clock:
    def now(self):
        return 0.0

    def epoch_ms(self):
        return 1_700_000_000_123


class SlowJournal(MemoryJournal):
    """Durable only when `flush` says so."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def commit(self, batch, done):
        self.waiting.append((batch, done))

    def flush(self):
        batch, done = self.waiting.pop(0)
        super().commit(batch, done)


class Owner:
    def __init__(self, order):
        self.order = order

    def intent_durable(self, command_id):
        self.order.append(("durable", command_id))


class Watching:
    def __init__(self, order):
        self.order = order

    def offer(self, row):
        self.order.append(("shown", row.seq))

    def over(self):
        self.order.append(("over",))


@pytest.fixture
def table():
    class Table:
        def __init__(self):
            self.loop, self.journal, self.metrics, self.order, self.full = (
                Loop(),
                SlowJournal(),
                Metrics(),
                [],
                [],
            )
            self.hub = Hub()
            self.pipeline = CommitBatcher(
                self.loop, Clock(), self.journal, self.hub, self.metrics, 4, self.full.append
            )
            self.owner, self.watcher = Owner(self.order), Watching(self.order)

        def record(self, seq, event=None):
            self.pipeline.record(self.owner, "a", event or SessionEvent(seq, "live"))

    return Table()


def test_nothing_is_shown_or_told_before_it_is_durable(table):
    table.hub.watch("a", table.watcher)
    table.record(1)
    table.record(2, AcceptedEvent(2, "c1", "send", "x"))
    assert not table.journal.waiting, "one batch per turn of the loop"
    table.loop.turn()
    assert len(table.journal.waiting) == 1 and table.order == []
    table.journal.flush()
    assert table.order == [("shown", 1), ("shown", 2), ("durable", "c1")]


def test_a_batch_is_one_commit_and_batches_keep_their_order(table):
    table.hub.watch("a", table.watcher)
    for seq in (1, 2):
        table.record(seq)
        table.loop.turn()
    table.journal.flush()
    table.journal.flush()
    assert table.order == [("shown", 1), ("shown", 2)]
    assert table.metrics.journal_batch.count == 2


def test_full_is_said_once_and_taken_back_at_half(table):
    for seq in range(1, 7):
        table.record(seq)
    assert table.full == [True]
    table.loop.turn()
    table.journal.flush()
    assert table.full == [True, False] and table.pipeline.uncommitted == 0


async def test_who_reads_the_past_and_then_watches_misses_nothing_and_gets_nothing_twice(table):
    table.record(1)
    table.loop.turn()
    table.journal.flush()
    table.record(2)
    table.loop.turn()
    assert [row.seq for row in (await table.journal.read("a", 0, 10)).rows] == [1]
    table.hub.watch("a", table.watcher)
    assert table.order == [], "2 is not durable yet: it is in neither half"
    table.journal.flush()
    assert table.order == [("shown", 2)]


def test_over_comes_after_the_last_row_and_the_journal_may_forget(table):
    table.hub.watch("a", table.watcher)
    table.record(1)
    table.pipeline.session_over("a")
    table.loop.turn()
    table.journal.flush()
    assert table.order == [("shown", 1), ("over",)]
    assert len(table.journal) == 0 and len(table.hub) == 0


def test_every_watcher_gets_the_same_bytes(table):
    seen = []

    class Keeping:
        def offer(self, row):
            seen.append(row.payload)

        def over(self): ...

    for _ in range(3):
        table.hub.watch("a", Keeping())
    table.record(1)
    table.loop.turn()
    table.journal.flush()
    assert seen[0] is seen[1] is seen[2]
    assert json.loads(seen[0]) == {
        "seq": 1,
        "state": "live",
        "reason": "",
        "read_only": False,
        "first": False,
        "latency_ms": None,
        "kind": "session",
        "at": 1_700_000_000_123,
    }


def test_an_event_says_when_it_was_recorded_as_the_journal_does(table):
    table.hub.watch("a", table.watcher)
    table.record(1)
    table.record(2, AcceptedEvent(2, "c1", "send", "x"))
    table.loop.turn()
    batch, _ = table.journal.waiting[0]
    assert {json.loads(row.payload)["at"] for row in batch.rows} == {batch.at_ms}


def test_unwatching_twice_is_harmless(table):
    table.hub.watch("a", table.watcher)
    table.hub.unwatch("a", table.watcher)
    table.hub.unwatch("a", table.watcher)
    assert len(table.hub) == 0
