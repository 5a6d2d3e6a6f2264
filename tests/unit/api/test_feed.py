"""What one client gets: the past page by page, then what comes; over a real journal in memory and a
real hub."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from guestd.api.feed import Feed, FeedBounds, Feeds
from guestd.api.pages import PAGE_BYTES
from guestd.journal.memory import MemoryJournal
from guestd.model.errors import NotFound
from guestd.model.journal import Commit, EventRow
from guestd.observe.metrics import Metrics
from guestd.supervisor.hub import Hub


class Fleet:
    """One guest session, "a", whose events are recorded by hand."""

    def __init__(self, events_max=10_000):
        self.journal = MemoryJournal(events_per_session_max=events_max)
        self.hub = Hub()
        self.seq = 0
        self.reads = []

    def happen(self, count=1, text_bytes=10):
        rows = []
        for _ in range(count):
            self.seq += 1
            data = orjson.dumps({"seq": self.seq, "text": "x" * text_bytes})
            rows.append(EventRow("a", self.seq, "message", data, "", b""))
        self.journal.commit(Commit(rows=rows), lambda: self.hub.publish(rows))

    def end(self):
        self.journal.forget("a")
        self.hub.over("a")

    def watch(self, session_id, watcher):
        self.hub.watch(session_id, watcher)

    def unwatch(self, session_id, watcher):
        self.hub.unwatch(session_id, watcher)

    async def read(self, session_id, after_seq, limit, bytes_max=None):
        if not (await self.journal.last_seq(session_id)):
            raise NotFound("gone")
        replay = await self.journal.read(session_id, after_seq, limit, bytes_max)
        self.reads.append(sum(len(row.payload) for row in replay.rows))
        return replay


@pytest.fixture
def fleet():
    return Fleet()


def feeds_of(fleet, **bounds):
    return Feeds(fleet, Metrics(), FeedBounds(**bounds))


async def taken(feed, count):
    entries = []
    async with asyncio.timeout(30.0):
        while len(entries) < count:
            entries.append(await feed.next())
    return entries


async def test_the_past_and_the_present_meet_without_a_seam(fleet):
    fleet.happen(250)
    feed = Feed(feeds_of(fleet), "a")
    feed.start(0)
    seqs = [one.seq for one in await taken(feed, 120)]
    fleet.happen(7)
    seqs += [one.seq for one in await taken(feed, 137)]
    fleet.happen(3)
    seqs += [one.seq for one in await taken(feed, 3)]
    assert seqs == list(range(1, 261))


async def test_a_page_is_bounded_in_bytes_and_is_read_when_the_one_before_is_gone(fleet):
    fleet.happen(100, text_bytes=5000)
    feeds = feeds_of(fleet)
    feed = Feed(feeds, "a")
    feed.start(0)
    for _ in range(100):
        await feed.next()
        assert feeds.held.total <= PAGE_BYTES + 5100
    assert max(fleet.reads) <= PAGE_BYTES + 5100


async def test_who_does_not_take_the_page_causes_no_other_read(fleet):
    fleet.happen(1000, text_bytes=1000)
    feed = Feed(feeds_of(fleet), "a")
    feed.start(0)
    await feed.next()
    for _ in range(1000):
        feed.rewind(0)
        await asyncio.sleep(0)
    assert not fleet.reads[1:]


async def test_rewinding_replaces_what_was_under_way(fleet):
    fleet.happen(50)
    feed = Feed(feeds_of(fleet), "a")
    feed.start(0)
    await taken(feed, 10)
    feed.rewind(30)
    assert [one.seq for one in await taken(feed, 5)] == [31, 32, 33, 34, 35]
    feed.rewind(2)
    assert [one.seq for one in await taken(feed, 48)] == list(range(3, 51))
    fleet.happen(2)
    feed.rewind(50)
    assert [one.seq for one in await taken(feed, 2)] == [51, 52], "and nothing twice"
    assert len(fleet.hub) <= 1


async def test_all_together_read_one_page_per_turn_of_the_loop_in_the_order_of_asking(fleet):
    fleet.happen(400, text_bytes=1000)
    feeds = feeds_of(fleet)
    order = []

    async def read_all(name):
        feed = Feed(feeds, "a")
        feed.start(0)
        for _ in range(400):
            await feed.next()
            if not order or order[-1] != name:
                order.append(name)

    turns = 0
    clients = [asyncio.ensure_future(read_all(n)) for n in range(5)]
    while not all(one.done() for one in clients):
        before = len(fleet.reads)
        await asyncio.sleep(0)
        turns += 1
        assert len(fleet.reads) - before <= 1
    assert order[:10] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]


async def test_what_was_dropped_during_a_replay_is_a_stated_gap():
    fleet = Fleet(events_max=100)
    fleet.happen(100, text_bytes=2000)
    feed = Feed(feeds_of(fleet), "a")
    feed.start(0)
    first = await feed.next()
    assert first.seq == 1
    fleet.happen(90)
    shown, gaps = [1], []
    while not shown or shown[-1] < fleet.seq:
        entry = await feed.next()
        (shown if entry.is_event else gaps).append(entry.seq)
    (gap,) = gaps
    missing = set(range(1, fleet.seq + 1)) - set(shown)
    assert missing and max(missing) == gap, "the gap ends where the events go on"
    assert shown == sorted(set(shown))


async def test_who_is_replaying_when_the_events_go_is_told_of_the_gap_and_the_end(fleet):
    fleet.happen(100, text_bytes=2000)
    feed = Feed(feeds_of(fleet), "a")
    feed.start(0)
    await feed.next()
    fleet.end()
    kinds = []
    while (entry := await feed.next()) is not None:
        kinds.append(entry.kind)
    assert kinds[-1] == "gap"


async def test_full_is_too_slow_and_lagging_is_told_once(fleet):
    feeds = feeds_of(fleet, events_max=16)
    feed = Feed(feeds, "a")
    feed.start(None)
    fleet.happen(10)
    assert [one.kind for one in await taken(feed, 3)] == ["lagging", "message", "message"]
    fleet.happen(20)
    assert feed.is_too_slow and feeds.held.total == 0
    assert await feed.next() is None
    assert feeds.metrics.watchers_lagging == 1


async def test_over_the_bound_of_all_together_the_greatest_holder_is_let_go(fleet):
    feeds = feeds_of(fleet, held_bytes_max=100_000)
    small, great = Feed(feeds, "a"), Feed(feeds, "a")
    small.start(None)
    great.start(None)
    fleet.happen(30, text_bytes=1000)
    await taken(small, 30)
    fleet.happen(60, text_bytes=1000)
    assert great.is_too_slow and not small.is_too_slow
    assert feeds.held.total <= 100_000
    assert feeds.metrics.frontends_refused == {"held": 1}


async def test_what_is_said_goes_between_the_pages_and_listening_waits_for_it(fleet):
    fleet.happen(300, text_bytes=1000)
    feed = Feed(feeds_of(fleet, events_max=16), "a")
    feed.start(0)
    await feed.next()
    for _ in range(10):
        feed.say({"ok": True})
    assert [one.seq for one in await taken(feed, 11)] == [0] * 11, "lagging, and what was said"
    for _ in range(10):
        feed.say({"ok": True})
    room = asyncio.ensure_future(feed.room())
    await asyncio.sleep(0)
    assert not room.done()
    await taken(feed, 5)
    await room


async def test_closing_frees_everything(fleet):
    fleet.happen(300, text_bytes=1000)
    feeds = feeds_of(fleet)
    feed = Feed(feeds, "a")
    feed.start(0)
    await feed.next()
    assert feeds.held.total > 0
    feed.close()
    assert feeds.held.total == 0 and len(feeds.held) == 0 and len(fleet.hub) == 0
    assert await feed.next() is None


async def test_who_asks_again_while_it_waits_for_its_turn_keeps_its_place(fleet):
    """Else a client that asks often enough waits for ever, and nothing is written by which its
    death would be noticed."""
    fleet.happen(50)
    feeds = feeds_of(fleet)
    feed = Feed(feeds, "a")
    feed.start(0)
    ahead = [asyncio.ensure_future(feeds.page_limiter.acquire()) for _ in range(3)]
    reading = asyncio.ensure_future(feed.next())
    others = [asyncio.ensure_future(feeds.page_limiter.acquire()) for _ in range(20)]
    await asyncio.sleep(0)
    assert not fleet.reads, "it waits for its turn"
    feed.rewind(7)
    async with asyncio.timeout(30.0):
        assert (await reading).seq == 8
    assert all(one.done() for one in ahead)
    assert not any(other.done() for other in others[3:]), "it goes before those who asked after it"
    await asyncio.gather(*others)
