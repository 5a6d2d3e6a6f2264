"""What a guest session did last, as lists and overviews show it."""

from __future__ import annotations

from msgspec.structs import replace

from ..model.events import DeliveryEvent, Event, MessageEvent
from ..model.overview import LAST_TEXT_MAX, LastMessage


class SessionActivity:
    """Times are epoch milliseconds, 0 where nothing has happened in this life of the daemon."""

    __slots__ = ("_message", "_noted_ms", "state_since_ms", "uncertain")

    def __init__(self) -> None:
        self._message: MessageEvent | None = None
        self._noted_ms = self.state_since_ms = 0
        self.uncertain = 0

    def note(self, event: Event) -> None:
        """It was recorded just now."""
        self._noted_ms = event.at
        if type(event) is DeliveryEvent and event.status == "uncertain":
            self.uncertain += 1

    def note_message(self, event: MessageEvent) -> None:
        """Comes for every message, so it only keeps the event; what is long is cut first, because
        there is one of them for each guest session."""
        is_small = len(event.text) <= LAST_TEXT_MAX and not event.content
        self._message = event if is_small else _cut(event)

    @property
    def at_ms(self) -> int:
        return max(self._noted_ms, self.message_ms)

    @property
    def message_ms(self) -> int:
        return self._message.at if self._message is not None else 0

    @property
    def last_message(self) -> LastMessage | None:
        last = self._message
        return LastMessage(last.text, last.direction, last.type) if last is not None else None


def _cut(event: MessageEvent) -> MessageEvent:
    return replace(event, text=event.text[:LAST_TEXT_MAX], content=[])
