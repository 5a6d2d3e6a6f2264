"""Past events of one guest session, read from the journal a small page at a time, fairly among all
readers.

Every way to read events uses this: the simulator's replays and event streams through `Feed`, pages
of JSON and the look for a command directly.
"""

from __future__ import annotations

from ..model.errors import Damaged
from ..model.journal import Replay
from ..model.ports import Fleet
from .rate_limiting import LoopRateLimiter

#: Of one page. Few enough bytes that a thousand clients with one each are cheap; few enough
#: rows that reading and writing them takes about a millisecond of the loop.
PAGE_ROWS = 100
PAGE_BYTES = 16_384

FIRST_ROWS = 16

#: Of all clients together, 4 MiB/s: reading a page and writing it out takes about half a
#: millisecond of the loop, so that replays take an eighth of it. One of 4 MiB does not wait when
#: there is no other reader.
PAGES_PER_S = 250.0
PAGES_BURST = 250.0


def new_page_limiter() -> LoopRateLimiter:
    """The rate at which all clients together read pages: at most one per loop iteration."""
    return LoopRateLimiter(1, PAGES_PER_S, PAGES_BURST)


class Pages:
    """A page ends at `PAGE_ROWS` rows, or at the row with which it has `PAGE_BYTES`; it has a row
    if there is one."""

    def __init__(self, fleet: Fleet, limiter: LoopRateLimiter, session_id: str) -> None:
        self._fleet = fleet
        self._limiter = limiter
        self._session_id = session_id
        self._rows = FIRST_ROWS

    async def after(self, seq: int) -> Replay:
        """The page after that seq, when it is our turn. Raises NotFound."""
        await self._limiter.acquire()
        return await self.read(seq)

    async def read(self, seq: int) -> Replay:
        """As `after`, for a caller that the limiter has admitted. Raises Damaged if the next row is
        damaged: what is sound before it is shown first, so that a client that reconnects does not
        get the same page again and again."""
        try:
            replay = await self._fleet.read(self._session_id, seq, self._rows, PAGE_BYTES)
        except Damaged:
            replay = await self._fleet.read(self._session_id, seq, 1, PAGE_BYTES)
        if replay.rows:
            self._expect(sum(len(row.payload) for row in replay.rows) // len(replay.rows))
        return replay

    def _expect(self, row_bytes: int) -> None:
        """So many rows as fill a page if they are like these: rows over its bytes would be read for
        nothing."""
        self._rows = min(PAGE_ROWS, max(2, PAGE_BYTES // max(1, row_bytes)))
