"""Each kind of step: what it does, what ends it, and how it fails."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import (
    AskPersona,
    DropNow,
    SendChoice,
    SendFile,
    SendText,
    SendTyping,
)
from guestd.load.guest.heard import (
    CommandRefused,
    Live,
    PersonaSaid,
    PresenceHeard,
    Resting,
    Settled,
)
from guestd.load.scenario.steps import (
    AttachFile,
    Choose,
    DropConnection,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    ExpectReply,
    Repeat,
    SayStep,
    SetAttributes,
    TalkAsPersona,
    Think,
    TypeFor,
)
from guestd.model.instants import NEVER
from tests.unit.load.guest.guest_harness import (
    GuestProfile,
    GuestUnderTest,
    quick_replies,
    seconds,
    step,
)


def say(text: str) -> SayStep:
    return step(SayStep, text=text)


def expect(text: str = "", **fields: object) -> ExpectReply:
    return step(ExpectReply, containing=text, **fields)


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
    assert failed.seen == "'sorry?', [QuickReply]"
    assert any(line.kind == "step" and "no_reply" in line.text for line in guest.guest.transcript)


def test_what_was_seen_is_bounded():
    guest = GuestUnderTest(say("hi"), expect("order"))
    guest.live()
    for _ in range(300):
        guest.reply("x" * 3000, 1)
    guest.due(11)
    assert guest.guest.failed is not None and len(guest.guest.failed.seen) < 1100


# --- choosing ------------------------------------------------------------------------------------

CARD = {
    "contentType": "Card",
    "card": {
        "title": "Parcel",
        "actions": [
            {"type": "Link", "text": "Site", "url": "https://example.com"},
            {"type": "Postback", "text": "Track", "payload": "TRACK"},
        ],
    },
}
CAROUSEL = {
    "contentType": "Carousel",
    "carousel": {
        "cards": [
            {"title": "A", "actions": [{"type": "Postback", "text": "Take A", "payload": "1"}]},
            {"title": "B", "actions": [{"type": "Postback", "text": "Take B", "payload": "2"}]},
        ]
    },
}
DATES = {
    "contentType": "DatePicker",
    "datePicker": {
        "title": "When",
        "availableTimes": [
            {"dateTime": "2026-12-01T09:00:00.000Z", "duration": 900},
            {"dateTime": "2026-12-02T09:00:00.000Z", "duration": 900},
        ],
    },
}
LIST = {
    "contentType": "ListPicker",
    "listPicker": {
        "sections": [
            {"title": "Food", "items": [{"id": "p", "title": "Pizza"}]},
            {"title": "Drinks", "items": [{"id": "t", "title": "Tea"}]},
        ]
    },
}
REPLIES = quick_replies("Yes", "No")


@pytest.mark.parametrize(
    ("content", "choice", "reply_type", "pair"),
    [
        (REPLIES, {"text": "no"}, "QuickReply", ("No", "NO")),
        (REPLIES, {"number": 1}, "QuickReply", ("Yes", "YES")),
        (REPLIES, {}, "QuickReply", ("Yes", "YES")),
        ([CARD], {"text": "Track"}, "Button", ("Track", "TRACK")),
        ([CARD], {"number": 1}, "Button", ("Track", "TRACK")),
        ([CAROUSEL], {"text": "take b"}, "Button", ("Take B", "2")),
        ([CAROUSEL], {"text": "2"}, "Button", ("Take B", "2")),
        (
            [DATES],
            {"text": "2026-12-02"},
            "DatePicker",
            ("2026-12-02T09:00:00.000Z", "2026-12-02T09:00:00.000Z"),
        ),
        ([LIST], {"text": "Tea"}, "ListPicker", ("Tea", "t")),
        ([LIST], {"number": 2}, "ListPicker", ("Tea", "t")),
    ],
)
def test_a_choice_is_picked_from_what_was_offered(content, choice, reply_type, pair):
    guest = GuestUnderTest(step(Choose, **choice), expect("x"))
    guest.live()
    assert guest.sent() == []
    guest.reply("pick", 1, content=content)
    sent = guest.sent()[0]
    assert isinstance(sent, SendChoice)
    assert (sent.reply_type, sent.choices) == (reply_type, (pair,))
    assert sent.originating_message_id == "m1"
    guest.confirm(2)
    assert [one.step for one in guest.done()] == [0]


def test_what_was_chosen_from_is_offered_no_more():
    guest = GuestUnderTest(step(Choose, number=1), step(Choose, number=1), expect("x"))
    guest.live()
    guest.reply("pick", 1, content=REPLIES)
    assert len(guest.sent()) == 1
    guest.reply("and now", 2, content=[LIST])
    assert [one.reply_type for one in guest.sent()] == ["QuickReply", "ListPicker"]


def test_what_is_not_offered_is_waited_for_and_then_told():
    guest = GuestUnderTest(step(Choose, text="Maybe", within_s=5), expect("x"))
    guest.live()
    guest.reply("pick", 1, content=REPLIES)
    guest.due(5)
    failed = guest.guest.failed
    assert failed is not None and failed.failure == "no_choice"
    assert failed.expected == 'the choice "Maybe" to be offered within 5 s'
    assert failed.seen == "offered: Yes, No"


@pytest.mark.parametrize(
    "content",
    [
        [None],
        ["x"],
        [{"contentType": "Card"}],
        [{"contentType": "Card", "card": {"actions": "x"}}],
        [{"contentType": "ListPicker", "listPicker": {"sections": [None, {"items": 3}]}}],
        [{"contentType": "QuickReply", "quickReply": {"text": 5}}],
        [{"contentType": "DatePicker", "datePicker": {"availableTimes": [{"dateTime": ""}]}}],
    ],
)
def test_content_that_makes_no_sense_offers_nothing(content):
    guest = GuestUnderTest(step(Choose, number=1))
    guest.live()
    guest.reply("", 1, content=content)
    assert guest.sent() == []


# --- files, people, connections ------------------------------------------------------------------


def test_a_file_is_waited_for():
    guest = GuestUnderTest(
        step(
            AttachFile, path="photos/5.png", filename="${guest.number}.png", caption="see ${run.id}"
        ),
        say("done"),
    )
    guest.live()
    sent = guest.sent()[0]
    assert isinstance(sent, SendFile)
    assert (sent.path, sent.filename, sent.caption) == ("photos/5.png", "6.png", "see run-1")
    assert guest.said() == []
    guest.confirm(3)
    assert guest.said() == ["done"] and guest.done()[0].took_s == 3
    assert guest.measured("echo_latency") == []


@pytest.mark.parametrize(
    ("event", "failure"),
    [
        (Settled("5-1", "failed", "too large", "too_large"), "send_failed"),
        (Settled("5-1", "uncertain"), "uncertain"),
        (CommandRefused("5-1", "unavailable", "no files"), "send_failed"),
        (None, "no_echo"),
    ],
)
def test_a_file_that_is_not_confirmed_fails_its_step(event, failure):
    guest = GuestUnderTest(step(AttachFile, size_bytes=10, within_s=9))
    guest.live()
    if event is None:
        guest.due(9)
    else:
        guest.hear(event, 1)
    assert guest.failures() == [(0, failure)]


@pytest.mark.parametrize(
    ("who", "joins"),
    [
        ("", lambda guest: guest.hear(PresenceHeard("Join", False), 1)),
        ("", lambda guest: guest.reply("hi", 1, bot=True)),
        ("bot", lambda guest: guest.reply("hi", 1, bot=True)),
        ("human", lambda guest: guest.reply("hi", 1)),
    ],
)
def test_a_join_is_waited_for_or_was_before(who, joins):
    guest = GuestUnderTest(step(ExpectJoin, who=who), say("hi"), expect("x"))
    guest.live()
    joins(guest)
    assert guest.said() == ["hi"]
    early = GuestUnderTest(step(Think, time=seconds(2)), step(ExpectJoin, who=who), say("hi"))
    early.live()
    joins(early)
    early.due(2)
    assert early.said() == ["hi"]


def test_a_join_of_another_kind_is_none():
    guest = GuestUnderTest(step(ExpectJoin, who="human", within_s=3))
    guest.live()
    guest.reply("hi", 1, bot=True)
    guest.hear(PresenceHeard("Join", False), 1)
    guest.due(3)
    assert guest.failures() == [(0, "no_join")]


def test_a_disconnect_is_waited_for_or_was_before():
    guest = GuestUnderTest(step(ExpectDisconnect))
    guest.live()
    guest.hear(PresenceHeard("Disconnect", True), 1)
    assert guest.has_asked_to_end() and guest.failures() == []
    early = GuestUnderTest(step(Think, time=seconds(2)), step(ExpectDisconnect))
    early.live()
    early.hear(PresenceHeard("Disconnect", False), 1)
    early.due(2)
    assert early.has_asked_to_end()
    never = GuestUnderTest(step(ExpectDisconnect, within_s=3))
    never.live()
    never.due(3)
    assert never.failures() == [(0, "no_disconnect")]


def test_the_end_of_the_session_is_a_disconnect_too():
    guest = GuestUnderTest(step(ExpectDisconnect), step(EndConversation))
    guest.live()
    guest.over(1, "closed_by_platform")
    assert guest.outcomes() == ["passed"] and guest.counted("ended") == 1
    more = GuestUnderTest(step(ExpectDisconnect), say("hello?"))
    more.live()
    more.over(1, "closed_by_platform")
    assert more.failures() == [(1, "session_over")] and more.outcomes() == ["failed"]


def test_the_connection_is_dropped_and_comes_back():
    guest = GuestUnderTest(step(DropConnection, how="close"), say("back"), expect("x"))
    guest.live()
    assert DropNow("close") in guest.out and guest.said() == []
    guest.hear(Resting("dropped"), 1)
    assert guest.guest.state == "resting" and guest.said() == []
    guest.hear(Live(False), 3)
    assert guest.guest.state == "live" and guest.said() == ["back"]
    assert guest.done()[0].took_s == 3


def test_a_connection_that_is_lost_already_is_not_dropped():
    drop = step(DropConnection, within_s=5)
    guest = GuestUnderTest(step(Think, time=seconds(1)), drop)
    guest.live()
    guest.hear(Resting("reset"), 0.5)
    guest.due(1)
    assert not any(isinstance(one, DropNow) for one in guest.out)
    guest.due(6)
    assert guest.failures() == [(1, "no_restore")]


# --- rounds --------------------------------------------------------------------------------------


def test_rounds_are_counted():
    guest = GuestUnderTest(step(Repeat, times=3, steps=(say("a"), say("b"))), expect("x"))
    guest.live()
    assert guest.said() == ["a", "b"] * 3
    for number in range(1, 7):
        guest.confirm(1, f"5-{number}")
    assert sorted(one.step for one in guest.done()) == [0, 1, 1, 1, 2, 2, 2]


def test_rounds_within_rounds():
    inner = step(Repeat, times=2, steps=(say("i"),))
    guest = GuestUnderTest(step(Repeat, times=2, steps=(inner, say("o"))), expect("x"))
    guest.live()
    assert guest.said() == ["i", "i", "o"] * 2
    assert [one.step for one in guest.done()] == [1, 1, 0]


def test_rounds_begin_when_they_are_meant_to_until_the_time_is_over():
    guest = GuestUnderTest(step(Repeat, every_s=10, for_s=30, steps=(say("a"),)))
    guest.live(1)
    times = [1.0]
    while not guest.has_asked_to_end():
        at = guest.wake
        guest.due(at)
        times.append(at)
    assert times == [1, 11, 21] and len(guest.said()) == 3


def test_rounds_without_end_last_until_the_run_is_stopped():
    guest = GuestUnderTest(step(Repeat, every_s=1, steps=(say("a"),)))
    guest.live()
    for second in range(1, 50):
        guest.due(second)
    assert len(guest.said()) == 50
    guest.stop(50)
    assert guest.has_asked_to_end()
    guest.over(51)
    assert guest.outcomes() == ["stopped"]
    assert [one for one in guest.done() if not one.cut_short] == []


@pytest.mark.parametrize("steps", [(), (say("a"),), (step(SetAttributes, values={"a": "b"}),)])
def test_rounds_that_take_no_time_give_the_process_back(steps):
    guest = GuestUnderTest(step(Repeat, steps=steps))
    guest.live()
    assert 0 < guest.wake < 0.1
    assert len(guest.out) < 2000
    guest.due(guest.wake)
    assert guest.guest.state == "live"


def test_steps_that_are_met_at_once_do_not_nest():
    guest = GuestUnderTest(step(Repeat, times=5000, steps=(step(ExpectJoin),)))
    guest.live()
    guest.reply("hi", 1)
    while not guest.has_asked_to_end():
        guest.due(guest.wake)
    assert len(guest.done()) == 5001


def test_a_name_may_have_spaces_and_two_dollars_are_none():
    text = say("${ order number } costs $${order number}")
    guest = GuestUnderTest(text, data=({"order number": "17"},))
    guest.live()
    assert guest.said() == ["17 costs ${order number}"]


# --- a language model ----------------------------------------------------------------------------


def persona(**fields: object) -> TalkAsPersona:
    given = {"persona": "${guest.name}, in a hurry", "goal": "a refund", **fields}
    return step(TalkAsPersona, **given)


def asked(guest: GuestUnderTest) -> list[AskPersona]:
    return [one for one in guest.out if isinstance(one, AskPersona)]


def test_a_persona_talks_until_the_goal_is_reached():
    guest = GuestUnderTest(persona(), say("bye"), expect("x"))
    guest.live()
    role, system = asked(guest)[0].messages[0]
    assert role == "system" and "parcel-6, in a hurry" in system and "a refund" in system
    guest.hear(PersonaSaid(" I want my money. "), 1)
    assert guest.said() == ["I want my money."]
    guest.confirm(1.2)
    guest.reply("Which order?", 2, bot=True)
    guest.reply("", 2.2, bot=True, content=quick_replies("A", "B"))
    guest.due(guest.wake)
    assert asked(guest)[1].messages[1:] == (
        ("assistant", "I want my money."),
        ("user", "Which order?"),
        ("user", "[A] [B]"),
    )
    guest.hear(PersonaSaid("PASS"), 5)
    assert guest.said() == ["I want my money.", "bye"] and guest.failures() == []
    assert next(one.kind for one in guest.guest.transcript if one.who == "guest") == "persona"


def test_a_persona_without_a_goal_is_all_that_the_model_is_told():
    guest = GuestUnderTest(persona(goal=""))
    guest.live()
    name = guest.guest.planned.name
    assert asked(guest)[0].messages == (("system", f"{name}, in a hurry"),)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (PersonaSaid("FAIL, they refuse"), "FAIL, they refuse"),
        (PersonaSaid("PASS or FAIL?"), "PASS or FAIL?"),
        (PersonaSaid("", "HTTP 500"), "HTTP 500"),
        (PersonaSaid("  "), "an empty answer"),
    ],
)
def test_a_persona_fails(answer, seen):
    guest = GuestUnderTest(persona())
    guest.live()
    guest.hear(answer, 1)
    assert guest.failures() == [(0, "persona")]
    assert guest.guest.failed is not None and guest.guest.failed.seen == seen
    assert guest.guest.failed.expected == "the goal to be reached: a refund"


def test_a_word_within_a_word_is_no_verdict():
    guest = GuestUnderTest(persona(terms=(("DONE", "thank you"), ())))
    guest.live()
    assert "DONE" in asked(guest)[0].messages[0][1]
    guest.hear(PersonaSaid("I am UNDONE"), 1)
    assert guest.said() == ["I am UNDONE"]
    guest.reply("?", 2)
    guest.due(guest.wake)
    guest.hear(PersonaSaid("Thank you."), 5)
    assert guest.has_asked_to_end() and guest.failures() == []


def test_a_persona_has_so_many_turns_and_so_long_for_a_reply():
    guest = GuestUnderTest(persona(turns_max=1))
    guest.live()
    guest.hear(PersonaSaid("one"), 1)
    guest.reply("yes", 2)
    guest.due(guest.wake)
    guest.hear(PersonaSaid("two"), 5)
    assert guest.failures() == [(0, "persona")]
    silent = GuestUnderTest(persona(reply_within_s=7))
    silent.live()
    silent.hear(PersonaSaid("one"), 1)
    silent.due(8)
    assert silent.failures() == [(0, "no_reply")]


def test_an_answer_that_was_not_asked_for_is_not_said():
    guest = GuestUnderTest(persona(), expect("x"))
    guest.live()
    guest.hear(PersonaSaid("one"), 1)
    guest.hear(PersonaSaid("two"), 1)
    assert guest.said() == ["one"]
    guest.stop(2)
    guest.hear(PersonaSaid("three"), 3)
    assert guest.said() == ["one"] and guest.guest.wake_at == NEVER
