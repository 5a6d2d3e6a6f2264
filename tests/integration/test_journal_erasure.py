"""What guests said is in no file of the journal any more when retention has taken it."""

from __future__ import annotations

import re
from contextlib import closing
from random import Random

import orjson
import pytest

from guestd.journal import database
from guestd.journal.retention import Retention
from guestd.journal.writer import ERASE_S, Writer
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord

RETENTION_S = 30
MARK = re.compile(rb"canary-(\d{6})")
#: Of the sessions that went while others of the same pages live: what SQLite moved within a page
#: may stay in its unused part until the page is free. See `docs/operations.md`.
TRACES_MAX = 0.01


class Journal:
    """Guest sessions whose every word, name and attribute bears their number; so do operations and
    webhooks."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.connection = database.open_for_writing(folder)
        self.now_s = 1000
        self.writer = Writer(self.connection, lambda: self.now_s * 1000, lambda: float(self.now_s))
        self.rng = Random(3)
        self.seqs: dict[int, int] = {}
        self.since_s: dict[int, int] = {}
        self.count = self.facts = 0

    def second(self, opened: int = 3) -> None:
        self.now_s += 1
        commit = Commit(at_ms=self.now_s * 1000, operations=[], deliveries=[])
        for _ in range(opened):
            self.open(commit)
        for number in list(self.since_s):
            self.say(commit, number)
            if self.now_s - self.since_s[number] > self.rng.randrange(10, 30):
                del self.since_s[number]
                commit.over.append(f"s{number}")
        self.facts += 1
        fact = orjson.dumps({"seq": self.facts, "kind": "fact", "text": f"canary-{self.count:06d}"})
        commit.rows.append(EventRow(OWN_STREAM, self.facts, "fact", fact, "", b""))
        self.writer.write([commit])
        self.tidy()

    def open(self, commit: Commit) -> None:
        self.count += 1
        mark, number = f"canary-{self.count:06d}", self.count
        commit.opened.append(SessionRecord(f"s{number}", mark, mark, mark, {"k": mark}, {}, 0, 0))
        body = mark.encode() + b" " * self.rng.randrange(3000)
        commit.operations.append(OperationRecord(f"o{number}", "prompt", b'"%s"' % body, over=True))
        commit.deliveries.append(
            DeliveryRecord(f"d{number}", "t", "l", "e", body, status="delivered")
        )
        self.since_s[number], self.seqs[number] = self.now_s, 0

    def say(self, commit: Commit, number: int) -> None:
        for _ in range(self.rng.randrange(3)):
            self.seqs[number] += 1
            text = f"canary-{number:06d}" + "y" * self.rng.choice([10, 300, 300, 2000, 9000])
            content = orjson.dumps(
                {"seq": self.seqs[number], "text": text, "time": "2027-05-31T09:15:02.417Z"}
            )
            key = f"canary-{number:06d}-{self.seqs[number]}"
            commit.rows.append(
                (
                    f"s{number}",
                    self.seqs[number],
                    "message",
                    content,
                    key,
                    b'{"text":"%s"}' % key.encode(),
                )
            )

    def tidy(self) -> None:
        while self.writer.retire(Retention(RETENTION_S * 1000, RETENTION_S * 1000)):
            pass
        self.writer.shrink(in_pause=False)
        self.writer.erase(in_pause=False)
        self.writer.checkpoint_if_large()

    def kept(self) -> set[int]:
        return {
            int(name[1:])
            for (name,) in self.connection.execute("SELECT session_id FROM sessions WHERE id > 0")
        }

    def found(self) -> set[int]:
        """The numbers in all files of the folder, read as bytes."""
        files = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        return {int(number) for data in files for number in MARK.findall(data)}


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path)
    yield found
    found.connection.close()


def test_erasing_does_not_depend_on_how_sqlite_was_built(journal):
    assert journal.connection.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_no_file_holds_a_word_of_what_is_gone(journal):
    for _ in range(60):
        journal.second()
    assert journal.found() >= journal.kept()
    for _ in range(RETENTION_S + 30 + 1):
        journal.second(opened=0)
    for _ in range(int(ERASE_S) + 1):
        journal.second(opened=0)
    assert journal.kept() == set()
    assert journal.found() <= {journal.count}, "the own stream keeps its newest facts"


def test_under_load_hardly_a_trace_is_left_and_none_after_it_is_made_anew(journal):
    for _ in range(200):
        journal.second()
    journal.writer.erase(in_pause=True)
    gone = set(range(1, journal.count + 1)) - journal.kept()
    assert len(gone) > 200
    assert len(journal.found() & gone) <= TRACES_MAX * len(gone)
    database.compact(journal.connection)
    assert not journal.found() & gone


def test_while_somebody_reads_the_log_waits_and_nobody_waits_for_the_reader(journal):
    for _ in range(60):
        journal.second()
    with closing(database.open_for_reading(journal.folder)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        seen = journal.kept() - {journal.count}
        for _ in range(RETENTION_S + 31):
            journal.second(opened=0)
        assert journal.kept() == set() and journal.found() & seen, "the reader may still ask for it"
        reader.execute("ROLLBACK")
    journal.second(opened=0)
    journal.second(opened=0)
    assert not journal.found() & seen
