"""A language model that speaks as the guest."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import (
    AskPersona,
)
from guestd.load.guest.heard import (
    PersonaSaid,
)
from guestd.load.scenario.steps import (
    TalkAsPersona,
)
from guestd.model.instants import NEVER
from tests.unit.load.guest.guest_harness import (
    GuestUnderTest,
    expect,
    quick_replies,
    say,
    step,
)


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
