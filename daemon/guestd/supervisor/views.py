"""Guest sessions as others may see them."""

from __future__ import annotations

from ..model.instants import LONG_AGO
from ..model.journal import EndedSession
from ..model.ports import Clock, SessionView
from .runner import Runner


def view_of(runner: Runner) -> SessionView:
    machine = runner.machine
    guest, conversation = machine.guest, machine.conversation
    return SessionView(
        guest.session_id,
        guest.name,
        machine.state.value,
        machine.seq,
        machine.read_only,
        runner.opened_ms,
        runner.ends_ms,
        _epoch_ms(runner.last_message_at, runner.context.clock),
        has_spoken=conversation.outbound.commands.has_messages,
        file_bytes_max=conversation.files.bytes_max,
    )


def _epoch_ms(at: float, clock: Clock) -> int:
    """An instant of the monotonic clock as epoch milliseconds; 0 for LONG_AGO."""
    return 0 if at == LONG_AGO else clock.epoch_ms() - round(1000 * (clock.now() - at))


def view_of_ended(one: EndedSession) -> SessionView:
    return SessionView(
        one.session_id,
        one.name,
        "ended",
        one.seq,
        opened_ms=one.opened_ms,
        ended_ms=one.ended_ms,
    )
