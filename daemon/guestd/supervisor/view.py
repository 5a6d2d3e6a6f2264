"""A guest session as an outsider may see it."""

from __future__ import annotations

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
        conversation.outbound.commands.has_messages,
        conversation.files.bytes_max,
    )
