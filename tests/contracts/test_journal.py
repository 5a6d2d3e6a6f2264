"""What every journal must do. A new one joins the list and sits the same examination."""

from __future__ import annotations

import pytest

from daemon.journal.memory import MemoryJournal


@pytest.fixture(params=[MemoryJournal])
def new_journal(request):
    return request.param


def row(session_id, seq, kind="message"):
    return session_id, seq, kind, f'{{"seq":{seq},"kind":"{kind}"}}'.encode()


def commit(journal, *rows):
    done = []
    journal.commit(list(rows), lambda: done.append(True))
    assert done == [True]


def seqs(replay):
    return [seq for _, seq, _, _ in replay.rows]


def test_what_is_committed_is_read_back_in_order_and_by_session(new_journal):
    journal = new_journal()
    commit(journal, row("a", 1), row("b", 1), row("a", 2))
    commit(journal, row("a", 3))
    assert seqs(journal.read("a", 0, 100)) == [1, 2, 3]
    assert list(journal.read("a", 2, 100).rows) == [row("a", 3)]
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
    journal = new_journal()
    commit(journal, row("a", 1))
    journal.forget("a")
    assert seqs(journal.read("a", 0, 10)) == [] and len(journal) == 0
    journal.forget("a")


def test_a_hole_in_seq_is_our_bug_and_says_so(new_journal):
    journal = new_journal()
    commit(journal, row("a", 1))
    with pytest.raises(AssertionError, match="seq 3 after 1"):
        commit(journal, row("a", 3))
