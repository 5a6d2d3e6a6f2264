"""Retention meets damaged rows: what is sound goes in time, what is damaged later, and nothing
holds the others back."""

from __future__ import annotations

import pytest

from guestd.journal import database
from guestd.journal.check import full_check
from guestd.journal.reader import Reader
from guestd.journal.retention import Retention
from guestd.journal.writer import Writer
from guestd.model.errors import Damaged
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM

HOUR_MS = 3_600_000
KEEP = Retention(over_ms=HOUR_MS, dead_ms=HOUR_MS)
OF_B = "(SELECT id FROM sessions WHERE session_id = 'b')"


class Disk:
    def __init__(self, folder) -> None:
        self.folder = folder
        self.now = 10**12
        self.open()

    def open(self) -> None:
        self.connection = database.open_for_writing(self.folder)
        self.writer = Writer(self.connection, lambda: self.now, lambda: self.now / 1000)
        self.reader = Reader(database.open_for_reading(self.folder))

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def again(self) -> None:
        self.close()
        self.open()

    def write(self, **parts) -> None:
        self.writer.write([Commit(**parts, at_ms=self.now)])

    def talk(self, *names, events=10) -> None:
        """Guest sessions that spoke in turn and are over."""
        self.write(opened=[SessionRecord(name, name, "t", "", {}, {}, 0, 0) for name in names])
        for seq in range(1, events + 1):
            kind = "session" if seq == 1 else "message"
            self.write(
                rows=[EventRow(name, seq, kind, b'{"text":"hello"}', "", b"") for name in names]
            )
        self.write(over=list(names))

    def change(self, statement) -> None:
        assert self.connection.execute(statement).rowcount == 1

    def hours(self, count) -> None:
        self.now += int(count * HOUR_MS) + 1
        self.retire()

    def retire(self) -> None:
        for _ in range(50):
            if not self.writer.retire(KEEP):
                return
        raise AssertionError("retention says for ever that there is more")

    def left(self) -> dict[str, int]:
        names = dict(self.connection.execute("SELECT id, session_id FROM sessions WHERE id > 0"))
        found = dict.fromkeys(names.values(), 0)
        for (number,) in self.connection.execute("SELECT session FROM events WHERE session > 0"):
            name = names.get(number, f"number {number}")
            found[name] = found.get(name, 0) + 1
        return found

    def aside(self) -> list[tuple[int, str]]:
        return self.connection.execute("SELECT session, reason FROM damaged").fetchall()


@pytest.fixture
def disk(tmp_path):
    found = Disk(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE events SET prev = 0, jump = 0 WHERE session = {OF_B} AND seq = 7",
        f"UPDATE events SET jump = prev WHERE session = {OF_B} AND seq = 8",
        f"UPDATE events SET seq = 70 WHERE session = {OF_B} AND seq = 7",
        f"DELETE FROM events WHERE session = {OF_B} AND seq = 7",
        "UPDATE sessions SET token = 'other' WHERE session_id = 'b'",
        "UPDATE sessions SET first_seq = 5 WHERE session_id = 'b'",
        "UPDATE sessions SET first_seq = -1000000000 WHERE session_id = 'b'",
        f"UPDATE heads SET id = 1 WHERE session = {OF_B}",
        f"UPDATE heads SET seq = 9223372036854775807 WHERE session = {OF_B}",
        f"UPDATE heads SET id = 9223372036854775807 WHERE session = {OF_B}",
        f"DELETE FROM heads WHERE session = {OF_B}",
    ],
)
def test_one_damaged_session_in_a_batch_costs_the_others_nothing(disk, damage):
    disk.talk("a", "b", "c", "d")
    disk.change(damage)
    disk.hours(1)
    assert set(disk.left()) <= {"b"}, "those that are sound go when they were promised to"
    disk.hours(1)
    assert disk.left() == {} and disk.aside() == []
    assert full_check(disk.connection) == []


def test_several_damaged_sessions_in_one_batch(disk):
    disk.talk("a", "b", "c", "d", "e")
    disk.change("UPDATE events SET prev = 0, jump = 0 WHERE session = 2 AND seq = 7")
    disk.change("UPDATE sessions SET name = 'x' WHERE id = 3")
    disk.change("UPDATE heads SET seq = 9 WHERE session = 5")
    disk.hours(1)
    assert {number for number, _ in disk.aside()} == {2, 3, 5}
    assert set(disk.left()) == {"b", "c", "e"}
    disk.hours(1)
    assert disk.left() == {} and disk.aside() == []


def test_a_large_damaged_session_goes_in_batches_while_others_are_written(disk):
    disk.talk("b", events=3500)
    disk.change(f"UPDATE events SET prev = 0, jump = 0 WHERE session = {OF_B} AND seq = 3400")
    disk.hours(1)
    disk.now += HOUR_MS + 1
    rounds = 0
    while disk.left():
        assert disk.writer.retire(KEEP).rows <= 1000 + 3, "events, then the session's own rows"
        disk.write(rows=[EventRow(OWN_STREAM, rounds + 1, "fact", b"{}", "", b"")])
        rounds += 1
    assert rounds >= 2


