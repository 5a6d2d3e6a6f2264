"""The newest frames of each watched guest session, in bounded memory.

Nothing is kept until someone asks. Then a session gets a ring, its connection a tap (`frame_tap`),
and each frame is copied without its secrets. It stays watched as long as a reader listens, and
`KEPT_S` after the last one has asked; when no session is watched any more, nothing is left of all
this but an empty table, and a frame costs what it cost before.

Bounds. One session: `ROWS_MAX` frames and `RING_BYTES_MAX`. All: `RINGS_MAX` watched sessions and
`BYTES_MAX`; over it the session that holds most gives up the older half of its frames. Nobody waits
for a reader: one that is late is told how many rows it has missed. Frames are numbered without
holes for as long as the daemon lives, also when a session is watched again later."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from itertools import islice

from ..model.errors import NotFound, Overloaded
from ..model.frames import FrameRow
from ..model.ports import Clock

ROWS_MAX = 200
RING_BYTES_MAX = 262_144
BYTES_MAX = 16_777_216

#: A ring without frames takes two kilobytes.
RINGS_MAX = 500

#: How long a session stays watched without a request: a page that is reloaded finds its frames.
KEPT_S = 60.0

#: What a row takes beside its texts.
ROW_BYTES = 400

#: Of sessions that are not watched any more the last number is remembered, so many newest ones.
NUMBERS_KEPT_MAX = 4096


class FrameRing:
    """The kept frames of one guest session (the `FrameSource` port)."""

    __slots__ = (
        "_changed",
        "_listeners",
        "_rows",
        "_used",
        "held_bytes",
        "is_over",
        "last_n",
        "since_ms",
    )

    def __init__(
        self,
        since_ms: int,
        last_n: int,
        used: Callable[[FrameRing], None],
        changed: Callable[[int], None],
    ) -> None:
        """`used` is called when a reader asks or has left, `changed` with the bytes that came or
        went."""
        self.since_ms = since_ms
        self.last_n = last_n
        self.held_bytes = 0
        self.is_over = False
        self._used = used
        self._changed = changed
        self._rows: deque[FrameRow] = deque()
        self._listeners: list[Callable[[], None]] = []

    @property
    def first_kept(self) -> int:
        return self._rows[0].n if self._rows else self.last_n + 1

    @property
    def is_listened_to(self) -> bool:
        return bool(self._listeners)

    def after(self, n: int, limit: int) -> Sequence[FrameRow]:
        self._used(self)
        if n > self.last_n:  # of an earlier life of the daemon
            n = 0
        missed = self.first_kept - 1 - n
        skipped = max(0, -missed)
        rows = list(islice(self._rows, skipped, skipped + limit))
        if missed > 0:
            at_ms = rows[0].at_ms if rows else self.since_ms
            gone = FrameRow(self.first_kept - 1, at_ms, "", "not_kept", 0, count=missed)
            rows = [gone, *rows[: limit - 1]]
        return rows

    def listen(self, changed: Callable[[], None]) -> None:
        self._listeners.append(changed)
        self._used(self)

    def leave(self, changed: Callable[[], None]) -> None:
        self._listeners.remove(changed)
        self._used(self)

    def add(self, row: FrameRow) -> FrameRow:
        """Keep it, with the next number."""
        self.last_n += 1
        row.n = self.last_n
        self._rows.append(row)
        size = size_of(row)
        self.held_bytes += size
        while len(self._rows) > ROWS_MAX or self.held_bytes > RING_BYTES_MAX:
            size -= self._drop_oldest()
        self._changed(size)
        self.tell()
        return row

    def drop_half(self) -> None:
        """The older ones."""
        dropped = 0
        for _ in range(-(-len(self._rows) // 2)):
            dropped += self._drop_oldest()
        self._changed(-dropped)

    def _drop_oldest(self) -> int:
        size = size_of(self._rows.popleft())
        self.held_bytes -= size
        return size

    def tell(self) -> None:
        for changed in self._listeners:
            changed()

    def over(self) -> None:
        self.is_over = True
        self.tell()


def size_of(row: FrameRow) -> int:
    """About what it takes; a text of Python's takes up to four bytes for a character."""
    widest = 1 if row.text.isascii() else 4
    return ROW_BYTES + len(row.text) * widest + len(row.reason) + len(row.name)


class FrameRings:
    """The rings of all watched sessions. `tap` is called with a session's id and its ring when it
    begins to be watched, and with None when it ends."""

    def __init__(
        self,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        tap: Callable[[str, FrameRing | None], None],
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._tap = tap
        self._rings: dict[str, FrameRing] = {}
        self._used_at: dict[FrameRing, float] = {}
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._rings)

    def find(self, session_id: str) -> FrameRing | None:
        return self._rings.get(session_id)

    def kept(self, session_id: str) -> FrameRing:
        """The ring of a session that has ended. Raises NotFound."""
        ring = self._rings.get(session_id)
        if ring is None:
            raise NotFound(f"there is no guest session {session_id!r}, or its frames are not kept")
        return ring

    def watch(self, session_id: str) -> FrameRing:
        """The ring of a living session, made if there is none. Raises Overloaded."""
        ring = self._rings.get(session_id)
        if ring is not None:
            return ring
        if len(self._rings) >= RINGS_MAX:
            raise Overloaded(
                f"the frames of {RINGS_MAX} guest sessions are kept already; they are given up"
                f" {KEPT_S:g} s after they were last asked for",
                retry_after_s=KEPT_S,
            )
        last_n = self._numbers.pop(session_id, 0)
        ring = FrameRing(self._clock.epoch_ms(), last_n, self._use, self._count)
        self._rings[session_id] = ring
        self._use(ring)
        self._tap(session_id, ring)
        if self._timer is None:
            self._timer = self._loop.call_later(KEPT_S / 4, self._on_timer)
        return ring

    def over(self, session_id: str) -> None:
        """The session has ended; its frames stay for those who come to look."""
        ring = self._rings.get(session_id)
        if ring is not None:
            ring.over()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for ring in self._rings.values():
            ring.over()
        self._rings.clear()
        self._used_at.clear()

    def _use(self, ring: FrameRing) -> None:
        self._used_at[ring] = self._clock.now()

    def _count(self, bytes_more: int) -> None:
        self.held_bytes += bytes_more
        while self.held_bytes > BYTES_MAX:
            max(self._rings.values(), key=lambda ring: ring.held_bytes).drop_half()

    def _on_timer(self) -> None:
        """One for all: those without a request for so long are given up."""
        self._timer = None
        given_up_at = self._clock.now() - KEPT_S
        for session_id, ring in list(self._rings.items()):
            if not ring.is_listened_to and self._used_at[ring] <= given_up_at:
                self._give_up(session_id, ring)
        if self._rings:
            self._timer = self._loop.call_later(KEPT_S / 4, self._on_timer)

    def _give_up(self, session_id: str, ring: FrameRing) -> None:
        del self._rings[session_id], self._used_at[ring]
        self.held_bytes -= ring.held_bytes
        if not ring.is_over:
            self._tap(session_id, None)
            self._numbers[session_id] = ring.last_n
            if len(self._numbers) > NUMBERS_KEPT_MAX:
                self._numbers.popitem(last=False)
