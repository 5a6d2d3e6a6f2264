"""webmessaging after a restart: what the journal proves was never sent is not in doubt, the rest is
looked up."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.journal import SavedCommand, SavedSession, SessionRecord
from guestd.session import inputs as i
from guestd.session.states import State


def restored(table, state_seq, was_live=False):
    """Three messages were accepted at seq 12, 14 and 16; the last event on the connection is at
    `state_seq`."""
    record = SessionRecord("g1", "ana", "token", "", {}, {}, 0, 0)
    given = [
        SavedCommand(
            f"c{n}",
            12 + 2 * n,
            {"action": "send", "trace": f"t{n}", "text": f"text {n}", "attributes": None},
            False,
        )
        for n in range(3)
    ]
    table.machine.restore(
        SavedSession(record, 20, True, False, given, was_live, state_seq), table.now
    )
    return table


def come_up(table, new_session):
    table.feed(i.Opened(), i.Admitted(), i.ConnectionOpened(), s.Joined(new_session=new_session))


def said(table):
    return [request.text for request in table.said(m.SayText)]


def statuses(table):
    return [(event.command_id, event.status) for event in table.events("delivery")]


def confirm_all(table):
    for _ in range(10):
        asked = table.said(m.SayText)
        if asked:
            last = asked[-1]
            table.feed(
                s.MessageArrived(
                    f"e{last.text}", s.INBOUND, "Text", text=last.text, marker=last.marker
                )
            )
        table.pass_time(1.0)


def test_what_was_accepted_without_a_connection_outlives_a_new_session_of_the_platform(table):
    restored(table, state_seq=11)
    come_up(table, new_session=True)
    confirm_all(table)
    assert said(table) == ["text 0", "text 1", "text 2"]
    assert statuses(table) == [("c0", "confirmed"), ("c1", "confirmed"), ("c2", "confirmed")]


def test_what_was_accepted_without_a_connection_needs_no_history(table):
    restored(table, state_seq=11)
    come_up(table, new_session=False)
    assert said(table) == ["text 0"]


def test_what_was_accepted_before_the_connection_was_lost_stays_in_doubt(table):
    restored(table, state_seq=13)
    come_up(table, new_session=True)
    confirm_all(table)
    assert said(table) == ["text 1", "text 2"]
    assert statuses(table) == [("c0", "uncertain"), ("c1", "confirmed"), ("c2", "confirmed")]


def test_what_may_have_been_sent_is_looked_up_before_anything_else_is_sent(table):
    restored(table, state_seq=15)
    come_up(table, new_session=False)
    assert said(table) == []
    table.answer_history([])
    table.pass_time(3.0)
    table.answer_history([])  # an empty history is believed only when it is said twice
    assert said(table) == ["text 0"]


def test_with_a_connection_all_are_in_doubt(table):
    restored(table, state_seq=11, was_live=True)
    come_up(table, new_session=True)
    assert statuses(table) == [("c0", "uncertain"), ("c1", "uncertain"), ("c2", "uncertain")]


def test_nothing_is_sent_before_the_journal_knows_of_the_connection(table):
    table.proves = False
    table.to(State.LIVE)
    table.send("hello")
    assert said(table) == []
    table.feed(i.EventDurable(table.last(e.AwaitDurable).seq))
    assert said(table) == ["hello"]


def test_of_a_confirmed_message_the_next_does_not_wait_for_the_journal(table):
    table.to(State.LIVE)
    table.proves = False
    table.send("hello", "c1")
    table.send("world", "c2")
    confirm_all(table)
    assert said(table) == ["hello", "world"]


def test_a_connection_that_was_lost_before_it_was_durable_proves_nothing_for_the_next(
    new_table, make_lost
):
    table = new_table(when_down="queue")
    table.to(State.LIVE)
    table.proves = False
    table.feed(make_lost())
    table.rejoin()
    first = table.last(e.AwaitDurable).seq
    table.feed(make_lost())
    table.send("hello")
    table.rejoin()
    table.feed(i.EventDurable(first))
    assert said(table) == []
    table.feed(i.EventDurable(table.last(e.AwaitDurable).seq))
    assert said(table) == ["hello"]


def test_after_a_kill_the_journal_is_told_that_the_connection_is_gone(table):
    restored(table, state_seq=11, was_live=True)
    table.feed(i.Opened())
    assert [(one.state, one.reason) for one in table.events("session")] == [("resting", "lost")]


def test_a_stop_tells_the_journal_that_the_connection_is_gone_and_nothing_is_sent_after_it(table):
    table.to(State.LIVE)
    (event,) = table.machine.stop()
    assert (event.state, event.reason) == ("resting", "closed_by_us")
    table.send("too late")
    assert said(table) == []


@pytest.mark.parametrize("state", [State.WAITING, State.JOINING, State.RESTING])
def test_a_stop_without_a_connection_says_nothing_new(table, state):
    table.to(state)
    assert table.machine.stop() == []


def test_an_end_before_the_lookup_calls_what_is_in_doubt_uncertain_and_the_rest_failed(table):
    restored(table, state_seq=15)
    come_up(table, new_session=False)
    table.feed(s.LoggedOut())
    assert statuses(table) == [("c0", "uncertain"), ("c1", "uncertain"), ("c2", "failed")]
