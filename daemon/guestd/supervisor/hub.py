"""Who watches which guest session. A row was encoded once, and the same bytes go to every
watcher."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.journal import EventRow
from ..model.overview import FleetFollower, FleetObserver
from ..model.ports import Watcher


class Hub:
    """`observer` is told of all guest sessions that change; None: it costs nothing. `followers` get
    the events of all."""

    def __init__(self) -> None:
        self.observer: FleetObserver | None = None
        self.followers: tuple[FleetFollower, ...] = ()
        self._watchers: dict[str, list[Watcher]] = {}
        self._ending: set[str] = set()

    def __len__(self) -> int:
        return sum(map(len, self._watchers.values()))

    def watch(self, session_id: str, watcher: Watcher) -> None:
        """All that becomes durable from now on, also what is recorded already. The past is read
        from the journal; a caller that reads it just before, without a suspension in between,
        misses nothing and gets nothing twice."""
        self._watchers.setdefault(session_id, []).append(watcher)

    def unwatch(self, session_id: str, watcher: Watcher) -> None:
        watchers = self._watchers.get(session_id, [])
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                del self._watchers[session_id]

    def is_watched(self, session_id: str) -> bool:
        return session_id in self._watchers

    def will_end(self, session_id: str) -> None:
        """Its last events are recorded, but not durable yet. Until `over` it may still be
        watched."""
        self._ending.add(session_id)

    def is_ending(self, session_id: str) -> bool:
        return session_id in self._ending

    def publish(self, rows: Sequence[EventRow]) -> None:
        watchers_of = self._watchers.get
        for row in rows:
            for watcher in watchers_of(row.session_id, ()):
                watcher.offer(row)
        for follower in self.followers:
            follower.published(rows)
        if self.observer is not None:
            self.observer.changed([row.session_id for row in rows])

    def touched(self, session_id: str) -> None:
        """Its state is another; there may be no event of it."""
        if self.observer is not None:
            self.observer.changed((session_id,))

    def over(self, session_id: str) -> None:
        self._ending.discard(session_id)
        for watcher in self._watchers.pop(session_id, ()):
            watcher.over()
        if self.observer is not None:
            self.observer.gone(session_id)
