"""What every journal must do. A new one joins the list and sits the same examination."""

from __future__ import annotations

import asyncio

import pytest

from guestd.journal.memory import MemoryJournal
from guestd.journal.sqlite import SqliteJournal
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord
from tests.reading import at_once


class Inline(SqliteJournal):
    """The journal on disk without its thread: the same writer, the same reader, committing before
    it returns."""

    def __init__(self, directory):
        super().__init__(
            directory, asyncio.new_event_loop(), failed=lambda error: pytest.fail(str(error))
        )
        self.start()

    def _run(self):
        """Nothing waits for work."""

    def _start_reading(self, reader):
        self._reader = reader

    async def _ask(self, question):
        return question(self._reader)

    def commit(self, commit, done):
        self._written([(commit, done)], self._writer.write([commit]), False)

    def close(self):
        self._reader.close()
        self._writer.close()
        self._lock.release()
        self._loop.close()


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
    figures = {
        "name": session_id,
        "token": f"token-{session_id}",
        "email": "",
        "attributes": {},
        "metadata": {},
    }
    return SessionRecord(session_id, **{**figures, "opened_ms": 1000, "ends_ms": 2000, **more})


def row(session_id, seq, kind="message"):
    payload = f'{{"seq":{seq},"kind":"{kind}"}}'.encode()
    return EventRow(session_id, seq, kind, payload, "", b"")


def commit(journal, *rows):
    done = []
    known = journal.__dict__.setdefault("known", set())
    opened = sorted({row.session_id for row in rows} - known)
    known.update(opened)
    journal.commit(Commit([record(one) for one in opened], list(rows)), lambda: done.append(True))
    assert done == [True]


async def accepted_seq(journal, session_id, command_id):
    found = await journal.command(session_id, command_id)
    return found.accepted.seq if found is not None and found.accepted is not None else 0


def seqs(replay):
    return [row.seq for row in replay.rows]


async def test_what_is_committed_is_read_back_in_order_and_by_session(new_journal):
    journal = new_journal()
    commit(journal, row("a", 1), row("b", 1), row("a", 2))
    commit(journal, row("a", 3))
    assert seqs(await journal.read("a", 0, 100)) == [1, 2, 3]
    assert [one[:4] for one in (await journal.read("a", 2, 100)).rows] == [row("a", 3)[:4]]
    assert seqs(await journal.read("b", 0, 100)) == [1]


async def test_reading_is_by_pages(new_journal):
    journal = new_journal()
    commit(journal, *(row("a", n) for n in range(1, 11)))
    assert seqs(await journal.read("a", 0, 4)) == [1, 2, 3, 4]
    assert seqs(await journal.read("a", 4, 4)) == [5, 6, 7, 8]
    assert seqs(await journal.read("a", 10, 4)) == []
    assert seqs(await journal.read("a", 99, 4)) == []


async def test_an_unknown_session_is_empty(new_journal):
    replay = await new_journal().read("nobody", 0, 10)
    assert seqs(replay) == [] and replay.first_kept_seq == 1


async def test_the_oldest_go_when_a_session_is_full_and_the_reader_can_tell(new_journal):
    journal = new_journal(events_per_session_max=5)
    commit(journal, *(row("a", n) for n in range(1, 9)))
    replay = await journal.read("a", 0, 100)
    assert seqs(replay) == [4, 5, 6, 7, 8] and replay.first_kept_seq == 4


async def test_there_is_a_bound_over_all_sessions(new_journal):
    journal = new_journal(events_per_session_max=5000, events_max=2000)
    for n in range(1, 4001):
        commit(journal, row("long", n), *([row("short", n)] if n <= 100 else []))
    assert len(journal) <= 2001
    assert seqs(await journal.read("short", 0, 200)), "the longest gives way first"


async def test_the_bound_over_all_sessions_holds_for_a_large_commit(new_journal):
    """More than is dropped at once; and a commit of sessions with one event each is kept."""
    journal = new_journal(events_per_session_max=5000, events_max=100)
    commit(journal, *(row("long", n) for n in range(1, 4001)))
    assert len(journal) <= 100
    commit(journal, *(row(f"s{n}", 1) for n in range(200)))
    assert len(journal) <= 201


async def test_sessions_that_are_over_are_listed_the_last_first_while_they_are_kept(new_journal):
    journal = new_journal()
    journal.commit(Commit(opened=[record("a"), record("b"), record("c")]), lambda: None)
    journal.commit(Commit(rows=[row("a", 1), row("a", 2)]), lambda: None)
    for session_id in ("a", "b"):
        journal.commit(Commit(over=[session_id]), lambda: None)
    found = [(one.session_id, one.seq) for one in await journal.ended(10)]
    if isinstance(journal, MemoryJournal):
        assert found == [], "it forgets them"
        return
    assert found == [("b", 0), ("a", 2)]
    assert [one.session_id for one in await journal.ended(1)] == ["b"]
    assert all(one.ended_ms > 0 and one.opened_ms == 1000 for one in await journal.ended(10))


