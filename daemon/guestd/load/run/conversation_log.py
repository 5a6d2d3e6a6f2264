"""What one guest has seen and sent, for the comparison with the platform's record at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..guest import actions as a
from ..guest import heard as h
from ..measure.reconcile import GuestView, MessageOnRecord, OwnMessage, SeenMessage


@dataclass(slots=True, frozen=True)
class ReadHistory:
    """The platform's history of one guest, oldest first. When its reading began, the guest had
    given `sent` messages, of which those of `unsettled` were under way."""

    messages: Sequence[MessageOnRecord]
    sent: int
    unsettled: frozenset[str]


class ConversationLog:
    """Times are since the run's start, in seconds. Texts are those that the transcript has too."""

    __slots__ = (
        "_echoes",
        "_fates",
        "_seen",
        "_sent",
        "came_late",
        "came_twice",
        "has_findings",
        "history",
        "left_ms",
        "not_read",
    )

    def __init__(self) -> None:
        self._seen: list[tuple[str, str, float, bool]] = []
        self._sent: dict[str, tuple[str, float]] = {}
        self._echoes: dict[str, str] = {}
        self._fates: dict[str, str] = {}
        self.came_twice: list[float] = []
        self.came_late: list[float] = []
        #: When it stopped listening, epoch milliseconds.
        self.left_ms: int | None = None
        #: What was read of the platform's history before it left, or why it was not.
        self.history: ReadHistory | None = None
        self.not_read = ""
        #: The comparison with that found something.
        self.has_findings = False

    @property
    def has_said(self) -> bool:
        """There is something to compare."""
        return bool(self._sent or self._seen)

    @property
    def is_at_platform(self) -> bool:
        """The platform has a message of this conversation."""
        return bool(self._echoes or self._seen)

    @property
    def is_settled(self) -> bool:
        """Nothing of the guest's is under way."""
        return len(self._fates) == len(self._sent)

    @property
    def unsettled(self) -> frozenset[str]:
        return frozenset(self._sent.keys() - self._fates.keys())

    @property
    def given(self) -> int:
        """How many messages of the guest's were given, but for those that were refused."""
        return len(self._sent)

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
            self._fates.pop(one.command_id, None)

    def view(
        self,
        guest: str = "",
        scenario: str = "",
        session_id: str = "",
        history: ReadHistory | None = None,
    ) -> GuestView:
        """`history`: what it is to be compared with, if the guest had time to see all of it."""
        own = [
            OwnMessage(
                command,
                text,
                at_s,
                self._fate(command),
                self._echoes.get(command, ""),
                history is not None and (n >= history.sent or command in history.unsettled),
            )
            for n, (command, (text, at_s)) in enumerate(self._sent.items())
        ]
        seen = [SeenMessage(*one) for one in self._seen]
        return GuestView(
            guest,
            scenario,
            session_id,
            seen,
            own,
            self.left_ms if history is None else None,
            self.came_twice,
            self.came_late,
        )

    def _fate(self, command_id: str) -> str:
        """An echo proves more than a word that never came."""
        return self._fates.get(command_id) or ("confirmed" if command_id in self._echoes else "")
