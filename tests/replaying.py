"""A watcher that also wants what was there before it: the journal is read a page at a time, then it
follows."""

from __future__ import annotations

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
    """From the first event. Nothing may happen to the guest session until this returns."""
    after_seq = 0
    while rows := (await fleet.read(session_id, after_seq, PAGE_ROWS)).rows:
        for row in rows:
            watcher.offer(row)
        after_seq = rows[-1].seq
    fleet.watch(session_id, watcher)
