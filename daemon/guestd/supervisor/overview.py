"""The living guest sessions in short (the `Overview` port): made on request, kept by nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..model.overview import BudgetView, FleetFollower, FleetObserver, SessionLine
from ..observe.metrics import Metrics
from .connector import Connector
from .hub import Hub
from .runner import Runner

#: Makes a tuple in half the time that its own constructor takes; a list needs thousands.
_new_tuple = tuple.__new__


class FleetOverview:
    """`runners` is the supervisor's own table, by session id."""

    def __init__(
        self,
        runners: Mapping[str, Runner],
        hub: Hub,
        metrics: Metrics,
        connector: Connector,
        sessions_max: int,
    ) -> None:
        self._runners = runners
        self._hub = hub
        self._metrics = metrics
        self._connector = connector
        self._sessions_max = sessions_max

    def counts(self) -> dict[str, int]:
        return {state: count for state, count in self._metrics.sessions.items() if count}

    def budgets(self) -> Sequence[BudgetView]:
        sessions = BudgetView("sessions", len(self._runners), self._sessions_max)
        return [sessions, *self._connector.budgets()]

    def lines(self) -> Iterator[SessionLine]:
        return map(line_of, self._runners.values())

    def line(self, session_id: str) -> SessionLine | None:
        runner = self._runners.get(session_id)
        return line_of(runner) if runner is not None else None

    def observe(self, observer: FleetObserver | None) -> None:
        self._hub.observer = observer

    def follow(self, follower: FleetFollower) -> None:
        self._hub.followers = (*self._hub.followers, follower)

    def unfollow(self, follower: FleetFollower) -> None:
        self._hub.followers = tuple(one for one in self._hub.followers if one is not follower)


def line_of(runner: Runner) -> SessionLine:
    machine, activity = runner.machine, runner.activity
    guest, outbox = machine.guest, machine.conversation.outbound.outbox
    opened_ms, asked_at = runner.opened_ms, machine.connection.heartbeat.asked_at
    line = (
        guest.session_id,
        guest.name,
        machine.state._value_,  # `value` is a call of Python
        machine.seq,
        activity.at_ms or opened_ms,
        len(outbox) if outbox else 0,
        activity.uncertain,
        opened_ms,
        activity.state_since_ms or opened_ms,
        machine.connection.attempt,
        guest.attributes,
        _waiting_since_ms(runner) if outbox else 0,
        0 if asked_at is None else _epoch_ms(runner, asked_at),
    )
    return _new_tuple(SessionLine, line)


def _epoch_ms(runner: Runner, at: float) -> int:
    """Of an instant that has passed."""
    context = runner.context
    return context.clock.epoch_ms() - int((context.now() - at) * 1000)


def _waiting_since_ms(runner: Runner) -> int:
    """When the head of its outbox was accepted, or the last that is known of it."""
    outbound, context = runner.machine.conversation.outbound, runner.context
    head = outbound.outbox.head if outbound.outbox is not None else None
    age_ms = outbound.commands.age_ms(head.command.command_id, context.now()) if head else None
    if age_ms is None:
        return runner.activity.at_ms or runner.opened_ms
    return context.clock.epoch_ms() - int(age_ms)
