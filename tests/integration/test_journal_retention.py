"""What retention takes from the journal on disk, and what it must leave."""

from __future__ import annotations

import pytest

from guestd.journal import database, retention
from guestd.journal.reader import Reader
from guestd.journal.retention import Retention
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord

HOUR_MS = 3_600_000
KEEP = Retention(over_ms=HOUR_MS, dead_ms=10 * HOUR_MS)


class Disk:
    """A writer whose clock stands in `now`."""

    def __init__(self, folder) -> None:
        self.now = 1_000_000_000
        self.folder = folder
        self.connection = database.open_for_writing(folder)
        self.writer = Writer(self.connection, lambda: self.now, lambda: self.now / 1000)
        self.reader = Reader(database.open_for_reading(folder))

    def write(self, **parts) -> None:
        self.writer.write([Commit(**parts, at_ms=self.now)])

    def open(self, name, events) -> None:
        rows = [EventRow(name, seq, "message", b"{}", "", b"") for seq in range(1, events + 1)]
        self.write(opened=[SessionRecord(name, name, "t", "", {}, {}, 0, 0)], rows=rows)

    def facts(self, first, last) -> None:
        self.write(
            rows=[
                EventRow(OWN_STREAM, seq, "fact", b"{}", "", b"") for seq in range(first, last + 1)
            ]
        )

    def retire(self) -> int:
        rounds = 1
        while self.writer.retire(KEEP):
            rounds += 1
        return rounds

    def left(self) -> dict[str, int]:
        return dict(
            self.connection.execute(
                "SELECT s.session_id, count(e.id) FROM sessions s LEFT JOIN events e ON e.session ="
                " s.id GROUP BY s.id"
            )
        )

    def start_again(self) -> None:
        self.close()
        self.connection = database.open_for_writing(self.folder)
        self.writer = Writer(self.connection, lambda: self.now, lambda: self.now / 1000)
        self.reader = Reader(database.open_for_reading(self.folder))

    def close(self) -> None:
        self.reader.close()
        self.connection.close()


@pytest.fixture
def disk(tmp_path):
    found = Disk(tmp_path)
    yield found
    found.close()


def test_sessions_that_ended_long_ago_go_in_batches(disk):
    for name in ("old", "young", "living"):
        disk.open(name, 2500)
    disk.write(over=["old"])
    disk.now += HOUR_MS + 1
    disk.write(over=["young"])
    assert disk.retire() >= 3
    assert disk.left() == {"young": 2500, "living": 2500, OWN_STREAM: 0}


def test_what_a_reader_has_not_passed_stays_however_old(disk):
    disk.open("first", 10)
    disk.write(over=["first"])
    disk.open("second", 10)
    disk.facts(1, 20)
    disk.write(over=["second"], cursors=[("audit", 15), ("webhooks", 40)])
    disk.now += 2 * HOUR_MS
    disk.retire()
    assert disk.left() == {
        "second": 10,
        OWN_STREAM: 20,
    }, "the audit stands in the middle of the second"
    disk.write(cursors=[("audit", 30)])
    disk.retire()
    assert disk.left() == {OWN_STREAM: 10}
    disk.write(cursors=[("audit", 40)])
    disk.retire()
    assert disk.left() == {OWN_STREAM: 1}


def test_a_reader_that_nobody_asks_for_holds_nothing_back_for_ever(disk):
    disk.open("a", 10)
    disk.write(over=["a"], cursors=[("switched off", 0)])
    disk.now += retention.READER_KEPT_MS - 1
    disk.retire()
    assert disk.left() == {"a": 10, OWN_STREAM: 0}
    disk.now += 2
    disk.retire()
    assert disk.left() == {OWN_STREAM: 0}


def test_old_facts_go_in_batches_and_the_newest_stays_so_that_counting_goes_on(disk):
    disk.facts(1, 2500)
    disk.now += HOUR_MS
    disk.facts(2501, 2510)
    disk.now += 1
    assert disk.retire() >= 3
    assert disk.left() == {OWN_STREAM: 10}
    disk.now += 2 * HOUR_MS
    disk.retire()
    assert disk.left() == {OWN_STREAM: 1} and disk.reader.last_seq(OWN_STREAM) == 2510


def test_an_offset_is_never_given_twice(disk):
    disk.facts(1, 1)
    disk.open("a", 10)
    disk.write(over=["a"])
    disk.now += 2 * HOUR_MS
    disk.retire()
    assert disk.left() == {OWN_STREAM: 1}
    disk.start_again()
    disk.facts(2, 2)
    assert [one.offset for one in disk.reader.read_on(0, 10, 2**62)] == [1, 12]


def test_operations_over_and_webhooks_done_go_and_the_dead_stay_longer(disk):
    disk.write(
        operations=[
            OperationRecord("over", "prompt", b"{}", over=True),
            OperationRecord("running", "prompt", b"{}"),
        ],
        deliveries=[
            DeliveryRecord(one, "t", "l", "e", b"", status=one)
            for one in ("waiting", "delivered", "dead")
        ],
    )
    disk.now += HOUR_MS
    disk.retire()
    assert disk.reader.operation("over") is not None and disk.reader.deliveries("delivered", "", 10)
    disk.now += 1
    disk.retire()
    assert disk.reader.operation("over") is None and disk.reader.operation("running") is not None
    assert [
        len(disk.reader.deliveries(one, "", 10)) for one in ("waiting", "delivered", "dead")
    ] == [1, 0, 1]
    disk.now += 10 * HOUR_MS
    disk.retire()
    assert [
        len(disk.reader.deliveries(one, "", 10)) for one in ("waiting", "delivered", "dead")
    ] == [1, 0, 0]


def test_a_webhook_that_was_replayed_is_young_again(disk):
    dead = DeliveryRecord("d", "t", "l", "e", b"", status="dead")
    disk.write(deliveries=[dead])
    disk.now += 10 * HOUR_MS
    disk.write(deliveries=[dead])
    disk.now += HOUR_MS
    disk.retire()
    assert disk.reader.deliveries("dead", "", 10) == [dead]


def test_many_small_sessions_go_in_few_batches_and_rows_are_counted_not_changes(disk):
    for n in range(900):
        disk.open(f"s{n}", 2)
    disk.write(over=[f"s{n}" for n in range(900)])
    disk.now += HOUR_MS + 1
    first = disk.writer.retire(KEEP)
    assert first.more and 1000 <= first.rows <= 1500, (
        "a batch of events, and the sessions they belong to"
    )
    assert disk.retire() <= 3
    assert disk.left() == {OWN_STREAM: 0}


def test_a_wall_clock_that_jumps_ahead_deletes_nothing_before_it_has_stood(disk):
    """Neither under way nor at a start."""
    passed_s = 0.0
    disk.writer = Writer(disk.connection, lambda: disk.now, lambda: passed_s)
    disk.open("a", 10)
    disk.write(over=["a"])
    disk.writer.retire(KEEP)
    disk.now += 100 * HOUR_MS
    for seconds in (1.0, 299.0, 299.0):
        passed_s += seconds
        assert not disk.writer.retire(KEEP).rows
    assert disk.left() == {"a": 10, OWN_STREAM: 0}
    passed_s = 2.0
    disk.writer = Writer(disk.connection, lambda: disk.now, lambda: passed_s)
    assert not disk.writer.retire(KEEP).rows, "a start does not believe it either"
    passed_s += 601.0
    disk.now += 601_000
    disk.retire()
    assert disk.left() == {OWN_STREAM: 0}
