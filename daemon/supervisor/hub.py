"""Who watches which guest session. A row was encoded once, and the same bytes go to every watcher."""

from __future__ import annotations

from ..model.ports import Journal, Row, Watcher

REPLAY_PAGE = 500


class Hub:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._watchers: dict[str, list[Watcher]] = {}
        self._ending: set[str] = set()

    def __len__(self) -> int:
        return sum(map(len, self._watchers.values()))

    def watch(self, session_id: str, watcher: Watcher, after_seq: int | None) -> int:
        """Replay what is in the journal after `after_seq`, then follow. Nothing can slip in between: no suspension.

        An event that is recorded but not yet durable is in neither half: it is published when it is durable.
        """
        first_kept_seq = 1
        while after_seq is not None:
            replay = self._journal.read(session_id, after_seq, REPLAY_PAGE)
            first_kept_seq = max(first_kept_seq, replay.first_kept_seq)
            after_seq = None
            for row in replay.rows:
                watcher.offer(row)
                after_seq = row[1]
        self._watchers.setdefault(session_id, []).append(watcher)
        return first_kept_seq

    def unwatch(self, session_id: str, watcher: Watcher) -> None:
        watchers = self._watchers.get(session_id, [])
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                del self._watchers[session_id]

    def will_end(self, session_id: str) -> None:
        """Its last events are recorded, but not durable yet. Until `over` it may still be watched."""
        self._ending.add(session_id)

    def is_ending(self, session_id: str) -> bool:
        return session_id in self._ending

    def publish(self, row: Row) -> None:
        for watcher in self._watchers.get(row[0], ()):
            watcher.offer(row)

    def over(self, session_id: str) -> None:
        self._ending.discard(session_id)
        for watcher in self._watchers.pop(session_id, ()):
            watcher.over()
