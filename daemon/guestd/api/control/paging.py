"""A page of a guest session's events: the journal's own bytes, joined.

Read like every other replay: a small page of the journal per loop iteration, fairly among all
clients."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from ...model.ports import Fleet
from ..pages import Pages
from ..rate_limiting import LoopRateLimiter

#: Of one answer, and of what is read for it. A page may have less than its limit, and says that
#: there is more.
ANSWER_BYTES_MAX = 262_144
READS_MAX = 200


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
    """At most `limit` events of those kinds (None: all) after `after_seq`. Raises NotFound."""
    page, answer_bytes = Page(after_seq), 0
    pages = Pages(fleet, limiter, session_id)
    for _ in range(READS_MAX):
        replay = await pages.after(page.next)
        page.first_kept = max(page.first_kept, replay.first_kept_seq)
        if not replay.rows:
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
