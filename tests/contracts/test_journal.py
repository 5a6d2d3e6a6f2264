"""What every journal must do. A new one joins the list and sits the same examination."""

from __future__ import annotations

import asyncio

import pytest

from daemon.journal.memory import MemoryJournal
from daemon.journal.sqlite import SqliteJournal
from daemon.model.ports import Commit, SessionRecord


class Inline:
    """The journal on disk without its thread: the same writer, the same reader, committing before it returns."""

    def __init__(self, directory):
        self.journal = SqliteJournal(directory, asyncio.new_event_loop(), failed=lambda error: pytest.fail(str(error)))
        self.journal._run = lambda connection: None
        self.journal.start()

    def __getattr__(self, name):
        return getattr(self.journal, name)

    def commit(self, commit, done):
        self.journal._acknowledged = self.journal._writer.write([commit])
        done()

    def close(self):
        self.journal._writer._connection.close()
        self.journal._reader.close()
        self.journal._lock.release()
        self.journal._loop.close()


@pytest.fixture(params=["memory", "sqlite"])
def new_journal(request, tmp_path):
    opened = []

    def build(**bounds):
        if request.param == "memory":
            return MemoryJournal(**bounds)
        if bounds:
            pytest.skip("bounds of memory; the disk has retention")
        opened.append(Inline(tmp_path))
        return opened[-1]

    yield build
    for journal in opened:
        journal.close()


def record(session_id, **more):
    figures = {"name": session_id, "token": f"token-{session_id}", "email": "", "attributes": {}, "metadata": {}}
    return SessionRecord(session_id, **{**figures, "opened_ms": 1000, "ends_ms": 2000, **more})


def row(session_id, seq, kind="message"):
    return session_id, seq, kind, f'{{"seq":{seq},"kind":"{kind}"}}'.encode(), "", b""


def commit(journal, *rows):
    done = []
    known = journal.__dict__.setdefault("known", set())
    opened = sorted({row[0] for row in rows} - known)
    known.update(opened)
    journal.commit(Commit([record(one) for one in opened], list(rows)), lambda: done.append(True))
    assert done == [True]


def seqs(replay):
    return [row[1] for row in replay.rows]


def test_what_is_committed_is_read_back_in_order_and_by_session(new_journal):
    journal = new_journal()
    commit(journal, row("a", 1), row("b", 1), row("a", 2))
    commit(journal, row("a", 3))
    assert seqs(journal.read("a", 0, 100)) == [1, 2, 3]
    assert [one[:4] for one in journal.read("a", 2, 100).rows] == [row("a", 3)[:4]]
    assert seqs(journal.read("b", 0, 100)) == [1]


def test_reading_is_by_pages(new_journal):
    journal = new_journal()
    commit(journal, *(row("a", n) for n in range(1, 11)))
    assert seqs(journal.read("a", 0, 4)) == [1, 2, 3, 4]
    assert seqs(journal.read("a", 4, 4)) == [5, 6, 7, 8]
    assert seqs(journal.read("a", 10, 4)) == []
    assert seqs(journal.read("a", 99, 4)) == []


def test_an_unknown_session_is_empty(new_journal):
    replay = new_journal().read("nobody", 0, 10)
    assert seqs(replay) == [] and replay.first_kept_seq == 1


def test_the_oldest_go_when_a_session_is_full_and_the_reader_can_tell(new_journal):
    journal = new_journal(events_per_session_max=5)
    commit(journal, *(row("a", n) for n in range(1, 9)))
    replay = journal.read("a", 0, 100)
    assert seqs(replay) == [4, 5, 6, 7, 8] and replay.first_kept_seq == 4


def test_there_is_a_bound_over_all_sessions(new_journal):
    journal = new_journal(events_per_session_max=5000, events_max=2000)
    for n in range(1, 4001):
        commit(journal, row("long", n), *([row("short", n)] if n <= 100 else []))
    assert len(journal) <= 2001
    assert seqs(journal.read("short", 0, 200)), "the longest gives way first"


def test_a_session_that_is_over_is_forgotten(new_journal):
    journal = new_journal(events_max=100)
    commit(journal, row("a", 1))
    journal.forget("a")
    assert seqs(journal.read("a", 0, 10)) == [] and len(journal) == 0
    journal.forget("a")


def test_a_hole_in_seq_is_our_bug_and_says_so(new_journal):
    journal = new_journal(events_max=100)
    commit(journal, row("a", 1))
    with pytest.raises(AssertionError, match="seq 3 after 1"):
        commit(journal, row("a", 3))