async def test_a_session_that_is_over_is_forgotten(new_journal):
    journal = new_journal(events_max=100)
    commit(journal, row("a", 1))
    journal.forget("a")
    assert seqs(await journal.read("a", 0, 10)) == [] and len(journal) == 0
    journal.forget("a")


def test_a_hole_in_seq_is_our_bug_and_says_so(new_journal):
    journal = new_journal(events_max=100)
    commit(journal, row("a", 1))
    with pytest.raises(AssertionError, match="seq 3 after 1"):
        commit(journal, row("a", 3))


# ---------------------------------------------------------------------- the daemon's own stream


def fact(seq):
    return row(OWN_STREAM, seq, "fact")


def give(journal, **parts):
    done = []
    journal.commit(Commit(**parts), lambda: done.append(True))
    assert done == [True]


async def test_the_own_stream_is_a_stream_and_no_guest_session(new_journal):
    journal = new_journal()
    give(journal, rows=[fact(1)])
    give(journal, opened=[record("a")], rows=[row("a", 1), fact(2)])
    assert seqs(await journal.read(OWN_STREAM, 0, 10)) == [1, 2] and seqs(
        await journal.read("a", 0, 10)
    ) == [1]
    assert OWN_STREAM not in [one.record.session_id for one in (await journal.recover())]


async def test_the_guests_names_are_known_for_a_while_after_the_end(new_journal):
    journal = new_journal()
    for session_id, name in (("a", "ana"), ("b", "ben")):
        opened = [record(session_id, name=name)]
        journal.commit(Commit(opened, [row(session_id, 1)]), lambda: None)
    journal.forget("a")
    assert await journal.guest_names(["a", "b", "nowhere"]) == {"a": "ana", "b": "ben"}
    assert await journal.guest_names([]) == {}


async def test_the_last_seq_of_a_stream(new_journal):
    journal = new_journal()
    assert ((await journal.last_seq(OWN_STREAM)), (await journal.last_seq("a"))) == (0, 0)
    give(
        journal,
        opened=[record("a")],
        rows=[fact(1), row("a", 1), fact(2), row("a", 2), row("a", 3)],
    )
    assert (
        (await journal.last_seq(OWN_STREAM)),
        (await journal.last_seq("a")),
        (await journal.last_seq("b")),
    ) == (2, 3, 0)


# ---------------------------------------------------------------------- readers of all streams


async def read_all(journal, after, limit=100):
    return [(one.row.session_id, one.row.seq) for one in (await journal.read_on(after, limit))]


async def test_a_reader_of_all_streams_sees_one_order_with_times(new_journal):
    journal = new_journal()
    start = journal.cursor("audit")
    give(journal, opened=[record("a"), record("b")], rows=[row("b", 1), row("a", 1)], at_ms=1111)
    give(journal, rows=[fact(1), row("b", 2)], at_ms=2222)
    kept = await journal.read_on(start, 100)
    assert [(one.row.session_id, one.row.seq, one.at_ms) for one in kept] == [
        ("b", 1, 1111),
        ("a", 1, 1111),
        ("", 1, 2222),
        ("b", 2, 2222),
    ]
    assert [one.offset for one in kept] == list(range(start + 1, start + 5))
    assert kept[2].row[2:4] == fact(1)[2:4]
    assert await read_all(journal, start + 1, 2) == [("a", 1), ("", 1)]
    assert await read_all(journal, start + 4) == [] and await read_all(journal, start + 99) == []


async def test_a_reader_of_some_kinds_is_spared_the_rest_and_knows_how_far_it_has_come(
    new_journal, monkeypatch
):
    monkeypatch.setattr("guestd.journal.reader.SCAN", 7)
    journal = new_journal()
    start = position = journal.cursor("audit")
    give(journal, opened=[record("a")], rows=[row("a", n) for n in range(1, 31)])
    give(journal, rows=[fact(1), *(row("a", n) for n in range(31, 41)), fact(2), row("a", 41)])
    wanted, looks = [], 0
    while page := (await journal.read_on(position, 2, ("fact",))):
        assert position < page[-1].offset and len(page) <= 2
        wanted += [one.row.seq for one in page if one.row.kind == "fact"]
        position, looks = page[-1].offset, looks + 1
    assert wanted == [1, 2] and position == start + 43 and looks < 10
    assert not (await journal.read_on(position, 2, ("fact",)))


