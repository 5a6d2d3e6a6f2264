"""A watcher that also wants what was there before it: the journal is read a page at a time, then it
follows."""

from __future__ import annotations

from guestd.model.journal import EventRow
from guestd.model.ports import Fleet, Watcher

from .reading import at_once

PAGE_ROWS = 500


def watch_from(fleet: Fleet, session_id: str, watcher: Watcher, after_seq: int = 0) -> None:
    """Nothing can slip in between: the journal answers at once."""
    while rows := at_once(fleet.read(session_id, after_seq, PAGE_ROWS)).rows:
        for row in rows:
            watcher.offer(row)
        after_seq = rows[-1].seq
    fleet.watch(session_id, watcher)


async def watch_from_disk(fleet: Fleet, session_id: str, watcher: Watcher) -> None:
    """From the first event. It is watched while the disk is read, however long that takes, and what
    came meanwhile is shown after it."""
    following = _Following(watcher)
    fleet.watch(session_id, following)
    after_seq = 0
    while rows := (await fleet.read(session_id, after_seq, PAGE_ROWS)).rows:
        for row in rows:
            watcher.offer(row)
        after_seq = rows[-1].seq
    following.go_on(after_seq)


class _Following:
    """A watcher that waits for its turn."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._waiting: list[EventRow] | None = []
        self._is_over = False

    def offer(self, row: EventRow) -> None:
        if self._waiting is None:
            self._watcher.offer(row)
        else:
            self._waiting.append(row)

    def over(self) -> None:
        self._is_over = True
        if self._waiting is None:
            self._watcher.over()

    def go_on(self, after_seq: int) -> None:
        for row in self._waiting or ():
            if row.seq > after_seq:
                self._watcher.offer(row)
        self._waiting = None
        if self._is_over:
            self._watcher.over()
