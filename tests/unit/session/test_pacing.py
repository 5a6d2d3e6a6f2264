"""SOCK-7: how many messages are taken, how far apart they are sent, and how long one may be; with
the product's own figures."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import Send
from guestd.session import inputs as i
from guestd.session.settings import effective_traits
from guestd.session.states import State
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging import WebMessaging
from tests.sections import session_settings

DIALECTS = {"webchat": Webchat(), "webmessaging": WebMessaging("d")}


@pytest.fixture
def live(new_table):
    def build(dialect, **settings):
        return new_table(
            effective_traits(DIALECTS[dialect].traits, session_settings(**settings)), **settings
        ).to(State.LIVE)

    return build


class Guest:
    """Gives one message after another, and keeps what became of each."""

    def __init__(self, table):
        self.table = table
        self.count = 0

    def speak(self, times):
        """`accepted` or the error's code of each. The journal has none of them yet."""
        return [self._fate() for _ in range(times)]

    def _fate(self):
        self.count += 1
        effects = self.table.feed(i.CommandGiven(Send(f"c{self.count}", "x")))
        errors = [
            effect.answer.error.code for effect in effects if isinstance(effect, e.SendAnswer)
        ]
        return errors[0] if errors else "accepted"


@pytest.mark.parametrize(("dialect", "a_second"), [("webchat", 10), ("webmessaging", 5)])
def test_sock_7_reject_takes_what_the_rate_promises_however_slow_the_journal_is(
    live, dialect, a_second
):
    table = live(dialect, pacing="reject")
    guest = Guest(table)
    first = guest.speak(a_second + 1)
    table.pass_time(0.999)
    before = guest.speak(1)
    table.pass_time(0.001)
    after = guest.speak(a_second + 1)
    whole = ["accepted"] * a_second + ["rate_limited"]
    assert (first, before, after) == (whole, ["rate_limited"], whole)


def test_sock_7_queue_sends_webchat_messages_100_ms_apart(live):
    table = live("webchat", pacing="queue")
    begun = table.now
    for n in range(12):
        table.send(str(n), f"c{n}")
    sent = [(0.0, len(table.said(m.SayText)))]
    while len(table.said(m.SayText)) < 12:
        table.pass_time(table.machine.wake_at - table.now)
        sent.append((round(table.now - begun, 6), len(table.said(m.SayText))))
    assert sent == [(round(n * 0.1, 6), n + 1) for n in range(12)]


def test_reject_counts_only_what_it_took(live):
    guest = Guest(live("webchat", pacing="reject"))
    guest.speak(60)
    guest.table.pass_time(1.0)
    assert guest.speak(1) == ["accepted"]


def test_reject_refuses_while_the_platform_asks_to_wait(live):
    guest = Guest(live("webmessaging", pacing="reject"))
    guest.speak(1)
    guest.table.feed(i.IntentDurable("c1"))
    (said,) = guest.table.said(m.SayText)
    guest.table.feed(s.Throttled(3.0, "slow down", said.tracing_id))
    guest.table.pass_time(2.9)
    refused = guest.speak(1)
    guest.table.pass_time(0.2)
    assert (refused, guest.speak(1)) == (["rate_limited"], ["accepted"])


def test_reject_keeps_the_requests_of_a_minute_too(live):
    """The confirmations come at once, so nothing waits; the connection's budget of 60 a minute is
    what ends it."""
    table = live("webmessaging", pacing="reject")
    guest, fates = Guest(table), []
    for _ in range(60):
        fates += guest.speak(1)
        if fates[-1] == "accepted":
            table.feed(i.IntentDurable(f"c{guest.count}"))
            said = table.said(m.SayText)[-1]
            table.feed(
                s.MessageArrived(
                    f"m{guest.count}", s.INBOUND, "Text", text="x", tracing_id=said.tracing_id
                )
            )
        table.pass_time(0.25)
    assert (fates.count("accepted"), fates[-1]) == (52, "rate_limited")
