"""What a guest session waits for, in each of its states: the sentences that log, command line and
pages say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guestd.model import signals as s
from guestd.model.commands import Attach, Send
from guestd.model.endings import Cause, Ending
from guestd.policy.buckets import SlidingCount
from guestd.session import inputs as i
from guestd.session.explain import explain
from guestd.session.states import State
from guestd.session.surroundings import Surroundings
from guestd.session.waits import rest_sentence, span, waits_of
from guestd.wire.webmessaging import TRAITS

EPOCH_MS = 1_800_000_000_000


def around(table, **more):
    return Surroundings(table.now, EPOCH_MS, "webmessaging.example.org", "192.0.2.1:443", **more)


def explained(table, **more):
    return explain(table.machine, table.machine._rules, around(table, **more))


def codes(table, **more):
    return [one.code for one in explained(table, **more).waits_for]


def wait(table, code, **more):
    (found,) = [one for one in explained(table, **more).waits_for if one.code == code]
    return found


def test_before_its_opening_is_durable_it_waits_for_the_journal(table):
    found = explained(table)
    assert [one.code for one in found.waits_for] == ["journal"]
    assert (found.state, found.since_ms, found.expires_at_ms) == ("waiting", None, None)


def test_its_turn_to_connect_is_told_with_those_before_it(table):
    table.to(State.WAITING)
    table.now += 2.0
    found = wait(table, "connect_budget", ahead=412, turn_at=table.now + 24.7)
    assert found.sentence == "Waits for its turn to connect."
    assert "412 other sessions before it" in found.detail and "about 25 s" in found.detail
    assert found.since_ms == EPOCH_MS - 2000 and found.until_ms == EPOCH_MS + 24_700
    assert "the journal" in wait(table, "connect_budget").detail


@pytest.mark.parametrize(
    ("state", "code"),
    [(State.DIALING, "dial"), (State.JOINING, "join"), (State.RESTING, "reconnect")],
)
def test_each_step_to_live_is_waited_for(table, state, code):
    table.to(state)
    assert codes(table)[0] == code


def test_a_lost_connection_is_told_with_its_cause_and_the_next_attempt(table):
    table.to(State.LIVE)
    table.pass_time(5.0)
    table.feed(i.ConnectionEnded(Ending(Cause.CLOSED_BY_PEER, 1001, "going away")))
    found = explained(table)
    (rest,) = found.waits_for
    assert rest.sentence == rest_sentence(table.machine.connection, table.now)
    assert rest.sentence.startswith("Waits to connect again: attempt 1 in ")
    assert "closed_by_peer 1001 (going away)" in rest.detail
    close = found.connection.last_close
    assert (close.cause, close.code, close.by, close.reason) == (
        "closed_by_peer",
        1001,
        "platform",
        "going away",
    )
    (past,) = found.connections
    assert (past.from_ms, past.to_ms, past.cause) == (
        EPOCH_MS - 5000,
        EPOCH_MS,
        "closed_by_peer",
    )
    assert (found.connection.n, found.connection.since_ms, found.connection.tries) == (1, None, 1)


def test_a_session_with_nothing_to_do_waits_for_nothing(table):
    table.to(State.LIVE)
    found = explained(table)
    assert (found.waits_for, found.sentence) == ((), "Waits for nothing.")
    assert found.connection.n == 1 and found.connection.address == "192.0.2.1:443"
    assert found.expires_at_ms == EPOCH_MS + 1_800_000


def test_the_echo_of_a_message_is_waited_for_without_its_text(table):
    table.to(State.LIVE)
    table.send("my secret wish")
    table.now += 0.8
    found = wait(table, "echo")
    assert found.sentence == "Waits for the platform's echo of 1 message."
    assert "0.8 s ago" in found.detail and "within 10 s the history is read" in found.detail
    assert found.since_ms == EPOCH_MS - 800 and found.until_ms == EPOCH_MS + 9200
    assert "secret" not in found.sentence + found.detail
    (one,) = explained(table).unconfirmed
    assert (one.command_id, one.action, one.state, one.text) == (
        "c1",
        "send",
        "sent",
        "my secret wish",
    )


def test_messages_behind_the_pacing_name_the_budget_that_is_used_up(new_table):
    table = new_table(replace(TRAITS, messages_per_s=1.0)).to(State.LIVE)
    table.send("one", "c1")
    table.feed(s.MessageArrived("e1", "Inbound", "Text", text="one", marker=trace_of(table)))
    table.send("two", "c2")
    found = wait(table, "message_rate")
    assert found.sentence == "Waits to send 1 message."
    assert "1 messages a second" in found.detail and found.until_ms > EPOCH_MS
    (messages, requests) = explained(table).buckets
    assert (messages.name, messages.used, messages.limit, messages.by) == (
        "messages",
        1,
        1,
        "session",
    )
    assert (requests.name, requests.by) == ("requests", "connection")


def trace_of(table):
    return table.machine.conversation.outbound.under_way.tracing_id


def test_a_429_is_told_as_what_it_is(table):
    table.to(State.LIVE)
    table.send("one")
    table.feed(s.Throttled(3.0, tracing_id=trace_of(table)))
    found = wait(table, "throttled")
    assert "429" in found.detail and found.until_ms == EPOCH_MS + 3000


def test_a_message_is_not_sent_before_the_journal_has_it(table):
    table.to(State.LIVE)
    table.feed(i.CommandGiven(Send("c1", "one")))
    assert codes(table) == ["journal"]
    assert explained(table).unconfirmed[0].state == "storing"


def test_a_file_holds_up_what_is_behind_it(new_table):
    table = new_table().to(State.LIVE)
    table.feed(i.CommandGiven(Attach("f1", "card.png", "image/png", 184_000, "/x", "see")))
    table.feed(i.IntentDurable("f1"))
    table.send("and this", "c2")
    found = wait(table, "upload")
    assert "asked for a place" in found.detail and "1 message behind it" in found.detail
    (upload,) = explained(table).uploads
    assert (upload.filename, upload.step, upload.attempts) == ("card.png", "asked", 1)
    assert explained(table).unconfirmed[0].state == "uploading"


def test_the_history_is_waited_for_and_what_arrives_is_held(table, make_text):
    table.to(State.LIVE)
    table.feed(make_text(1))
    table.feed(i.ConnectionEnded(Ending(Cause.LOST, 1006)))
    table.rejoin(new_session=False)
    table.feed(make_text(3))
    found = wait(table, "history")
    assert "a token to read the history" in found.sentence and "1 message held" in found.detail
    assert explained(table).hold.held == 1
    table.feed(s.JwtGranted("jwt", 0.0))
    assert wait(table, "history").sentence == "Waits for page 1 of the history."


def test_an_earlier_message_is_waited_for(webchat):
    webchat.to(State.LIVE)
    for sequence in ("1", "3"):
        webchat.feed(s.MessageArrived(sequence, "Outbound", "Text", text="t", sequence=sequence))
    found = wait(webchat, "order")
    assert found.sentence == "Waits to show 1 message in order." and found.until_ms > EPOCH_MS
    assert explained(webchat).hold.oldest_at_ms == EPOCH_MS


def test_a_heartbeat_is_waited_for_and_its_answer_measured(table):
    table.to(State.LIVE)
    table.pass_time(31.0)
    asked_at = table.machine.connection.heartbeat.asked_at
    assert asked_at is not None and codes(table) == ["heartbeat"]
    table.now = asked_at + 0.038
    table.feed(s.HeartbeatAnswered())
    assert explained(table).heartbeat.last_ms == 38.0 and codes(table) == []


def test_leaving_waits_for_the_messages_and_then_for_the_platforms_word(table):
    table.to(State.LIVE)
    table.send("one")
    table.feed(i.LeaveAsked())
    assert codes(table) == ["echo", "leave"]
    table.feed(s.MessageArrived("e1", "Inbound", "Text", text="one", marker=trace_of(table)))
    assert codes(table)[0] == "goodbye"


def test_what_is_around_the_machine_is_told_too(table):
    table.to(State.LIVE)
    assert codes(table, is_unread=True, asks_journal=True) == ["overload", "repetition"]
    minute = SlidingCount(1000, 60.0)
    minute.take(table.now - 10.0)
    (connects,) = explained(table, connects=minute).buckets
    assert (connects.name, connects.used, connects.limit, connects.by) == (
        "connects",
        1,
        1000,
        "daemon",
    )
    assert connects.frees_at_ms == EPOCH_MS + 50_000


def test_the_nearest_wait_comes_first(table):
    table.to(State.LIVE)
    table.pass_time(31.0)
    table.send("one")
    waits = waits_of(table.machine, table.machine._rules, around(table))
    assert [one.until for one in waits] == sorted(one.until for one in waits) and len(waits) == 2


def test_an_explanation_changes_nothing(table):
    table.to(State.LIVE)
    table.send("one")
    before, wake_at = repr(table.machine), table.machine.wake_at
    assert explained(table) == explained(table)
    assert (repr(table.machine), table.machine.wake_at) == (before, wake_at)


def test_only_the_last_connections_are_kept(table):
    table.to(State.LIVE)
    for _ in range(8):
        table.feed(i.ConnectionEnded(Ending(Cause.LOST, 1006)))
        table.rejoin(new_session=True)
    assert len(explained(table).connections) == 5 and explained(table).connection.n == 9


def test_an_ended_session_waits_for_nothing(table):
    assert codes(table.to(State.ENDED)) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0.0 s"), (0.84, "0.8 s"), (9.96, "10 s"), (119, "119 s"), (300, "5 min")],
)
def test_a_time_is_said_as_a_person_says_it(seconds, words):
    assert span(seconds) == words


def test_a_dialect_without_a_history_says_what_it_does_instead(new_table, webchat_traits):
    table = new_table(replace(webchat_traits, confirms=True)).to(State.LIVE)
    table.send("one")
    assert "reported as uncertain" in wait(table, "echo").detail
