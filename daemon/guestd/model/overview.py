"""All living guest sessions at a glance: one line for each, cheap enough to be made for thousands
on request, and who is told which of them change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from .journal import EventRow


class LastMessage(NamedTuple):
    """The newest message of a conversation; `text` is cut to `LAST_TEXT_MAX` characters."""

    text: str
    direction: str
    type: str


#: What a row of a list can show.
LAST_TEXT_MAX = 120


class SessionLine(NamedTuple):
    """What a list is searched and sorted by. Times are epoch milliseconds. `waiting`: messages of
    the guest's that are not settled yet; `uncertain`: those that nothing can be found out about,
    since the start of the daemon; `attempt`: connects that failed since it was live;
    `waiting_since_ms`: when the oldest that waits was accepted; `unanswered_since_ms`: when the
    heartbeat was asked that is not answered yet."""

    session_id: str
    name: str
    state: str
    seq: int
    last_activity_ms: int
    waiting: int = 0
    uncertain: int = 0
    opened_ms: int = 0
    state_since_ms: int = 0
    attempt: int = 0
    attributes: Mapping[str, str] = {}
    waiting_since_ms: int = 0
    unanswered_since_ms: int = 0


class BudgetView(NamedTuple):
    """How much of a bound is used. `frees_at_ms`: when some of it is free again by itself, epoch
    milliseconds; 0: not by time."""

    name: str
    used: int
    limit: int
    frees_at_ms: int = 0


class FleetObserver(Protocol):
    """Is told which guest sessions change. Neither method blocks or raises; both come often, so
    they only take note."""

    def changed(self, session_ids: Iterable[str]) -> None:
        """Something became durable in these, or their state is another."""

    def gone(self, session_id: str) -> None:
        """It has ended, and its last event is durable."""


class FleetFollower(Protocol):
    """Is handed the events of all guest sessions."""

    def published(self, rows: Sequence[EventRow]) -> None:
        """These became durable together; those of one guest session are in order. Neither blocks
        nor raises, and does not change who follows."""


class Overview(Protocol):
    """The living guest sessions in short."""

    def counts(self) -> dict[str, int]:
        """How many are in each state; a state that none is in is left out."""

    def lines(self) -> Iterator[SessionLine]:
        """One for each, in no order; take them before the loop goes on. Each is made when it is
        taken: thousands at once that are looked at and dropped have the collector look at all that
        lives."""

    def budgets(self) -> Sequence[BudgetView]:
        """Of the fleet: guest sessions, connects, the journal."""

    def line(self, session_id: str) -> SessionLine | None:
        """None if it does not live."""

    def observe(self, observer: FleetObserver | None) -> None:
        """From now on it is told of changes, and no other is; None: none is, and nothing is done
        for it."""

    def follow(self, follower: FleetFollower) -> None:
        """It is handed all that becomes durable from now on."""

    def unfollow(self, follower: FleetFollower) -> None: ...
