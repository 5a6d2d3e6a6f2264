"""A new guest session whose opener waits until the journal has it."""

from __future__ import annotations

from collections.abc import Callable

from .runner import Runner


class OpeningSession:
    """A new guest session whose opener waits until the journal has it."""

    def __init__(self, runner: Runner, durable: Callable[[], None]) -> None:
        self._runner = runner
        self._durable = durable

    def intent_durable(self, command_id: str) -> None:
        self._runner.intent_durable(command_id)

    def event_durable(self, seq: int) -> None:
        self._runner.event_durable(seq)

    def session_durable(self) -> None:
        self._runner.session_durable()
        self._durable()
