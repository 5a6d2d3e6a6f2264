"""Which commands were accepted: the same id again gets the same answer again.

Bounded by `answers_kept_max`. What is forgotten here the journal still knows, and it is asked
before a command with an unknown id is taken for new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ..model.journal import SavedCommand
from ..model.json_values import is_text
from .content import NO_DIGEST


@dataclass(slots=True)
class Accepted:
    """A command that was accepted; `durable` once its intent is, so that a repetition gets the same
    answer.

    `trace` is the tracing id and marker of its message: ours, because a caller's command id need
    not be unique for ever. `digest`: of its content (`content.py`). `at`: when, on the clock of
    this life; None if that is not known."""

    seq: int
    trace: str = ""
    durable: bool = False
    digest: int = NO_DIGEST
    at: float | None = None


class AcceptedCommands:
    """`traces`: the tracing id of each message, and its command; None before there was one."""

    __slots__ = ("_accepted", "_has_forgotten", "traces")

    def __init__(self) -> None:
        self._accepted: OrderedDict[str, Accepted] | None = None
        self._has_forgotten = False
        self.traces: dict[str, str] | None = None

    @property
    def has_messages(self) -> bool:
        """True if a message was accepted, ever; or so many commands that one may have been."""
        return self._has_forgotten or any(self.traces or ())

    def find(self, command_id: str) -> Accepted | None:
        return self._accepted.get(command_id) if self._accepted is not None else None

    def note_ages(self, saved: Sequence[SavedCommand], now: float, now_ms: int) -> None:
        """How long ago those of an earlier life were accepted, by the wall clock; one that went
        back counts as no time."""
        for one in saved:
            accepted = self.find(one.command_id)
            if accepted is not None and one.at_ms and not one.settled:
                accepted.at = now - max(0, now_ms - one.at_ms) / 1000.0

    def age_ms(self, command_id: str, now: float) -> float | None:
        """How long ago it was accepted; None if that is not known any more."""
        accepted = self.find(command_id)
        if accepted is None or accepted.at is None:
            return None
        return round((now - accepted.at) * 1000.0, 3)

    def add(self, command_id: str, accepted: Accepted, kept_max: int) -> None:
        if self._accepted is None or self.traces is None:
            self._accepted, self.traces = OrderedDict(), {}
        self._accepted[command_id] = accepted
        self.traces[accepted.trace] = command_id
        while len(self._accepted) > kept_max:
            _, forgotten = self._accepted.popitem(last=False)
            self.traces.pop(forgotten.trace, None)
            self._has_forgotten = True

    def may_have_forgotten(self, command_id: str) -> bool:
        """True if only the journal knows whether this command was accepted, or with which
        content: that was so long ago, or before a restart."""
        found = self.find(command_id)
        if found is not None:
            return found.digest == NO_DIGEST
        if not self._has_forgotten:
            return False
        return is_text(command_id)  # what cannot be written was never accepted


#: Of a guest session that has accepted none yet: nothing may be added to it.
NONE_ACCEPTED = AcceptedCommands()
