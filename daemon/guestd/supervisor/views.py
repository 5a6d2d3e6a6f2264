"""Guest sessions as others may see them."""

from __future__ import annotations

from ..model.journal import EndedSession
from ..model.ports import SessionView
from ..session.states import State
from .overview import line_of
from .runner import Runner


def view_of(runner: Runner) -> SessionView:
    machine, activity = runner.machine, runner.activity
    guest, conversation, connection = machine.guest, machine.conversation, machine.connection
    line, lost_by = line_of(runner), connection.lost_by
    return SessionView(
        guest.session_id,
        guest.name,
        machine.state.value,
        machine.seq,
        machine.read_only,
        runner.opened_ms,
        runner.ends_ms,
        activity.message_ms,
        has_spoken=conversation.outbound.commands.has_messages,
        file_bytes_max=conversation.files.bytes_max,
        state_since_ms=line.state_since_ms,
        expires_ms=_expires_ms(runner),
        last_activity_ms=line.last_activity_ms,
        last_message=activity.last_message,
        attributes=guest.attributes,
        waiting=line.waiting,
        uncertain=line.uncertain,
        attempt=line.attempt,
        next_try_ms=_next_try_ms(runner),
        reason=lost_by.cause.value if lost_by is not None else "",
        waiting_since_ms=line.waiting_since_ms,
        unanswered_since_ms=line.unanswered_since_ms,
    )


def _expires_ms(runner: Runner) -> int:
    """Its agreed end, or what the platform said if that is earlier."""
    told_s = runner.machine.connection.expires_epoch_s
    return min(runner.ends_ms, int(told_s * 1000)) if told_s else runner.ends_ms


def _next_try_ms(runner: Runner) -> int:
    """When it asks for a connection again; 0 while it does not rest."""
    machine, clock = runner.machine, runner.context.clock
    if machine.state is not State.RESTING:
        return 0
    rest_s = max(0.0, machine.connection.step_at - clock.now())
    return clock.epoch_ms() + int(rest_s * 1000)


def view_of_ended(one: EndedSession) -> SessionView:
    return SessionView(
        one.session_id,
        one.name,
        "ended",
        one.seq,
        opened_ms=one.opened_ms,
        ended_ms=one.ended_ms,
        state_since_ms=one.ended_ms,
        last_activity_ms=one.ended_ms,
    )
