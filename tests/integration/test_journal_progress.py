"""Every read of a damaged journal comes to an end: with what is sound, or with an error."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from guestd.journal import database
from guestd.journal.reader import Reader
from guestd.journal.writer import Writer
from guestd.model.errors import Damaged
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM

pytestmark = pytest.mark.timeout(30)

AT_MS = 1_800_000_000_000


def fill(folder) -> None:
    with closing(database.open_for_writing(folder)) as connection:
        writer = Writer(connection, lambda: AT_MS)
        for n, name in enumerate("ab"):
            rows = [EventRow(name, 1, "session", b'{"state":"live","read_only":false}', "", b"")]
            rows += [
                EventRow(name, seq, "message", b'{"text":"hello"}', f"m{seq}", b"")
                for seq in range(2, 9)
            ]
            record = SessionRecord(name, name, "t", "a@example.org", {}, {}, 0, 0)
            writer.write([Commit(opened=[record], rows=rows, at_ms=AT_MS + n)])
        writer.write([Commit(cursors=[("audit", 4)])])


def change(folder, *statements) -> None:
    with closing(sqlite3.connect(folder / database.NAME, isolation_level=None)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount == 1


class Opened:
    def __init__(self, folder) -> None:
        self.writer = Writer(database.open_for_writing(folder), lambda: AT_MS)
        self.reader = Reader(database.open_for_reading(folder))

    def read_to_the_end(self, kinds) -> list[int]:
        """All offsets, as the audit reads on: each page begins after the one before."""
        offsets, after = [], 0
        while page := self.reader.read_on(after, 5, self.writer.offset, kinds):
            offsets += [one.offset for one in page]
            assert offsets == sorted(set(offsets)), "each read makes progress"
            after = offsets[-1]
        return offsets

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


@pytest.fixture
def opened(tmp_path):
    found = []

    def build() -> Opened:
        found.append(Opened(tmp_path))
        return found[-1]

    yield build
    for one in found:
        one.close()


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE cursors SET offset = {2**60}",
        f"UPDATE retired SET up_to = {2**60}",
        f"UPDATE events SET id = {2**60} WHERE id = 16",
        f"UPDATE events SET id = {2**63 - 1} WHERE id = 16",
        f"UPDATE events SET id = {2**50} WHERE id = 16",
        f"UPDATE events SET id = {2**50} WHERE id = 12",
        "UPDATE events SET id = -5 WHERE id = 12",
    ],
)
@pytest.mark.parametrize("kinds", [(), ("fact",), ("message", "session")])
def test_an_offset_that_was_damaged_is_not_counted_up_to(opened, tmp_path, damage, kinds):
    fill(tmp_path)
    change(tmp_path, damage)
    journal = opened()
    assert len(journal.read_to_the_end(kinds)) <= 17
    for seq in range(1, 4):  # and there is room for what comes
        offset = journal.writer.write(
            [Commit(rows=[EventRow(OWN_STREAM, seq, "fact", b"{}", "", b"")], at_ms=AT_MS)]
        )
        assert offset < 2**53
    assert journal.read_to_the_end(kinds)[-1] == offset


@pytest.mark.parametrize(
    "damage",
    [
        ("UPDATE sessions SET first_seq = 0 WHERE session_id = 'b'",),
        ("UPDATE sessions SET first_seq = -7 WHERE session_id = 'b'",),
        ("UPDATE sessions SET first_seq = 9 WHERE session_id = 'b'",),
        ("UPDATE heads SET seq = -3 WHERE session = 2",),
        ("UPDATE heads SET seq = 9223372036854775807 WHERE session = 2",),
        ("UPDATE heads SET id = 16, seq = 0 WHERE session = 2",),
        ("UPDATE events SET prev = id, jump = id WHERE id = 14",),
        ("UPDATE events SET prev = 16, jump = 16 WHERE id = 14",),
        ("UPDATE events SET seq = -1 WHERE id = 14",),
        ("UPDATE events SET seq = 0, prev = 14, jump = 14 WHERE id = 14",),
    ],
)
def test_damage_that_was_there_before_rows_had_checksums_ends_no_read(opened, tmp_path, damage):
    """The migration gives such rows checksums of their own: what contradicts itself must be found
    all the same."""
    fill(tmp_path)
    change(tmp_path, *damage)
    with closing(sqlite3.connect(tmp_path / database.NAME, isolation_level=None)) as connection:
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall():
            if table == "damaged":
                connection.execute("DROP TABLE damaged")
            else:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        connection.execute("PRAGMA user_version = 2")
    journal = opened()
    assert [
        one.record.session_id for one in journal.reader.recover() if one.record.session_id != "b"
    ] == ["a"]
    for ask in (
        lambda: journal.reader.read("b", 0, 100, 100),
        lambda: journal.reader.identities("b", 100),
        lambda: journal.reader.last_seq("b"),
    ):
        try:
            ask()
        except Damaged:
            continue
    with pytest.raises(Damaged):
        journal.reader.read("b", 0, 100, 100)
    assert journal.read_to_the_end(()) == list(range(1, 17))


def test_a_damaged_event_has_the_time_of_its_neighbor_each_time_it_is_read(opened, tmp_path):
    fill(tmp_path)
    change(
        tmp_path,
        "UPDATE events SET at_ms = 5 WHERE id = 12",
        "UPDATE events SET at_ms = 5 WHERE id = 1",
        "UPDATE events SET at_ms = 5 WHERE id = 13",
    )
    journal = opened()
    for _ in range(2):
        found = {
            one.offset: (one.at_ms, one.row.kind) for one in journal.reader.read_on(0, 100, 16)
        }
        assert found[12] == found[13] == (AT_MS + 1, "damaged")
        assert found[1] == (AT_MS, "damaged")