async def test_a_new_reader_is_not_told_of_old_stories(new_journal):
    journal = new_journal()
    give(journal, opened=[record("a")], rows=[row("a", 1), row("a", 2)])
    start = journal.cursor("webhooks")
    assert await read_all(journal, start) == []
    give(journal, rows=[row("a", 3)])
    assert journal.cursor("webhooks") == start, "it has begun where it first asked"
    assert await read_all(journal, start) == [("a", 3)]


async def test_a_cursor_moves_with_what_is_committed_beside_it(new_journal):
    journal = new_journal()
    start = journal.cursor("audit")
    give(journal, rows=[fact(1), fact(2), fact(3)])
    give(journal, cursors=[("audit", start + 2)])
    assert journal.cursor("audit") == start + 2
    assert await read_all(journal, journal.cursor("audit")) == [("", 3)]
    assert journal.cursor("webhooks") == start + 3, "each reader has his own"


def test_who_asked_is_told_after_each_commit_when_what_it_holds_can_be_read(new_journal):
    journal = new_journal()
    start, seen, order = journal.cursor("audit"), [], []
    journal.on_durable(lambda: seen.append(at_once(read_all(journal, start))))
    journal.on_durable(lambda: order.append("told"))
    journal.commit(Commit(rows=[fact(1)]), lambda: order.append("done"))
    give(journal, rows=[fact(2)])
    assert seen == [[("", 1)], [("", 1), ("", 2)]]
    assert order == ["done", "told", "told"]


# ---------------------------------------------------------------------- operations and deliveries


async def test_of_an_operation_the_latest_state_counts_and_those_over_are_not_listed(new_journal):
    journal = new_journal()
    assert (await journal.operation("x")) is None and list(await journal.operations()) == []
    first, second, third = (
        OperationRecord(one, "injection", b'{"step":1}') for one in ("z", "y", "x")
    )
    give(journal, operations=[first])
    give(journal, operations=[second, third])
    assert list(await journal.operations()) == [first, second, third], "oldest first"
    further = OperationRecord("z", "injection", b'{"step":2}')
    over = OperationRecord("y", "injection", b'{"step":3}', over=True)
    give(journal, operations=[further, over])
    assert list(await journal.operations()) == [further, third]
    assert ((await journal.operation("z")), (await journal.operation("y"))) == (
        further,
        over,
    ), "what is over is still known"


def delivery(n, **more):
    figures = {
        "target": "crm",
        "lane": "conversation",
        "event": "message.received",
        "body": b'{"n":1}',
    }
    return DeliveryRecord(f"d{n}", **{**figures, "created_ms": 5, "due_ms": 6, **more})


def ids(deliveries):
    return [one.delivery_id for one in deliveries]


async def test_deliveries_are_given_by_status_in_the_order_of_their_making_and_by_pages(
    new_journal,
):
    journal = new_journal()
    give(journal, deliveries=[delivery(n) for n in (9, 3, 7, 1)])
    assert list(await journal.deliveries("waiting")) == [delivery(n) for n in (9, 3, 7, 1)]
    again = delivery(3, attempts=2, due_ms=99, reason="503")
    give(journal, deliveries=[again, delivery(7, status="delivered"), delivery(5)])
    assert list(await journal.deliveries("waiting")) == [
        delivery(9),
        again,
        delivery(1),
        delivery(5),
    ], "an attempt moves none"
    assert ids(await journal.deliveries("waiting", limit=2)) == ["d9", "d3"]
    assert ids(await journal.deliveries("waiting", "d3", 2)) == ["d1", "d5"]
    assert ids(await journal.deliveries("waiting", "d7", 2)) == [
        "d1",
        "d5",
    ], "after one that is no longer among them"
    assert ids(await journal.deliveries("waiting", "d5")) == []
    assert (
        ids(await journal.deliveries("delivered")) == ["d7"]
        and ids(await journal.deliveries("dead")) == []
    )


async def test_a_delivery_is_found_by_its_id(new_journal):
    journal = new_journal()
    dead = delivery(1, status="dead", attempts=8, reason="gone")
    give(journal, deliveries=[dead, delivery(2)])
    assert (await journal.delivery("d1")) == dead and (await journal.delivery("d2")) == delivery(2)
    assert (await journal.delivery("d3")) is None


async def test_deliveries_are_given_by_target(new_journal):
    journal = new_journal()
    url = "https://example.org/hook"
    targets = ["crm", url, "other", "crm", "gone"]
    give(journal, deliveries=[delivery(n, target=one) for n, one in enumerate(targets)])
    assert ids(await journal.deliveries("waiting", target="crm")) == ["d0", "d3"]
    assert ids(await journal.deliveries("waiting", "d0", target="crm")) == ["d3"]
    assert ids(await journal.deliveries("waiting", limit=1, target="crm")) == ["d0"]
    configured = ("crm", "other")
    assert ids(await journal.deliveries("waiting", other_than=configured)) == ["d1", "d4"]
    assert ids(await journal.deliveries("waiting", "d1", other_than=configured)) == ["d4"]
    assert ids(await journal.deliveries("dead", target="crm")) == []


