"""What a guest session did last, as lists and overviews show it."""

from __future__ import annotations

from ..model.events import DeliveryEvent, Event, MessageEvent
from ..model.overview import LAST_TEXT_MAX, LastMessage

#: Makes a tuple in half the time that its own constructor takes; there is one per message.
_new_tuple = tuple.__new__


class SessionActivity:
    """Times are epoch milliseconds, 0 where nothing has happened in this life of the daemon."""

    __slots__ = ("at_ms", "last_message", "message_ms", "state_since_ms", "uncertain")

    def __init__(self) -> None:
        self.at_ms = self.message_ms = self.state_since_ms = 0
        self.uncertain = 0
        self.last_message: LastMessage | None = None

    def note(self, event: Event) -> None:
        """It was recorded just now."""
        self.at_ms = event.at
        if type(event) is DeliveryEvent and event.status == "uncertain":
            self.uncertain += 1

    def note_message(self, event: MessageEvent) -> None:
        self.at_ms = self.message_ms = event.at
        last = event.text[:LAST_TEXT_MAX], event.direction, event.type
        self.last_message = _new_tuple(LastMessage, last)
