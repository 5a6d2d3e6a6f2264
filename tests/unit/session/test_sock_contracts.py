"""The SOCK contracts on the machine, with the product's own dialect and figures: frames in, frames
and events out, no clock."""

from __future__ import annotations

import json
from random import Random

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model.effects import SessionCounter
from guestd.model.endings import Cause, Ending
from guestd.model.ids import Guest
from guestd.session import inputs as i
from guestd.session.settings import SessionSettings, effective_traits
from guestd.session.states import State
from guestd.supervisor.session_factory import SessionFactory
from guestd.wire.webchat import Webchat
from tests.sections import session_settings

DIALECT = Webchat()


@pytest.fixture
def webchat(new_table):
    """A guest session in the webchat dialect, not opened yet."""
    return new_table(effective_traits(DIALECT.traits, SessionSettings()))


def hear(table, **frame):
    """The platform says it."""
    table.feed(*DIALECT.decode(json.dumps(frame).encode()))


def rest_of(table):
    """How long it rests now, in seconds; None if it has ended."""
    return None if table.machine.state is State.ENDED else table.machine.wake_at - table.now


def try_again(table):
    """It rests, dials, and the socket opens."""
    table.pass_time(rest_of(table))
    table.feed(i.Admitted(), i.ConnectionOpened())


def test_sock_1_it_is_ready_only_when_the_platform_acknowledged(webchat):
    webchat.to(State.JOINING)
    before = len(webchat.said(m.Hello)), webchat.machine.state
    hear(webchat, type="connect")
    assert (before, webchat.machine.state) == ((1, State.JOINING), State.LIVE)


def test_sock_2_ten_tries_whose_delays_double_from_1_to_30_s(webchat, make_lost):
    webchat.to(State.LIVE).feed(make_lost())
    rests = []
    while (rest_s := rest_of(webchat)) is not None:
        rests.append(rest_s)
        try_again(webchat)
        webchat.feed(make_lost())
    jitters = len({rest_s % 1.0 for rest_s in rests[:5]})
    found = [int(rest_s) for rest_s in rests], jitters, webchat.last(e.Finish).ending.cause
    assert found == ([1, 2, 4, 8, 16, 30, 30, 30, 30, 30], 5, Cause.ATTEMPTS_EXHAUSTED)


def test_sock_2_only_an_acknowledgement_begins_the_count_anew(webchat, make_lost):
    webchat.to(State.LIVE)
    rests = []
    for is_acknowledged in (False, False, True, False):
        webchat.feed(make_lost())
        rests.append(int(rest_of(webchat)))
        try_again(webchat)
        if is_acknowledged:
            hear(webchat, type="connect")
    assert rests == [1, 2, 4, 1]


def test_sock_2_which_close_codes_come_back(new_table):
    found = {}
    for code in (1000, 1001, 1006, 1008, 1011, 1012, 1013, 4000):
        table = new_table(effective_traits(DIALECT.traits, SessionSettings())).to(State.LIVE)
        table.feed(i.ConnectionEnded(Ending(Cause.CLOSED_BY_PEER, code)))
        found[code] = table.machine.state is State.RESTING
    assert [code for code, comes_back in found.items() if comes_back] == [
        1001,
        1006,
        1011,
        1012,
        1013,
    ]


def test_sock_3_what_arrives_is_understood_and_the_unknown_is_counted(webchat):
    webchat.to(State.LIVE)
    webchat.effects.clear()
    hear(webchat, type="typing", state="composing")
    hear(webchat, type="typing", state=False)
    hear(webchat, type="readReceipt", sequenceId="6")
    hear(webchat, type="message", text="hello", sequenceId="7")
    hear(webchat, type="novelty", text="of a later version")
    hear(webchat, type="message", **{"class": "SessionExpiredEvent"}, code=200, body={})
    for garbage in (b"{nonsense", b"[]", b"{}"):
        webchat.feed(*DIALECT.decode(garbage))
    shown = [
        (
            event.kind,
            getattr(event, "state", ""),
            getattr(event, "on", None) or getattr(event, "text", ""),
        )
        for event in webchat.events()
    ]
    counted = webchat.count(SessionCounter.UNKNOWN), webchat.count(SessionCounter.GARBAGE)
    reported = [
        ("typing", "composing", True),
        ("typing", "", ""),
        ("receipt", "", ""),
        ("message", "", "hello"),
    ]
    assert (shown, counted, webchat.machine.state) == (reported, (2, 3), State.LIVE)


