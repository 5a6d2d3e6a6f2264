"""A page of a guest session's events: the journal's own bytes, joined.

Read like every other replay: a small page of the journal per loop iteration, fairly among all
clients."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field

import orjson

from ...model.errors import Damaged, NotFound
from ...model.ports import Fleet
from ..pages import Pages
from ..problems import Problem
from ..rate_limiting import LoopRateLimiter

#: Of one answer, and of what is read for it. A page may have less than its limit, and says that
#: there is more.
ANSWER_BYTES_MAX = 262_144
READS_MAX = 100

#: Of one page of the journal, more than a stream of events has of it: fewer pages are less work,
#: and whoever waits for an answer may hold a whole one.
PAGE_ROWS = 256
PAGE_BYTES = 65_536


async def check_place(fleet: Fleet, session_id: str, after_seq: int) -> None:
    """Raises Problem if `after_seq`, after which there is nothing, is beyond the last seq: who asks
    so has it from another guest session."""
    if after_seq == 0:
        return
    try:
        last_seq = fleet.view(session_id).seq
        if after_seq <= last_seq:
            return
        end = f"the last seq is {last_seq}"
    except NotFound:  # it has ended, and the journal keeps it
        with contextlib.suppress(Damaged):
            if not (await fleet.read(session_id, after_seq - 1, 1)).rows:
                raise _beyond(after_seq, "this guest session ended before that") from None
        return
    raise _beyond(after_seq, end)


def _beyond(after_seq: int, end: str) -> Problem:
    detail = (
        f"after is {after_seq}, but {end}: that is the seq of another guest session; begin with"
        " after=0"
    )
    return Problem(422, "unknown_since", detail, field="query.after")


@dataclass(slots=True)
class Page:
    """`next`: the last seq read; `more`: there is more after it already."""

    next: int
    items: list[bytes] = field(default_factory=list)
    more: bool = False
    first_kept: int = 1

    def as_json(self, name: str) -> bytes:
        tail = orjson.dumps({"next": self.next, "more": self.more, "first_kept": self.first_kept})
        return b'{"%s":[%s],%s' % (name.encode(), b",".join(self.items), tail[1:])


async def page_of(
    fleet: Fleet,
    limiter: LoopRateLimiter,
    session_id: str,
    after_seq: int,
    limit: int,
    kinds: frozenset[str] | None = None,
) -> Page:
    """At most `limit` events of those kinds (None: all) after `after_seq`. Raises NotFound, and
    Problem if nothing ever had that seq."""
    page, answer_bytes = Page(after_seq), 0
    pages = Pages(fleet, limiter, session_id, PAGE_ROWS, PAGE_BYTES)
    for _ in range(READS_MAX):
        wanted = sys.maxsize if kinds is not None else limit - len(page.items) + 1
        replay = await pages.after(page.next, wanted)
        page.first_kept = max(page.first_kept, replay.first_kept_seq)
        if not replay.rows:
            if page.next == after_seq:
                await check_place(fleet, session_id, after_seq)
            return page
        for row in replay.rows:
            if len(page.items) == limit or answer_bytes > ANSWER_BYTES_MAX:
                page.more = True
                return page
            page.next = row.seq
            if kinds is None or row.kind in kinds:
                page.items.append(row.payload)
                answer_bytes += len(row.payload)
    page.more = True
    return page
