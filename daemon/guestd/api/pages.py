"""Past events of one guest session, read from the journal a small page at a time, fairly among all
readers.

Every way to read events uses this: the simulator's replays and event streams through `Feed`, pages
of JSON and the look for a command directly.
"""

from __future__ import annotations

import sys

from ..model.errors import Damaged
from ..model.journal import Replay
from ..model.ports import Fleet
from .rate_limiting import LoopRateLimiter

#: Of one page. Few enough bytes that a thousand clients with one each are cheap; few enough
#: rows that reading and writing them takes about a millisecond of the loop.
PAGE_ROWS = 100
PAGE_BYTES = 16_384

#: Of all clients together, after a burst: 250 pages and 5,000 events a second. What a page of few
#: events takes is the way to them, half a millisecond; of many, ten microseconds for each. So
#: reading takes at most an eighth of a core, and of long transcripts less: the guests who talk
#: meanwhile do not notice. A transcript of 2,000 events does not wait when there is no other
#: reader.
PAGES_PER_S = 250.0
PAGES_BURST = 100.0
#: With more events than that, a page counts as several.
EVENTS_PER_TURN = 20


def new_page_limiter() -> LoopRateLimiter:
    """The rate at which all clients together read pages: at most one per loop iteration."""
    return LoopRateLimiter(1, PAGES_PER_S, PAGES_BURST)


class Pages:
    """A page ends at `rows_max` rows, or at the row with which it has `bytes_max`; it has a row if
    there is one."""

    def __init__(
        self,
        fleet: Fleet,
        limiter: LoopRateLimiter,
        session_id: str,
        rows_max: int = PAGE_ROWS,
        bytes_max: int = PAGE_BYTES,
    ) -> None:
        self._fleet = fleet
        self._limiter = limiter
        self._session_id = session_id
        self._rows_max, self._bytes_max = rows_max, bytes_max
        self._rows = rows_max

    async def after(self, seq: int, wanted: int = sys.maxsize) -> Replay:
        """The page after that seq, when it is our turn; of more than `wanted` rows none is needed.
        Raises NotFound."""
        await self._limiter.acquire()
        return await self.read(seq, wanted)

    async def read(self, seq: int, wanted: int = sys.maxsize) -> Replay:
        """As `after`, for a caller that the limiter has admitted. Raises Damaged if the next row is
        damaged: what is sound before it is shown first, so that a client that reconnects does not
        get the same page again and again."""
        limit = min(self._rows, wanted)
        try:
            replay = await self._fleet.read(self._session_id, seq, limit, self._bytes_max)
        except Damaged:
            replay = await self._fleet.read(self._session_id, seq, 1, self._bytes_max)
        if rows := len(replay.rows):
            self._limiter.charge(max(0.0, rows / EVENTS_PER_TURN - 1.0))
            self._expect(sum(len(row.payload) for row in replay.rows) // rows)
        return replay

    def _expect(self, row_bytes: int) -> None:
        """So many rows as fill a page if they are like these: the way to more would be gone for
        nothing."""
        self._rows = min(self._rows_max, max(2, self._bytes_max // max(1, row_bytes)))
