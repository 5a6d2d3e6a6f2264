"""Who waits for the answer to which command of one guest session."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..model.commands import Answer
from ..model.errors import CommandError
from .breakage import log_bug

logger = logging.getLogger("guestd.session")

Answered = Callable[[Answer], None]


class WaitingCallers:
    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, list[Answered]] | None = None

    def add(self, command_id: str, answered: Answered) -> None:
        if self._waiting is None:
            self._waiting = {}
        self._waiting.setdefault(command_id, []).append(answered)

    def answer(self, answer: Answer, only_newest: bool = False) -> None:
        if self._waiting is None:
            return
        callers = self._waiting.pop(answer.command_id, [])
        if only_newest and callers[:-1]:
            self._waiting[answer.command_id] = callers[:-1]
        for answered in callers[-1:] if only_newest else callers:
            _call(answered, answer)
        if not self._waiting:
            self._waiting = None

    def refuse(self, error: CommandError, but: Callable[[str], bool] = lambda _: False) -> None:
        """Answer all with `error`, save those whose command is one that `but` knows."""
        waiting, self._waiting = self._waiting or {}, None
        for command_id, callers in waiting.items():
            for answered in callers:
                if but(command_id):
                    self.add(command_id, answered)
                else:
                    _call(answered, Answer(command_id, error=error))


def _call(answered: Answered, answer: Answer) -> None:
    """A caller that cannot take its answer has a bug; the guest session goes on."""
    try:
        answered(answer)
    except Exception as error:
        log_bug(logger, "answering a command", error)


#: Of a guest session that was never given a command: nothing may be added to it.
NO_CALLERS = WaitingCallers()
