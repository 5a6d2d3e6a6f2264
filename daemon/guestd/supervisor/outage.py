"""Can guest sessions live at all? No, if some wait for a connection, none has one, and nothing but
failures was seen for a while. One session that joins ends the outage. Without any session there is
none: nothing would notice its end."""

from __future__ import annotations

from ..model.ports import Clock
from ..observe.metrics import Metrics
from ..session.states import State

#: Shorter, it is one lost connection and its reconnect.
OUTAGE_S = 5.0

_WITHOUT_CONNECTION = (State.WAITING, State.DIALING, State.RESTING)


class Outage:
    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._failing_since: float | None = None

    def failed(self) -> None:
        """A guest session lost its connection, or got none."""
        if self._failing_since is None:
            self._failing_since = self._clock.now()

    def joined(self) -> None:
        """The platform has answered one."""
        self._failing_since = None

    def is_on(self) -> bool:
        since, sessions = self._failing_since, self._metrics.sessions
        return (
            since is not None
            and self._clock.now() - since >= OUTAGE_S
            and not sessions.get(State.LIVE.value)
            and any(sessions.get(state.value) for state in _WITHOUT_CONNECTION)
        )
