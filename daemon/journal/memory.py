"""The journal in memory: the same port, the same order, durable for as long as the process lives.

Bounds: `events_per_session_max` and `events_max` over all. When one is reached the oldest events go, and a reader who asks
for them learns from `first_kept_seq` what he cannot get any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from ..model.ports import Commit, Replay, Row, SavedSession


class MemoryJournal:
    def __init__(self, events_per_session_max: int = 1000, events_max: int = 2_000_000) -> None:
        self._per_session_max = events_per_session_max
        self._events_max = events_max
        self._kept: dict[str, deque[Row]] = {}
        self._count = 0
        self.storage_full = False

    def __len__(self) -> int:
        return self._count

    def commit(self, commit: Commit, done: Callable[[], None]) -> None:
        for row in commit.rows:
            self._append(row)
        done()

    def read(self, session_id: str, after_seq: int, limit: int) -> Replay:
        events = self._kept.get(session_id)
        if not events:
            return Replay()
        first = events[0][1]
        start = max(0, after_seq + 1 - first)
        return Replay(list(islice(events, start, start + limit)), first)

    def recover(self) -> Sequence[SavedSession]:
        """Nothing outlives the process."""
        return ()

    def identities(self, session_id: str, limit: int) -> Sequence[tuple[str, str]]:
        return ()

    def forget(self, session_id: str) -> None:
        self._count -= len(self._kept.pop(session_id, ()))

    def _append(self, row: Row) -> None:
        session_id, seq = row[0], row[1]
        events = self._kept.get(session_id)
        if events is None:
            events = self._kept[session_id] = deque()
        assert not events or seq == events[-1][1] + 1, f"seq {seq} after {events[-1][1]} in {session_id}"
        events.append(row)
        self._count += 1
        if len(events) > self._per_session_max:
            events.popleft()
            self._count -= 1
        if self._count > self._events_max:
            self._drop_from_longest()

    def _drop_from_longest(self) -> None:
        """Make room at once for a thousand more, from whoever holds most: rare, so it may look at everybody."""
        longest = max(self._kept.values(), key=len)
        for _ in range(min(1000, len(longest) - 1)):
            longest.popleft()
            self._count -= 1