def test_a_reader_that_has_not_passed_one_damaged_session_does_not_hold_back_the_next(disk):
    """Set aside first, and with the newest events: the reader stands before them."""
    disk.talk("x", "b")
    disk.talk("old")
    newest = disk.writer.offset
    disk.write(cursors=[("audit", newest)])
    disk.talk("late")
    disk.change("UPDATE sessions SET id = 40, name = 'y' WHERE session_id = 'old'")
    disk.change("UPDATE heads SET session = 40 WHERE session = 3")
    disk.connection.execute("UPDATE events SET session = 40 WHERE session = 3")
    disk.change("UPDATE sessions SET name = 'y' WHERE session_id = 'late'")
    disk.hours(1)
    assert sorted(number for number, _ in disk.aside()) == [4, 40]
    disk.hours(1)
    assert disk.left() == {"late": 10}, "the audit has not read it yet"
    disk.write(cursors=[("audit", disk.writer.offset)])
    disk.retire()
    assert disk.left() == {} and disk.aside() == []


def test_a_slow_reader_holds_a_damaged_session_and_is_told_of_it(disk):
    disk.talk("b")
    disk.write(cursors=[("audit", 4)])
    disk.change(f"UPDATE events SET payload = x'7b' WHERE session = {OF_B} AND seq = 6")
    disk.change("UPDATE sessions SET name = 'y' WHERE session_id = 'b'")
    disk.hours(1)
    disk.hours(2)
    assert disk.left() == {"b": 6}, "what it has passed is gone, and the rest waits for it"
    assert [one.row.kind for one in disk.reader.read_on(4, 100, disk.writer.offset)] == [
        "damaged"
    ] * 6
    disk.write(cursors=[("audit", disk.writer.offset)])
    disk.retire()
    assert disk.left() == {}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE damaged SET reason = 'other'",
        "UPDATE damaged SET session = 3",
        "UPDATE damaged SET session = 99",
        "UPDATE damaged SET found_ms = 9223372036854775807",
        "UPDATE damaged SET session = 3, found_ms = 9223372036854775807",
    ],
)
def test_a_damaged_row_among_the_damaged_holds_nothing_back(disk, damage):
    disk.talk("a", "b", "c")
    disk.change(f"UPDATE events SET prev = 0, jump = 0 WHERE session = {OF_B} AND seq = 7")
    disk.hours(1)
    disk.talk("d")  # number 3, for a and c have gone
    disk.change(damage)
    disk.again()
    for _ in range(3):  # the first jump of the clock after a start is not believed at once
        disk.hours(2)
    assert disk.left() == {} and disk.aside() == []


def test_a_living_session_is_set_aside_again_where_the_row_that_says_so_is_damaged(disk):
    disk.write(opened=[SessionRecord(name, name, "t", "", {}, {}, 0, 0) for name in "ab"])
    disk.change("UPDATE sessions SET token = 'other' WHERE session_id = 'b'")
    for _ in range(2):
        assert [one.record.session_id for one in disk.reader.recover()] == ["a"]
        disk.write(aside=disk.reader.take_aside())
        disk.change("UPDATE damaged SET session = 1")
        disk.retire()
        disk.again()
    with pytest.raises(Damaged):
        disk.reader.read("b", 0, 10, 100)


@pytest.mark.parametrize("offset", [0, 2**40, 2**62])
def test_a_damaged_cursor_lets_nothing_go_that_its_reader_may_not_have_read(disk, offset):
    disk.talk("a")
    disk.write(cursors=[("audit", 5)])
    disk.change(f"UPDATE cursors SET offset = {offset}")
    disk.hours(1)
    assert disk.left() == {"a": 10}
    disk.write(cursors=[("audit", disk.writer.offset)])
    disk.retire()
    assert disk.left() == {}


def test_a_damaged_cursor_that_nobody_asks_for_holds_nothing_back_for_ever(disk):
    disk.talk("a")
    disk.write(cursors=[("old", 5)])
    disk.change("UPDATE cursors SET at_ms = 9223372036854775807")
    disk.hours(1)
    assert disk.left() == {}


def test_a_page_that_ends_by_its_bytes_shows_what_is_sound_before_the_damage(disk):
    disk.talk("a")
    content = len(b'{"text":"hello"}')
    disk.change("UPDATE events SET payload = x'7b7d' WHERE session = 1 AND seq = 4")
    assert [row.seq for row in disk.reader.read("a", 0, 100, 100, 2 * content).rows] == [1, 2]
    assert [row.seq for row in disk.reader.read("a", 0, 100, 100, 3 * content).rows] == [1, 2, 3]
    for bytes_max in (3 * content + 1, 1000, None):
        with pytest.raises(Damaged):
            disk.reader.read("a", 0, 100, 100, bytes_max)
    with pytest.raises(Damaged):
        disk.reader.read("a", 3, 100, 100, 1)
    assert [row.seq for row in disk.reader.read("a", 4, 100, 100, 1).rows] == [5]
    assert disk.reader.damaged_rows == 1
