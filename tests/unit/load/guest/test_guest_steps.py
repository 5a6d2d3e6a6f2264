"""Each kind of step: what it does, what ends it, and how it fails."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import (
    SendText,
    SendTyping,
)
from guestd.load.guest.heard import (
    CommandRefused,
    Resting,
    Settled,
)
from guestd.load.scenario.steps import (
    ExpectReply,
    SayStep,
    SetAttributes,
    Think,
    TypeFor,
)
from tests.unit.load.guest.guest_harness import (
    GuestProfile,
    GuestUnderTest,
    expect,
    quick_replies,
    say,
    seconds,
    step,
)

# --- saying --------------------------------------------------------------------------------------


def test_saying_waits_for_nothing():
    guest = GuestUnderTest(say("one"), say("two"), expect("x"))
    guest.live()
    assert guest.said() == ["one", "two"] and guest.done() == []
    guest.confirm(0.2, "5-1")
    assert [(one.step, one.took_s) for one in guest.done()] == [(0, pytest.approx(0.2))]


def test_a_message_is_said_while_the_connection_is_lost():
    guest = GuestUnderTest(step(Think, time=seconds(2)), say("still here"), expect("x"))
    guest.live()
    guest.hear(Resting("reset"), 1)
    guest.due(2)
    assert guest.said() == ["still here"] and guest.guest.state == "resting"


@pytest.mark.parametrize(
    ("event", "failure"),
    [
        (CommandRefused("5-1", "rate_limited", "too many"), "send_failed"),
        (Settled("5-1", "failed", "the platform refused", "platform"), "send_failed"),
        (Settled("5-1", "uncertain", "no history", "unconfirmed"), "uncertain"),
    ],
)
def test_what_was_not_sent_fails_the_step_that_said_it(event, failure):
    guest = GuestUnderTest(say("hi"), expect("x"))
    guest.live()
    guest.hear(event, 1)
    assert guest.failures() == [(0, failure)]
    assert guest.guest.failed is not None and event.reason in guest.guest.failed.seen
    assert [(one.step, one.cut_short) for one in guest.done()] == [(0, False), (1, True)]
    assert guest.has_asked_to_end()
    guest.over(2)
    assert guest.outcomes() == ["failed"]


def test_attributes_are_set_for_the_messages_from_then_on():
    guest = GuestUnderTest(
        say("before"),
        step(SetAttributes, values={"tier": "gold ${guest.number}"}),
        step(SayStep, text="own", attributes={"once": "yes"}),
        say("after"),
        expect("x"),
        guest=GuestProfile(attributes={"brand": "acme"}),
    )
    guest.live()
    sent = [one.attributes for one in guest.out if isinstance(one, SendText)]
    kept = {"brand": "acme", "tier": "gold 6"}
    assert sent == [None, {**kept, "once": "yes"}, kept]


# --- time ----------------------------------------------------------------------------------------


def test_thinking_does_nothing_for_so_long():
    guest = GuestUnderTest(step(Think, time=seconds(3)), say("hi"), expect("x"))
    guest.live(1)
    assert guest.wake == 4
    guest.due(3.9)
    assert guest.said() == []
    guest.due(4)
    assert guest.said() == ["hi"]
    assert guest.done()[0].took_s == 3


def test_typing_is_shown_at_once_and_every_five_seconds():
    guest = GuestUnderTest(step(TypeFor, time=seconds(12)), say("hi"), expect("x"))
    guest.live()
    times = [0.0]
    while not guest.said():
        at = guest.wake
        if any(isinstance(one, SendTyping) for one in guest.due(at)):
            times.append(at)
    assert times == [0, 5, 10] and at == 12
    shown = sum(isinstance(one, SendTyping) for one in guest.out)
    assert shown == 3


def test_typing_that_was_refused_fails_nothing():
    guest = GuestUnderTest(step(TypeFor, time=seconds(2)), expect("x"))
    guest.live()
    guest.hear(CommandRefused("5-1", "not_ready", "lost"), 1)
    assert guest.failures() == []


# --- replies -------------------------------------------------------------------------------------


def test_a_reply_from_before_the_step_counts_but_not_from_before_the_message():
    guest = GuestUnderTest(
        step(Think, time=seconds(1)), say("hi"), step(Think, time=seconds(5)), expect("hello")
    )
    guest.live()
    guest.reply("hello from before", 0.5)
    guest.due(1)
    guest.reply("hello to you", 2)
    guest.due(6)
    assert [one.step for one in guest.done() if one.step == 3] == [3]
    early = GuestUnderTest(step(Think, time=seconds(1)), say("hi"), expect("hello"))
    early.live()
    early.reply("hello from before", 0.5)
    early.due(1)
    assert not early.has_asked_to_end()


def test_a_message_is_the_reply_of_one_step_only_and_in_order():
    guest = GuestUnderTest(say("hi"), expect("a"), expect("a"), expect("b"))
    guest.live()
    guest.reply("b is soon", 1)
    guest.reply("a", 2)
    assert [one.step for one in guest.done()] == [1]
    guest.reply("a again", 3)
    assert [one.step for one in guest.done()] == [1, 2]
    guest.due(20)
    assert guest.failures() == [(3, "no_reply")]


def test_a_reply_that_came_early_is_used_once():
    guest = GuestUnderTest(say("hi"), step(Think, time=seconds(5)), expect("a"), expect("a"))
    guest.live()
    guest.reply("a", 1)
    guest.due(5)
    assert [one.step for one in guest.done()] == [1, 2] and not guest.has_asked_to_end()


def test_replies_that_came_together_are_used_one_by_one():
    wait = step(Think, time=seconds(5))
    guest = GuestUnderTest(say("hi"), wait, expect("a"), expect("b"), expect("c"))
    guest.live()
    for text in ("a", "noise", "b"):
        guest.reply(text, 1)
    guest.due(5)
    assert [one.step for one in guest.done()] == [1, 2, 3]
    guest.reply("c", 6)
    assert guest.has_asked_to_end()


@pytest.mark.parametrize(
    ("fields", "yes", "no"),
    [
        ({"containing": "OrDer"}, {"text": "your ORDER"}, {"text": "your bill"}),
        ({"matching": r"^#\d+$"}, {"text": "#12"}, {"text": "no #12"}),
        ({"matching": "^${guest.name}[.]$"}, {"text": "parcel-6."}, {"text": "parcel-6!"}),
        ({"sender": "bot"}, {"text": "x", "bot": True}, {"text": "x"}),
        ({"sender": "human"}, {"text": "x"}, {"text": "x", "bot": True}),
        (
            {"structure": "quick_replies", "containing": "pick"},
            {"text": "pick", "content": quick_replies("A")},
            {"text": "pick"},
        ),
        (
            {"structure": "file"},
            {"text": "", "content": [{"contentType": "Attachment", "attachment": {}}]},
            {"text": "", "content": quick_replies("A")},
        ),
        ({"capture": {"n": r"n=(\d)"}}, {"text": "n=1"}, {"text": "n=x"}),
    ],
)
def test_what_is_expected_of_a_reply(fields, yes, no):
    guest = GuestUnderTest(say("hi"), step(ExpectReply, **fields))
    guest.live()
    guest.reply(no.pop("text"), 1, **no)
    assert not guest.has_asked_to_end()
    guest.reply(yes.pop("text"), 2, **yes)
    assert guest.has_asked_to_end() and guest.failures() == []


def test_a_value_that_no_pattern_can_hold_matches_nothing():
    guest = GuestUnderTest(
        say("hi"), step(ExpectReply, matching="[b-${last}]"), data=({"last": "a"},)
    )
    guest.live()
    guest.reply("b", 1)
    guest.due(10)
    assert guest.failures() == [(1, "no_reply")]


def test_a_reply_that_does_not_come_is_told_with_what_came_instead():
    guest = GuestUnderTest(say("hi"), step(ExpectReply, containing="order", within_s=4))
    guest.live(1)
    guest.reply("sorry?", 2)
    guest.reply("", 3, content=quick_replies("A"))
    assert guest.wake == 5
    guest.due(5)
    failed = guest.guest.failed
    assert failed is not None and (failed.step, failed.failure) == (1, "no_reply")
    assert failed.took_s == 4
    assert failed.expected == 'a reply containing "order" within 4 s'
    assert failed.seen == "'sorry?', [quick_replies]"
    assert any(line.kind == "step" and "no_reply" in line.text for line in guest.guest.transcript)


def test_what_a_message_offers_is_told_in_the_words_of_the_file():
    guest = GuestUnderTest(say("hi"), step(ExpectReply, structure="quick_replies", within_s=4))
    guest.live(1)
    guest.reply("Which?", 2, content=[{"contentType": "Form"}])
    guest.due(5)
    assert guest.guest.failed is not None
    assert guest.guest.failed.expected == "a reply with quick_replies within 4 s"
    guest = GuestUnderTest(say("hi"), step(ExpectReply, structure="quick_replies"))
    guest.live(1)
    guest.reply("Which?", 2, content=quick_replies("A", "B"))
    found = [(one.kind, one.text) for one in guest.guest.transcript]
    assert ("quick_replies", "Which? [A] [B]") in found


def test_what_was_seen_is_bounded():
    guest = GuestUnderTest(say("hi"), expect("order"))
    guest.live()
    for _ in range(300):
        guest.reply("x" * 3000, 1)
    guest.due(11)
    assert guest.guest.failed is not None and len(guest.guest.failed.seen) < 1100
