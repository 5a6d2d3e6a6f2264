"""A guest from its start to its end: what it says, what it waits for, how it ends."""

from __future__ import annotations

from guestd.load.guest.actions import OpenGuestSession, SendText
from guestd.load.scenario.steps import EndConversation, ExpectReply, SayStep
from guestd.model.instants import NEVER
from tests.unit.load.guest.guest_harness import GuestProfile, GuestUnderTest, step


def test_a_guest_opens_says_hears_and_ends():
    guest = GuestUnderTest(
        step(SayStep, text="hi"), step(ExpectReply, containing="HELLO"), step(EndConversation)
    )
    assert isinstance(guest.begin()[0], OpenGuestSession)
    assert guest.guest.state == "opening"
    guest.live(1)
    assert guest.said() == ["hi"]
    guest.confirm(1.1)
    guest.reply("not yet", 1.5)
    assert not guest.has_asked_to_end()
    guest.reply("well, hello there", 2)
    assert guest.has_asked_to_end() and guest.guest.state == "leaving"
    assert guest.guest.wake_at == NEVER
    guest.over(3)
    assert guest.outcomes() == ["passed"] and guest.guest.is_over
    assert [one.step for one in guest.done()] == [0, 1, 2]
    assert guest.failures() == []


def test_every_guest_ends_its_conversation_without_a_step_for_it():
    guest = GuestUnderTest(step(SayStep, text="hi"))
    guest.live()
    assert guest.has_asked_to_end()


def test_templates_are_filled_from_the_row_the_guest_and_the_captures():
    guest = GuestUnderTest(
        step(SayStep, text="${order} ${guest.name} ${guest.number} ${run.id} ${missing}$${plain}"),
        step(ExpectReply, containing="${order}", capture={"code": r"code (\w+)"}),
        step(SayStep, text="${code}", attributes={"code": "${code}"}),
        data=({"order": "A-1"}, {"order": "A-2"}),
        row=3,
        guest=GuestProfile(display_name="Ann ${order}", attributes={"who": "${guest.name}"}),
    )
    opened = guest.begin()[0]
    assert isinstance(opened, OpenGuestSession)
    assert opened.guest.name == "parcel-6" and opened.guest.display_name == "Ann A-2"
    assert opened.guest.attributes == {"who": "parcel-6"}
    guest.live()
    assert guest.said() == ["A-2 parcel-6 6 run-1 ${plain}"]
    guest.reply("a-2 has no number", 1)
    guest.reply("a-2 has the code XY9.", 2)
    last = guest.sent()[-1]
    assert isinstance(last, SendText)
    assert (last.text, last.attributes) == ("XY9", {"code": "XY9"})
