"""Pages of past events: their bytes are the journal's, from both journals, and long ones have a
rate of their own."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import orjson
import pytest

from guestd.api.control.paging import ANSWER_BYTES_MAX, page_of
from guestd.api.pages import (
    EVENTS_PER_TURN,
    PAGE_ROWS,
    PAGES_BURST,
    PAGES_PER_S,
    Pages,
    new_page_limiter,
)
from guestd.api.rate_limiting import LoopRateLimiter
from guestd.journal.memory import MemoryJournal
from guestd.model.journal import Commit, EventRow, SessionRecord

from ...contracts.test_journal import Inline
from ...simulation.virtual import VirtualLoop

KINDS = ("message", "typing", "presence", "gap", "accepted")


class Fleet:
    """One guest session, "a"."""

    def __init__(self, journal):
        self._journal = journal
        self.read = journal.read

    def view(self, session_id):
        raise AssertionError("there are events after every place that is asked for")


@pytest.fixture(params=["memory", "disk"])
def journal(request, tmp_path):
    if request.param == "memory":
        yield MemoryJournal(events_per_session_max=100_000)
        return
    opened = Inline(tmp_path)
    yield opened
    opened.close()


def events(sizes):
    for seq, size in enumerate(sizes, 1):
        kind = KINDS[seq % len(KINDS)]
        text = ("x" if seq % 3 else '\u00e9\u2028\n"\\') * (size // 2)
        content = orjson.dumps({"seq": seq, "kind": kind, "text": text})
        intent = b'{"action":"send"}' if kind == "accepted" else b""
        yield EventRow("a", seq, kind, content, f"k\u00e9{seq}", intent)


def keep(journal, rows):
    opened = SessionRecord("a", "ana", "token", "", {}, {}, 1000, 2000)
    journal.commit(Commit(opened=[opened], rows=rows), lambda: None)


def expected(rows, after, limit, kinds):
    """What one answer says, taken from the events themselves."""
    items, size, last = [], 0, after
    for row in rows[after:]:
        if len(items) == limit or size > ANSWER_BYTES_MAX:
            return items, last, True
        last = row.seq
        if kinds is None or row.kind in kinds:
            items.append(row.payload)
            size += len(row.payload)
    return items, last, False


@pytest.mark.parametrize("kinds", [None, frozenset({"message", "gap"})])
@pytest.mark.parametrize("limit", [1, 15, 16, 99, 200, 1000])
async def test_an_answer_has_the_events_bytes_however_they_are_read(journal, limit, kinds):
    rng = Random(limit)
    rows = list(events([rng.choice([2, 100, 100, 3000, 20_000]) for _ in range(1300)]))
    keep(journal, rows)
    after, more = 0, True
    while more and after < 600:
        page = await page_of(Fleet(journal), LoopRateLimiter(), "a", after, limit, kinds)
        items, last, more = expected(rows, after, limit, kinds)
        tail = orjson.dumps({"next": last, "more": more, "first_kept": 1})
        assert page.as_json("events") == b'{"events":[%b],%b' % (b",".join(items), tail[1:])
        after = last + limit // 2


async def test_no_more_is_read_than_is_wanted(journal):
    keep(journal, list(events([10] * 300)))
    pages = Pages(Fleet(journal), LoopRateLimiter(), "a")
    assert [len((await pages.after(0, 3)).rows), len((await pages.after(3, 21)).rows)] == [3, 21]


@pytest.fixture
def run():
    loop = VirtualLoop()
    yield loop.run_until_complete
    loop.close()


async def read_for_10_s(sizes, readers=3):
    """How many pages and events they get, and the longest wait for a page."""
    journal = MemoryJournal(events_per_session_max=100_000)
    keep(journal, list(events(sizes)))
    limiter, counted, times = new_page_limiter(), [], []

    async def read():
        pages, seq = Pages(Fleet(journal), limiter, "a"), 0
        while True:
            found = (await pages.after(seq)).rows
            counted.append(len(found))
            times.append(asyncio.get_running_loop().time())
            seq = found[-1].seq if len(found) > 1 else 0

    tasks = [asyncio.ensure_future(read()) for _ in range(readers)]
    await asyncio.sleep(10.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return len(counted), sum(counted), max(b - a for a, b in pairwise(times))


def test_long_transcripts_have_a_rate_in_events(run):
    _, read, longest_s = run(read_for_10_s([50] * 20_000))
    most = EVENTS_PER_TURN * (PAGES_BURST + 10.0 * PAGES_PER_S)
    assert 0.8 * most <= read <= most + 200
    assert longest_s <= 1.5 * PAGE_ROWS / EVENTS_PER_TURN / PAGES_PER_S


def test_pages_of_few_events_have_a_rate_in_pages(run):
    pages, _, _ = run(read_for_10_s([9000] * 100))
    most = PAGES_BURST + 10.0 * PAGES_PER_S
    assert 0.8 * most <= pages <= most + 5
