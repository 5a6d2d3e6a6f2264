"""Streams without an index: thousands of events found by what they name, across restarts, failures
and retention."""

from __future__ import annotations

from random import Random

import pytest

from guestd.journal import check, database
from guestd.journal.reader import Reader
from guestd.journal.retention import DELETE_MAX, Retention
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM

EVER = 2**62


class Disk:
    def __init__(self, folder) -> None:
        self.folder = folder
        self.open()

    def open(self) -> None:
        self.connection = database.open_for_writing(self.folder)
        self.writer = Writer(self.connection, lambda: 1000)
        self.reader = Reader(database.open_for_reading(self.folder))

    def close(self) -> None:
        self.reader.close()
        self.connection.close()

    def begin(self, *names) -> None:
        self.writer.write(
            [Commit(opened=[SessionRecord(name, name, "t", "", {}, {}, 0, 0) for name in names])]
        )

    def say(self, *said) -> None:
        self.writer.write(
            [
                Commit(
                    rows=[
                        EventRow(name, seq, "message", b"%d" % seq, "", b"") for name, seq in said
                    ]
                )
            ]
        )

    def seqs(self, name, after, limit, acknowledged=EVER) -> list[int]:
        rows = self.reader.read(name, after, limit, acknowledged).rows
        assert all(row.payload == b"%d" % row.seq and row.session_id == name for row in rows)
        return [row.seq for row in rows]


@pytest.fixture
def disk(tmp_path):
    found = Disk(tmp_path)
    yield found
    database.verify(tmp_path / database.NAME)
    found.close()


def test_streams_that_speak_in_turns_are_read_from_anywhere(disk):
    rng, seqs = Random(1), {name: 0 for name in "abcdefg"}
    disk.begin(*seqs)
    for _ in range(60):
        said = []
        for name in rng.choices("aaaabcdefg", k=40):
            seqs[name] += 1
            said.append((name, seqs[name]))
        disk.say(*said)
        if rng.random() < 0.2:
            disk.close()
            disk.open()
    assert sum(seqs.values()) == 2400
    for name, last in seqs.items():
        assert disk.reader.last_seq(name) == last
        for _ in range(50):
            after, limit = rng.randrange(last + 10), rng.choice([1, 3, 100, 5000])
            assert disk.seqs(name, after, limit) == list(
                range(after + 1, min(last, after + limit) + 1)
            )


def test_what_is_not_acknowledged_is_left_out_however_much_is_asked(disk):
    disk.begin("a")
    disk.say(*(("a", seq) for seq in range(1, 101)))
    assert disk.seqs("a", 0, 1000, acknowledged=40) == list(range(1, 41))
    assert disk.seqs("a", 30, 20, acknowledged=40) == list(range(31, 41))
    assert disk.seqs("a", 50, 20, acknowledged=40) == []


@pytest.mark.parametrize("wrong", [3, 5, 6])
def test_a_seq_that_is_not_the_next_one_is_refused_with_all_that_was_to_be_written(disk, wrong):
    disk.begin("a", "b")
    disk.say(("a", 1), ("a", 2), ("a", 3))
    with pytest.raises(ValueError, match=f"seq {wrong} after"):
        disk.say(("b", 1), ("a", wrong), ("a", 4))
    assert disk.seqs("a", 0, 10) == [1, 2, 3] and disk.seqs("b", 0, 10) == []
    disk.say(("b", 1), ("a", 4))
    assert disk.seqs("a", 0, 10) == [1, 2, 3, 4] and disk.seqs("b", 0, 10) == [1]


def test_a_stream_that_is_half_retired_is_read_from_its_first_kept_event(disk):
    disk.begin("a", "b")
    for start in range(1, 2501, 500):
        disk.say(*((name, seq) for seq in range(start, start + 500) for name in "ab"))
    disk.writer.write([Commit(over=["a"])])
    keep = Retention(over_ms=-1, dead_ms=0)
    assert disk.writer.retire(keep)
    replay = disk.reader.read("a", 0, 100, EVER)
    assert replay.first_kept_seq == DELETE_MAX + 1
    assert [row.seq for row in replay.rows] == list(range(DELETE_MAX + 1, DELETE_MAX + 101))
    assert disk.seqs("a", 2400, 1000) == list(range(2401, 2501))
    database.verify(disk.folder / database.NAME)
    while disk.writer.retire(keep):
        continue
    assert disk.seqs("a", 0, 1) == [] and disk.seqs("b", 0, 5000) == list(range(1, 2501))


def test_facts_go_from_the_oldest_on_and_leave_no_hole_though_the_clock_went_back(disk):
    for seq, at_ms in enumerate([10, 10, 900, 10, 10, 10], 1):
        disk.writer.write(
            [Commit(rows=[EventRow(OWN_STREAM, seq, "fact", b"%d" % seq, "", b"")], at_ms=at_ms)]
        )
    disk.writer.retire(Retention(over_ms=500, dead_ms=0))
    assert disk.seqs(OWN_STREAM, 0, 10) == [3, 4, 5, 6]
    assert disk.reader.read(OWN_STREAM, 0, 10, EVER).first_kept_seq == 3
    disk.close()
    disk.open()
    disk.say((OWN_STREAM, 7))
    assert disk.seqs(OWN_STREAM, 4, 10) == [5, 6, 7]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM events WHERE seq = 7",
        "UPDATE events SET prev = 3 WHERE seq = 9",
        "UPDATE events SET jump = 3 WHERE seq = 12",
        "UPDATE events SET seq = 6 WHERE seq = 5",
        "UPDATE heads SET id = 19",
        "UPDATE heads SET seq = 19",
        "DELETE FROM heads",
        (
            "INSERT INTO events SELECT 99, session, seq, prev, jump, at_ms, time, kind, key,"
            " payload, NULL, 0 FROM events WHERE id = 9"
        ),
    ],
)
def test_a_broken_stream_is_found_by_the_full_check(tmp_path, damage):
    disk = Disk(tmp_path)
    disk.begin("a")
    disk.say(*(("a", seq) for seq in range(1, 21)))
    assert check.full_check(disk.connection) == []
    disk.connection.execute(damage)
    assert any("stream 1" in one for one in check.full_check(disk.connection))
    disk.close()
