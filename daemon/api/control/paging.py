"""A page of a guest session's events, as the journal has them: the same bytes, only put in a row."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import orjson

from ...model.ports import Fleet

PAGE = 500

#: Events looked at for one page; a page may be short of its limit, and says that there is more.
LOOKED_AT_MAX = 5000


@dataclass(slots=True)
class Page:
    """`next`: the last seq looked at; `more`: there is more after it already."""

    next: int
    items: list[bytes] = field(default_factory=list)
    more: bool = False
    first_kept: int = 1

    def as_json(self, name: str) -> bytes:
        tail = orjson.dumps({"next": self.next, "more": self.more, "first_kept": self.first_kept})
        return b'{"%s":[%s],%s' % (name.encode(), b",".join(self.items), tail[1:])


async def page_of(
    fleet: Fleet, session_id: str, after_seq: int, limit: int, kinds: frozenset[str] | None = None
) -> Page:
    """At most `limit` events of those kinds (None: all) after `after_seq`. Raises NotFound."""
    page = Page(after_seq)
    for _ in range(LOOKED_AT_MAX // PAGE):
        replay = fleet.read(session_id, page.next, PAGE)
        page.first_kept = max(page.first_kept, replay.first_kept_seq)
        for row in replay.rows:
            if len(page.items) == limit:
                page.more = True
                return page
            page.next = row[1]
            if kinds is None or row[2] in kinds:
                page.items.append(row[3])
        if len(replay.rows) < PAGE:
            return page
        await asyncio.sleep(0)
    page.more = True
    return page
