"""What one guest has seen and sent, for the comparison with the platform's record at the end."""

from __future__ import annotations

from ..guest import actions as a
from ..guest import heard as h
from ..measure.reconcile import GuestView, OwnMessage, SeenMessage


class ConversationLog:
    """Times are since the run's start, in seconds. Texts are those that the transcript has too."""

    __slots__ = ("_echoes", "_fates", "_seen", "_sent", "came_late", "came_twice", "left_ms")

    def __init__(self) -> None:
        self._seen: list[tuple[str, str, float, bool]] = []
        self._sent: dict[str, tuple[str, float]] = {}
        self._echoes: dict[str, str] = {}
        self._fates: dict[str, str] = {}
        self.came_twice: list[float] = []
        self.came_late: list[float] = []
        #: When it stopped listening, epoch milliseconds.
        self.left_ms: int | None = None

    def sent(self, action: a.SendText, at_s: float) -> None:
        self._sent[action.command_id] = action.text, at_s

    def heard(self, one: h.Heard, at_s: float) -> None:
        if isinstance(one, h.MessageHeard):
            self._seen.append((one.message_id, one.text, at_s, one.late))
        elif isinstance(one, h.EchoHeard):
            if one.command_id in self._sent:
                self._echoes[one.command_id] = one.message_id
        elif isinstance(one, h.Settled) and one.command_id in self._sent:
            self._fates[one.command_id] = one.status
        elif isinstance(one, h.CommandRefused):
            self._sent.pop(one.command_id, None)

    def view(self, guest: str, scenario: str, session_id: str = "") -> GuestView:
        own = [
            OwnMessage(command, text, at_s, self._fate(command), self._echoes.get(command, ""))
            for command, (text, at_s) in self._sent.items()
        ]
        seen = [SeenMessage(*one) for one in self._seen]
        return GuestView(
            guest,
            scenario,
            session_id,
            seen,
            own,
            self.left_ms,
            self.came_twice,
            self.came_late,
        )

    def _fate(self, command_id: str) -> str:
        """An echo proves more than a word that never came."""
        return self._fates.get(command_id) or ("confirmed" if command_id in self._echoes else "")