def test_sock_5_messages_are_in_order_each_once_and_a_gap_is_told_after_two_seconds(webchat):
    webchat.to(State.LIVE)
    webchat.effects.clear()
    for number in (8, 9, 11, 10, 10, 12, 15):
        hear(webchat, type="message", text=f"msg-{number}", sequenceId=f"msg-{number}")
    webchat.pass_time(1.99)
    before = len(webchat.texts())
    webchat.pass_time(0.02)
    hear(webchat, type="message", text="msg-13", sequenceId="msg-13")
    shown = [
        (event.after, event.before) if event.kind == "gap" else (event.text, event.late)
        for event in webchat.events()
    ]
    in_order = [(f"msg-{number}", False) for number in (8, 9, 10, 11, 12)]
    assert (before, shown) == (
        5,
        [*in_order, ("msg-12", "msg-15"), ("msg-15", False), ("msg-13", True)],
    )


def test_sock_5_the_settings_of_the_order_hold_in_webchat():
    settings = session_settings(hold_initial_ms=150.0)
    factory = SessionFactory(settings, DIALECT.traits, True, Random(1))
    machine = factory.machine(Guest("g1", "ana", "token", "ana@example.org"), None)
    (first,) = DIALECT.decode(b'{"type": "message", "text": "3", "sequenceId": "3"}')
    inbox = machine.conversation.inbound.inbox
    assert (inbox.arrive(first, 7.0).placed, inbox.wake_at) == ([], 7.15)


def test_sock_5_after_many_gaps_order_is_kept_and_gaps_are_told_as_before(webchat, make_lost):
    """Three gaps that nothing fills; then disorder, and one more gap; and again after a new
    connection."""

    def heard(*numbers, wait_s=0.0):
        webchat.effects.clear()
        for number in numbers:
            hear(webchat, type="message", text=str(number), sequenceId=str(number))
        webchat.pass_time(wait_s)
        return [
            (event.after, event.before) if event.kind == "gap" else event.text
            for event in webchat.events()
            if event.kind in ("gap", "message")
        ]

    webchat.to(State.LIVE)
    heard(1)
    found = [heard(n, wait_s=2.0) for n in (3, 5, 7)]
    found += [heard(9, 8), heard(10, 11, 12, 13, 14), heard(16, wait_s=1.9), heard(15)]
    found += [heard(20, 19, 18, 17), heard(25, wait_s=2.0), heard(30, wait_s=1.0)]
    webchat.feed(make_lost())
    webchat.rejoin()
    found += [heard(35, wait_s=1.9), heard(wait_s=0.2)]
    assert found == [
        *([(str(n - 2), str(n)), str(n)] for n in (3, 5, 7)),
        ["8", "9"],
        ["10", "11", "12", "13", "14"],
        [],
        ["15", "16"],
        ["17", "18", "19", "20"],
        [("20", "25"), "25"],
        [("25", "30"), "30"],
        [],
        [("30", "35"), "35"],
    ]


def test_sock_5_what_is_not_shown_as_a_message_uses_its_number_up(webchat):
    """A text without characters is shown as it is; a frame of a later version, typing and an error
    are no messages, but no gap either. A message that has such a number after all is not lost."""
    webchat.to(State.LIVE)
    webchat.effects.clear()
    hear(webchat, type="message", text="t", sequenceId="2")
    hear(webchat, type="message", text="", sequenceId="3")
    hear(webchat, type="message", text="u", sequenceId="7")
    hear(webchat, type="typing", state=True, sequenceId="5")
    hear(webchat, type="novelty", sequenceId="4")
    hear(webchat, type="error", message="no", sequenceId="6")
    hear(webchat, type="message", text="v", sequenceId="8")
    hear(webchat, type="message", text="w", sequenceId="4")
    webchat.pass_time(10.0)
    shown = [
        (event.text, event.late) if event.kind == "message" else event.kind
        for event in webchat.events()
    ]
    assert shown == [
        ("t", False),
        ("", False),
        "typing",
        ("u", False),
        ("v", False),
        ("w", True),
    ]


def test_sock_8_a_pong_is_life_and_silence_of_ten_seconds_a_lost_link(webchat):
    webchat.to(State.LIVE)
    states = []
    for is_answered in (True, False):
        webchat.pass_time(webchat.machine.wake_at - webchat.now)
        if is_answered:
            webchat.feed(i.PongArrived())
        else:
            webchat.pass_time(9.9)
        states.append(webchat.machine.state)
    webchat.pass_time(0.2)
    pings = sum(isinstance(effect, e.Ping) for effect in webchat.effects)
    assert (pings, states, webchat.machine.state) == (2, [State.LIVE, State.LIVE], State.RESTING)
