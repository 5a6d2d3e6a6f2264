"""What watchers of the whole fleet are given: coalesced, paced, resumable; and nothing without
them."""

from __future__ import annotations

import asyncio

import pytest

from guestd.api import changes
from guestd.api.changes import ChangeFeed, ChangeLog, pause_s
from guestd.model.errors import CommandError
from guestd.model.overview import SessionLine


class Sessions:
    """An Overview of sessions that a test changes."""

    def __init__(self, count=5):
        self.seqs = {f"s{n}": 0 for n in range(count)}
        self.observer = None

    def counts(self):
        return {"live": len(self.seqs)}

    def lines(self):
        return [self.line(one) for one in self.seqs]

    def line(self, session_id):
        seq = self.seqs.get(session_id)
        return None if seq is None else SessionLine(session_id, session_id, "live", seq, 7)

    def observe(self, observer):
        self.observer = observer

    def change(self, *session_ids):
        for session_id in session_ids:
            self.seqs[session_id] += 1
        if self.observer is not None:
            self.observer.changed(session_ids)

    def end(self, session_id):
        del self.seqs[session_id]
        if self.observer is not None:
            self.observer.gone(session_id)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(changes, "PAUSE_S", 0.0)
    monkeypatch.setattr(changes, "LAG_WEIGHT", 0.0)


@pytest.fixture
def sessions(quick):
    return Sessions()


@pytest.fixture
async def feed(sessions):
    feed = ChangeFeed(lambda: sessions, lambda: 1_700_000_000_000, "life")
    yield feed
    feed.close()


def rows(batch):
    return {row[0]: row[2] for row in batch.shown()["changed"]}


class TestPace:
    def test_four_batches_a_second_and_fewer_when_the_loop_lags(self):
        assert pause_s(0.0) == 0.25 and pause_s(-1.0) == 0.25
        assert pause_s(0.05) == pytest.approx(1.25)
        assert pause_s(10.0) == 5.0


class TestLog:
    def test_many_changes_of_one_are_one_and_the_newest(self):
        log = ChangeLog()
        log.changed(["a", "b", "a", "a"])
        assert log.after(0) == (4, ["b", "a"], [])
        assert log.after(2) == (4, ["a"], [])
        assert log.after(4) == (4, [], [])

    def test_one_that_is_gone_has_not_changed(self):
        log = ChangeLog()
        log.changed(["a", "b"])
        log.gone("a")
        assert log.after(0) == (3, ["b"], ["a"])

    def test_a_batch_is_bounded_and_the_rest_follows_in_order(self, monkeypatch):
        monkeypatch.setattr(changes, "ROWS_MAX", 3)
        log = ChangeLog()
        log.changed(["a", "b", "c", "d"])
        log.gone("a")
        end, changed, gone = log.after(0)
        assert (end, changed, gone) == (4, ["b", "c", "d"], [])
        assert log.after(end) == (5, [], ["a"])

    def test_what_it_keeps_is_bounded(self, monkeypatch):
        monkeypatch.setattr(changes, "GONE_MAX", 2)
        log = ChangeLog()
        for one in "abcd":
            log.changed([one])
            log.gone(one)
        assert log.after(0)[2] == ["c", "d"] and log.since == 4 and not log._changed


class TestFeed:
    async def test_without_a_watcher_the_fleet_is_told_to_note_nothing(self, feed, sessions):
        assert sessions.observer is None
        watcher = feed.subscribe()
        assert sessions.observer is feed
        watcher.close()
        assert sessions.observer is feed, "it may come back"
        feed._linger_over()
        assert sessions.observer is None

    async def test_the_first_batch_comes_at_once_and_says_that_nothing_is_known(self, feed):
        batch = await feed.subscribe().next()
        assert batch.reset and batch.counts == {"live": 5} and not batch.lines

    async def test_changes_between_two_batches_are_one_row(self, feed, sessions):
        watcher = feed.subscribe()
        await watcher.next()
        for _ in range(100):
            sessions.change("s1", "s2")
        sessions.change("s1")
        batch = await watcher.next()
        assert rows(batch) == {"s1": 101, "s2": 100} and not batch.reset

    async def test_no_batch_comes_before_the_pause_is_over(self, feed, sessions):
        watcher = feed.subscribe()
        await watcher.next()
        waiting = asyncio.ensure_future(watcher.next())
        feed._not_before = asyncio.get_running_loop().time() + 3600
        sessions.change("s1")
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done() and feed._timer.when() >= feed._not_before
        feed._timer.cancel()
        feed._tick()
        assert rows(await waiting) == {"s1": 1}

    async def test_watchers_that_are_up_to_date_share_one_batch(self, feed, sessions):
        watchers = [feed.subscribe() for _ in range(3)]
        for watcher in watchers:
            await watcher.next()
        sessions.change("s1")
        first, *others = [await watcher.next() for watcher in watchers]
        assert all(one is first for one in others) and first.data is others[0].data

    async def test_who_reads_slowly_gets_fewer_and_larger_batches(self, feed, sessions):
        quick, slow = feed.subscribe(), feed.subscribe()
        await quick.next()
        await slow.next()
        for _ in range(3):
            sessions.change("s1", "s2")
            await quick.next()
        sessions.end("s2")
        await quick.next()
        batch = await slow.next()
        assert rows(batch) == {"s1": 3} and batch.gone == ["s2"]

    async def test_a_large_change_comes_in_several_batches(self, feed, sessions, monkeypatch):
        monkeypatch.setattr(changes, "ROWS_MAX", 2)
        watcher = feed.subscribe()
        await watcher.next()
        sessions.change("s0", "s1", "s2", "s3", "s4")
        assert [sorted(rows(await watcher.next())) for _ in range(3)] == [
            ["s0", "s1"],
            ["s2", "s3"],
            ["s4"],
        ]

    async def test_who_comes_back_is_given_what_it_missed(self, feed, sessions):
        watcher = feed.subscribe()
        batch = await watcher.next()
        watcher.close()
        assert await watcher.next() is None
        sessions.change("s3")
        sessions.end("s4")
        missed = await feed.subscribe(feed.cursor_of(batch)).next()
        assert rows(missed) == {"s3": 1} and missed.gone == ["s4"] and not missed.reset

    async def test_who_was_away_too_long_or_is_of_another_life_loads_anew(self, feed, sessions):
        watcher = feed.subscribe()
        cursor = feed.cursor_of(await watcher.next())
        watcher.close()
        feed._linger_over()
        sessions.change("s3")
        for one in (cursor, "other-0", "life-99"):
            assert (await feed.subscribe(one).next()).reset

    @pytest.mark.parametrize("cursor", ["x", "life-", "-1", "life-1.5", "life-" + "1" * 40, "é-1"])
    async def test_what_is_no_cursor_is_refused(self, feed, cursor):
        with pytest.raises(CommandError):
            feed.subscribe(cursor)

    async def test_a_daemon_that_stops_ends_all_watchers(self, feed, sessions):
        watcher = feed.subscribe()
        await watcher.next()
        waiting = asyncio.ensure_future(watcher.next())
        await asyncio.sleep(0)
        feed.close()
        assert await waiting is None and sessions.observer is None
