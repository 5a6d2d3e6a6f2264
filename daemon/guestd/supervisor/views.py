"""Guest sessions as others may see them."""

from __future__ import annotations

from ..model.journal import EndedSession
from ..model.ports import SessionView
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
        runner.last_message_ms,
        has_spoken=conversation.outbound.commands.has_messages,
        file_bytes_max=conversation.files.bytes_max,
    )


def view_of_ended(one: EndedSession) -> SessionView:
    return SessionView(
        one.session_id,
        one.name,
        "ended",
        one.seq,
        opened_ms=one.opened_ms,
        ended_ms=one.ended_ms,
    )