async def test_a_dead_delivery_waits_again_when_it_is_replayed(new_journal):
    journal = new_journal()
    give(journal, deliveries=[delivery(1, status="dead", attempts=8, reason="gone"), delivery(2)])
    assert ids(await journal.deliveries("dead")) == ["d1"]
    give(journal, deliveries=[delivery(1)])
    assert ids(await journal.deliveries("dead")) == [] and ids(
        await journal.deliveries("waiting")
    ) == [
        "d1",
        "d2",
    ]


async def test_everything_of_a_commit_comes_together(new_journal):
    journal = new_journal()
    start = journal.cursor("webhooks")
    give(
        journal,
        rows=[fact(1)],
        operations=[OperationRecord("x", "prompt", b"{}")],
        deliveries=[delivery(1)],
        cursors=[("webhooks", start + 1)],
    )
    assert (await journal.last_seq(OWN_STREAM)) == 1 and (await journal.operation("x")) is not None
    assert (
        ids(await journal.deliveries("waiting")) == ["d1"]
        and journal.cursor("webhooks") == start + 1
    )


async def test_it_knows_when_a_command_was_accepted(new_journal):
    journal = new_journal()
    accepted = EventRow(
        "a",
        1,
        "accepted",
        b'{"seq":1,"kind":"accepted","command_id":"c1"}',
        "c1",
        b'{"action":"send"}',
    )
    delivered = EventRow(
        "a", 2, "delivery", b'{"seq":2,"kind":"delivery","command_id":"c2"}', "c2", b""
    )
    journal.commit(
        Commit(opened=[record("a"), record("b")], rows=[accepted, delivered]), lambda: None
    )
    assert await accepted_seq(journal, "a", "c1") == 1
    assert [
        await accepted_seq(journal, *one) for one in (("a", "c2"), ("b", "c1"), ("nobody", "c1"))
    ] == [
        0,
        0,
        0,
    ]


async def test_a_command_is_found_with_what_became_of_it(new_journal):
    journal = new_journal()
    rows = [
        EventRow("a", 1, "accepted", b'{"seq":1}', "c1", b'{"action":"send"}'),
        EventRow("a", 2, "message", b'{"seq":2}', "m1", b""),
        EventRow("a", 3, "delivery", b'{"seq":3}', "c1", b""),
        EventRow("a", 4, "accepted", b'{"seq":4}', "c2", b""),
    ]
    journal.commit(Commit(opened=[record("a"), record("b")], rows=rows), lambda: None)
    found = await journal.command("a", "c1")
    assert (found.accepted, found.outcome) == (rows[0], rows[2])
    found = await journal.command("a", "c2")
    assert (found.accepted, found.outcome) == (rows[3], None)
    for session_id, command_id in (("a", "c3"), ("a", "m1"), ("b", "c1"), ("nobody", "c1")):
        assert (await journal.command(session_id, command_id)) is None


async def test_what_is_not_kept_any_more_is_not_known_to_be_accepted_either(new_journal):
    journal = new_journal(events_per_session_max=2)
    for seq in range(1, 5):
        row = EventRow("a", seq, "accepted", b"{}", f"c{seq}", b"")
        journal.commit(Commit(rows=[row]), lambda: None)
    assert [await accepted_seq(journal, "a", f"c{seq}") for seq in range(1, 5)] == [0, 0, 3, 4]
    journal.forget("a")
    assert await accepted_seq(journal, "a", "c4") == 0


def test_a_journal_where_nothing_waits_has_no_oldest_wait(new_journal):
    journal = new_journal()
    assert journal.oldest_wait_s() == 0.0


@pytest.mark.parametrize("time", ["2027-05-31T09:15:02.417Z", ""])
async def test_a_message_that_was_shown_is_known_by_its_identity_and_time(new_journal, time):
    journal = new_journal()
    payload = f'{{"seq":1,"id":"m1","time":"{time}","kind":"message"}}'.encode()
    rows = [EventRow("a", 1, "message", payload, "m1", b"")]
    journal.commit(Commit(opened=[record("a"), record("b")], rows=rows), lambda: None)
    assert await journal.was_shown("a", "m1", time)
    assert not (await journal.was_shown("a", "m2", time))
    assert not (await journal.was_shown("b", "m1", time))
    assert not (await journal.was_shown("nobody", "m1", time))
