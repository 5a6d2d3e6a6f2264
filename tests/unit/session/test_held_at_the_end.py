"""Messages that wait for their turn when a guest session ends were received: they are shown before
its last event, in order, and what is missing before them is told."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from guestd.model import signals as s
from guestd.model.commands import End
from guestd.model.endings import Cause, Ending
from guestd.policy.reorder_delay import ReorderDelay
from guestd.session import inputs as i
from guestd.session.inbox import NEVER
from guestd.session.states import State

#: By name, what ends a live guest session: inputs, one after the other.
ENDS = {
    "the platform logs the guest out": (s.LoggedOut(),),
    "the platform closes the connection": (s.ConnectionClosed("signedIn"),),
    "the session expires": (s.SessionExpired(),),
    "the session is unknown": (s.Refused(4007, "unknown"),),
    "a final close code": (i.ConnectionEnded(Ending(Cause.CLOSED_BY_PEER, 1000)),),
    "a frontend closes it": (i.CommandGiven(End("end")), i.IntentDurable("end")),
    "it is asked to leave": (i.LeaveAsked(),),
    "a drain": (i.LeaveAsked(Cause.DRAINED),),
}


def numbered(make_text, *numbers):
    """webchat's messages: their numbers say the order, not their times."""
    return [replace(make_text(n), sequence=str(n), identity=str(n)) for n in numbers]


def shown(table):
    """Every event of the conversation's messages and of the session's state, briefly."""
    brief = {"message": "text", "gap": "reason", "session": "state"}
    return [getattr(one, brief[one.kind]) for one in table.events() if one.kind in brief]


@pytest.mark.parametrize("end", ENDS)
def test_sock_5_webchat_shows_what_waits_for_a_gap_before_the_end(webchat, make_text, end):
    webchat.to(State.LIVE)
    webchat.feed(*numbered(make_text, 1, 5, 3, 6))
    before = webchat.texts()
    webchat.feed(*ENDS[end])
    gap = "not delivered in time"
    texts = ["text 1", gap, "text 3", gap, "text 5", "text 6"]
    gaps = [(one.after, one.before) for one in webchat.events("gap")]
    assert (before, shown(webchat), gaps, webchat.machine.wake_at) == (
        ["text 1"],
        ["live", *texts, "ended"],
        [("1", "3"), ("3", "5")],
        NEVER,
    )


def test_sock_5_webchat_shows_what_waits_before_the_agents_disconnect(webchat, make_text):
    """Which has no number; a presence of another kind passes what waits."""
    webchat.to(State.LIVE)
    typing = s.MessageArrived("", s.OUTBOUND, "Presence", presence="Join")
    left = s.MessageArrived("", s.OUTBOUND, "Presence", presence="Disconnect", read_only=True)
    webchat.feed(*numbered(make_text, 1, 3), typing, left)
    brief = {"message": "text", "presence": "presence", "gap": "reason"}
    told = [getattr(one, brief[one.kind]) for one in webchat.events() if one.kind in brief]
    assert told == ["text 1", "Join", "not delivered in time", "text 3", "Disconnect"]


def test_sock_5_webchat_shows_it_when_the_duration_is_reached(new_table, webchat_traits, make_text):
    webchat = new_table(webchat_traits, duration_s=60.0, gap_wait_s=500.0)
    webchat.to(State.LIVE)
    webchat.feed(*numbered(make_text, 1, 3))
    webchat.now += 61.0
    webchat.feed(i.DeadlineReached())
    assert shown(webchat) == ["live", "text 1", "not delivered in time", "text 3", "ended"]


def test_sock_5_webchat_shows_it_when_no_connection_comes_again(
    new_table, webchat_traits, make_text
):
    webchat = new_table(webchat_traits, gap_wait_s=500_000.0, reconnect_attempts_max=2)
    webchat.to(State.LIVE)
    webchat.feed(*numbered(make_text, 1, 3), i.ConnectionEnded(Ending(Cause.LOST, 1006)))
    while webchat.machine.state is not State.ENDED:
        webchat.pass_time(max(0.0, webchat.machine.wake_at - webchat.now))
        webchat.feed(i.Admitted(), i.DialFailed(Ending(Cause.UNREACHABLE)))
    found = shown(webchat)
    assert found[-3:] == ["not delivered in time", "text 3", "ended"] and found.count("text 3") == 1


