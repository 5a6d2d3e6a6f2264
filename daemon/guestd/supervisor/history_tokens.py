"""Tokens of living guest sessions, for those who read a history from outside the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..session import inputs as i
from ..session.states import State
from .runner import Runner


class SessionHistoryTokens:
    """The `HistoryTokens` port over the fleet's sessions. Those that wait are bounded by who
    asks: each forgets its question when its patience is over."""

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        self._runners = runners
        self._waiting: dict[str, Callable[[str], None]] = {}

    def ask(self, session_id: str, told: Callable[[str], None]) -> bool:
        runner = self._runners.get(session_id)
        if runner is None or runner.machine.state is not State.LIVE:
            return False
        self._waiting[session_id] = told
        runner.feed(i.JwtWanted())
        return True

    def forget(self, session_id: str) -> None:
        self._waiting.pop(session_id, None)

    def known(self, session_id: str, jwt: str) -> None:
        told = self._waiting.pop(session_id, None)
        if told is not None:
            told(jwt)
