"""Events of the journal as a virtual guest hears them."""

from __future__ import annotations

import msgspec
import pytest

from guestd.load.guest import heard as h
from guestd.load.run.reading import heard_in
from guestd.model import events as v
from guestd.model.journal import EventRow

TIME = "2026-11-30T12:00:00.000Z"
CARD = [{"contentType": "Card", "card": {"title": "A"}}]


def row(event):
    return EventRow("s-1", event.seq, event.kind, msgspec.json.encode(event), "", b"")


def message(direction, **more):
    return v.MessageEvent(1, "m-1", direction, "Text", "hi", TIME, **more)


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        (
            message("Outbound", sender="Leo", bot=True, late=True, content=CARD),
            h.MessageHeard("m-1", "hi", "Leo", True, CARD, True),
        ),
        (message("Inbound", command_id="c-1"), h.EchoHeard("c-1", "m-1", "hi")),
        (
            v.PresenceEvent(2, "p-1", "Outbound", "Disconnect", TIME, True),
            h.PresenceHeard("Disconnect", True),
        ),
        (v.SessionEvent(3, "live", first=True), h.Live(True)),
        (v.SessionEvent(3, "resting", "lost"), h.Resting("lost")),
        (v.SessionEvent(3, "leaving"), None),
        (v.SessionEvent(3, "ended", "finished"), h.SessionOver("finished")),
        (v.TypingEvent(4, True, 5000), h.TypingHeard()),
        (v.TypingEvent(4, False, 0), None),
        (
            v.DeliveryEvent(5, "c-1", "confirmed", took_ms=12.5),
            h.Settled("c-1", "confirmed", "", "", 0.0125),
        ),
        (
            v.DeliveryEvent(5, "c-1", "failed", "too long", code="too_long"),
            h.Settled("c-1", "failed", "too long", "too_long"),
        ),
        (v.GapEvent(6, "gone"), h.GapHeard("gone")),
        (v.AcceptedEvent(7, "c-1", "send"), None),
        (v.ReceiptEvent(8, "9"), None),
    ],
)
def test_what_is_heard_of_an_event(event, heard):
    assert heard_in(row(event)) == heard
