"""What a guest has seen and sent, for the comparison with the record."""

from __future__ import annotations

from guestd.load.guest import actions as a
from guestd.load.guest import heard as h
from guestd.load.measure.reconcile import OwnMessage, SeenMessage
from guestd.load.run.conversation_log import ConversationLog


def test_a_view_has_what_was_shown_and_what_became_of_own_messages():
    log = ConversationLog()
    for number in range(5):
        log.sent(a.SendText(f"c-{number}", f"text {number}"), float(number))
    log.heard(h.MessageHeard("m-9", "hello", late=True), 5.0)
    log.heard(h.EchoHeard("c-0", "m-0", "text 0"), 5.1)
    log.heard(h.Settled("c-0", "confirmed"), 5.1)
    log.heard(h.EchoHeard("c-1", "m-1", "text 1"), 5.2)
    log.heard(h.Settled("c-2", "uncertain"), 5.3)
    log.heard(h.CommandRefused("c-3", "rate", "too fast"), 5.4)
    log.heard(h.EchoHeard("other", "m-7", "of an earlier life"), 5.5)
    view = log.view("talk-1", "Talk", "s-1")
    assert view.seen == [SeenMessage("m-9", "hello", 5.0, True)]
    assert view.sent == [
        OwnMessage("c-0", "text 0", 0.0, "confirmed", "m-0"),
        OwnMessage("c-1", "text 1", 1.0, "confirmed", "m-1"),
        OwnMessage("c-2", "text 2", 2.0, "uncertain"),
        OwnMessage("c-4", "text 4", 4.0, ""),
    ]
