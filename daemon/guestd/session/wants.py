"""What a part needs from elsewhere. It returns the word, and the machine decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..model.signals import MessageArrived


class Wants(Enum):
    PROCEED = "proceed"  # something that held the outbox back is gone
    PROCEED_WHEN_DURABLE = "proceed_when_durable"  # … and the newest event proves it
    LEAVE = "leave"  # the guest's own end of the conversation is durable


@dataclass(slots=True, frozen=True)
class BackfillRead:
    """The history, oldest first, as far back as the gap; its first page was asked for at
    `asked_at`."""

    history: list[MessageArrived]
    asked_at: float


@dataclass(slots=True, frozen=True)
class BackfillAbandoned:
    """The gap stays: the history could not be read."""


BackfillResult = BackfillRead | BackfillAbandoned