@pytest.mark.parametrize("state", [State.LIVE, State.RESTING])
def test_sock_5_webchat_shows_it_when_the_daemon_stops(webchat, make_text, state):
    """Nothing of it could be read again after the restart."""
    webchat.to(State.LIVE)
    webchat.feed(*numbered(make_text, 1, 3))
    if state is State.RESTING:
        webchat.feed(i.ConnectionEnded(Ending(Cause.LOST, 1006)))
    webchat.effects += webchat.machine.stop()
    assert shown(webchat) == ["live", "text 1"] + (
        ["not delivered in time", "text 3", "resting"]
        if state is State.LIVE
        else ["resting", "not delivered in time", "text 3"]
    )
    seqs = [event.seq for event in webchat.events()]
    assert seqs == list(range(1, len(seqs) + 1))


def test_sock_5_webchat_shows_it_when_the_session_breaks(webchat, make_text):
    webchat.to(State.LIVE)
    webchat.feed(*numbered(make_text, 1, 3))
    webchat.effects += webchat.machine.break_off(webchat.machine.seq)
    assert shown(webchat) == ["live", "text 1", "not delivered in time", "text 3", "ended"]


@pytest.mark.parametrize("inner", ["flush", "record"])
def test_a_session_that_breaks_in_its_inbox_still_settles_its_commands(
    webchat, make_text, monkeypatch, inner
):
    def broken(*_):
        raise ValueError("our bug")

    webchat.proves = False
    webchat.to(State.LIVE)
    webchat.feed(*numbered(make_text, 1, 3))
    webchat.send("hello")
    seq = webchat.machine.seq
    inbound = webchat.machine.conversation.inbound
    monkeypatch.setattr(type(inbound.inbox if inner == "flush" else inbound), inner, broken)
    webchat.effects += webchat.machine.break_off(seq)
    last = webchat.events()[seq:]
    assert [(one.kind, one.seq) for one in last] == [("delivery", seq + 1), ("session", seq + 2)]


def test_a_message_held_for_reordering_is_shown_before_the_end_without_a_gap(new_table, make_text):
    for end in (*ENDS.values(), None):
        table = new_table(hold=ReorderDelay(50.0, 50.0, 500.0))
        table.to(State.LIVE)
        table.feed(make_text(1))
        table.now += 0.01
        table.feed(make_text(2))
        if end is None:
            table.effects += table.machine.stop()
        else:
            table.feed(*end)
            table.pass_time(100.0)
        assert shown(table) == ["live", "text 1", "text 2", "resting" if end is None else "ended"]


def filling(table, make_text):
    table.to(State.LIVE)
    table.feed(make_text(1), s.Garbage("?"), make_text(4), make_text(3))
    assert table.texts() == ["text 1"]
    return table


@pytest.mark.parametrize("end", [name for name in ENDS if "the" in name[:4] or "final" in name])
def test_an_end_while_the_history_is_read_tells_the_gap_and_shows_what_is_held(
    table, make_text, end
):
    filling(table, make_text).feed(*ENDS[end])
    gap = "the guest session ended before the history was read"
    assert shown(table) == ["live", "text 1", gap, "text 3", "text 4", "ended"]


def test_a_goodbye_over_a_history_that_is_not_read_tells_the_gap(new_table, make_text):
    table = filling(new_table(history_attempts_max=1000, leave_timeout_s=5.0), make_text)
    table.feed(i.LeaveAsked())
    table.pass_time(5.5)
    gap = "the guest session ended before the history was read"
    assert shown(table) == ["live", "text 1", gap, "text 3", "text 4"]
    assert table.machine.state is State.LEAVING


def test_a_stop_while_the_history_is_read_leaves_it_to_the_next_start(table, make_text):
    """Shown now, the last of them would end the next reading before the gap is reached."""
    filling(table, make_text)
    table.effects += table.machine.stop()
    assert shown(table) == ["live", "text 1", "resting"]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("stops", [False, True])
def test_sock_5_everything_that_webchat_received_is_shown_once(webchat, make_text, seed, stops):
    rng = Random(seed)
    numbers = [n for n in range(1, 60) if rng.random() < 0.8]
    arriving = sorted(numbers, key=lambda n: n + rng.uniform(0, 6))
    webchat.to(State.LIVE)
    for item in numbered(make_text, *arriving[: rng.randrange(1, len(arriving))]):
        webchat.feed(item)
        webchat.pass_time(rng.choice([0.0, 0.0, 0.4, 3.0]))
        received = arriving[: arriving.index(int(item.sequence)) + 1]
    if stops:
        webchat.effects += webchat.machine.stop()
    else:
        webchat.feed(rng.choice(list(ENDS.values()))[0], i.IntentDurable("end"))
    assert sorted(webchat.texts()) == sorted(f"text {n}" for n in received)
    late = {one.text for one in webchat.events("message") if one.late}
    in_order = [text for text in webchat.texts() if text not in late]
    assert in_order == sorted(in_order, key=lambda text: int(text.split()[1]))
