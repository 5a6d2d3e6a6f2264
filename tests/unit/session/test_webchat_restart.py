"""webchat confirms nothing: what a restart may send again is what the journal proves was never
sent."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import signals as s
from guestd.model.journal import SavedCommand, SavedSession, SessionRecord
from guestd.session import inputs as i
from guestd.session.states import State


def live(table, proves=True):
    table.proves = proves
    return table.to(State.LIVE)


def last_awaited(table):
    from guestd.model import effects as e

    return table.last(e.AwaitDurable).seq


def restored(table, was_live, commands=3):
    record = SessionRecord("g1", "ana", "token", "ana@example.org", {}, {}, 0, 0)
    given = [
        SavedCommand(
            f"c{n}",
            n + 1,
            {"action": "send", "trace": f"t{n}", "text": f"text {n}", "attributes": None},
            False,
        )
        for n in range(commands)
    ]
    table.machine.restore(SavedSession(record, 9, True, False, given, was_live), table.now)
    return table


def come_up(table):
    table.feed(i.Opened(), i.Admitted(), i.ConnectionOpened(), s.Joined())
    table.pass_time(2.0)
    return [request.text for request in table.said(m.SayText)]


def statuses(table):
    return [(event.command_id, event.status) for event in table.events("delivery")]


def test_nothing_is_sent_before_the_journal_knows_of_the_connection(webchat):
    live(webchat, proves=False)
    webchat.send("hello")
    assert not webchat.said(m.SayText)
    webchat.feed(i.EventDurable(last_awaited(webchat)))
    assert [one.text for one in webchat.said(m.SayText)] == ["hello"]


def test_the_next_message_waits_until_the_one_before_is_known_as_sent(webchat):
    live(webchat)
    webchat.proves = False
    webchat.send("first", "c1")
    webchat.send("second", "c2")
    webchat.pass_time(5.0)
    assert [one.text for one in webchat.said(m.SayText)] == ["first"]
    assert webchat.machine.wake_at > webchat.now, (
        "no deadline is due while the journal is waited for"
    )
    webchat.feed(i.EventDurable(last_awaited(webchat)))
    assert [one.text for one in webchat.said(m.SayText)] == ["first", "second"]


def test_an_older_event_proves_nothing(webchat):
    live(webchat, proves=False)
    webchat.send("hello")
    webchat.feed(i.EventDurable(last_awaited(webchat) - 1))
    assert not webchat.said(m.SayText)


def test_what_waited_without_a_connection_is_sent_after_a_restart(webchat):
    restored(webchat, was_live=False)
    assert come_up(webchat) == ["text 0", "text 1", "text 2"]
    assert statuses(webchat) == [("c0", "sent"), ("c1", "sent"), ("c2", "sent")]


def test_after_a_kill_with_a_connection_only_the_first_is_in_doubt(webchat):
    restored(webchat, was_live=True)
    assert come_up(webchat) == ["text 1", "text 2"]
    assert statuses(webchat) == [("c0", "uncertain"), ("c1", "sent"), ("c2", "sent")]


def test_a_second_kill_before_the_connection_puts_no_other_message_in_doubt(webchat):
    restored(webchat, was_live=True)
    webchat.feed(i.Opened())
    assert [(one.state, one.reason) for one in webchat.events("session")] == [("resting", "lost")]


@pytest.mark.parametrize("state", [State.WAITING, State.JOINING, State.RESTING])
def test_a_stop_without_a_connection_says_nothing_new(webchat, state):
    webchat.to(state)
    assert webchat.machine.stop() == []


def test_a_stop_writes_that_the_connection_is_gone_and_nothing_is_sent_after_it(webchat):
    live(webchat)
    (event,) = webchat.machine.stop()
    assert (event.state, event.reason) == ("resting", "closed_by_us")
    webchat.send("too late")
    assert not webchat.said(m.SayText)
