"""How a conversation is drawn, and what may be chosen in it."""

from __future__ import annotations

import pytest

from guestd.app.chat.drawing import ConversationView, OfferedChoice
from guestd.app.chat.screen import tinted, wrapped


def message(*content, text="Pick", **more):
    return {"kind": "message", "direction": "Outbound", "sender": "Leo", "text": text,
            "content": list(content), **more}  # fmt: skip


def card(title, *actions):
    return {"title": title, "description": "Open until 20:00", "actions": list(actions)}


BUY = {"type": "Postback", "text": "Buy", "payload": "BUY"}
MAP = {"type": "Link", "text": "Map", "url": "https://example.org/map"}


def drawn(view, event):
    return [tinted(line, False) for line in view.drawn(event)]


def test_a_card_is_drawn_with_its_links_and_numbered_choices():
    view = ConversationView()
    assert drawn(view, message({"contentType": "Card", "card": card("Shop", MAP, BUY)})) == [
        "Leo: Pick",
        "   ╭ Shop",
        "   │ Open until 20:00",
        "   │ Map: https://example.org/map",
        "   │ /1 Buy",
        "   ╰",
    ]
    assert view.choices == [OfferedChoice("Button", "Buy", "BUY")]


def test_choices_of_a_carousel_are_numbered_through():
    view = ConversationView()
    cards = {"cards": [card("A", BUY), card("B", BUY), "no card"]}
    lines = drawn(view, message({"contentType": "Carousel", "carousel": cards}))
    assert "   ╭ 1 of 2: A" in lines and "   ╭ 2 of 2: B" in lines
    assert [line for line in lines if "Buy" in line] == ["   │ /1 Buy", "   │ /2 Buy"]


def test_dates_and_list_items_can_be_chosen():
    view = ConversationView()
    times = {"title": "When?", "availableTimes": [{"dateTime": "2027-06-02T10:30:00.000Z"}]}
    drawn(view, message({"contentType": "DatePicker", "datePicker": times}))
    assert [one.type for one in view.choices] == ["DatePicker"]
    sections = {"sections": [{"title": "Toppings", "items": [{"id": "1", "title": "Cheese"}]}]}
    drawn(view, message({"contentType": "ListPicker", "listPicker": sections}))
    assert view.choices == [OfferedChoice("ListPicker", "Cheese", "1")]


def test_choices_stay_until_others_are_offered():
    view = ConversationView()
    drawn(view, message({"contentType": "QuickReply", "quickReply": {"text": "A", "payload": "a"}}))
    drawn(view, message(text="Take your time"))
    assert view.choices == [OfferedChoice("QuickReply", "A", "a")]
    drawn(view, message({"contentType": "QuickReply", "quickReply": {"text": "B", "payload": "b"}}))
    assert view.choices == [OfferedChoice("QuickReply", "B", "b")]


def test_what_the_guest_says_is_shown_at_once_and_not_again_by_its_echo():
    view = ConversationView()
    accepted = {"kind": "accepted", "action": "send", "command_id": "c", "text": "hello"}
    echo = {"kind": "message", "direction": "Inbound", "text": "hello", "command_id": "c"}
    assert drawn(view, accepted) == ["you: hello"]
    assert drawn(view, echo) == []
    assert drawn(view, {**echo, "command_id": ""}) == ["you: hello"], "said by another device"


@pytest.mark.parametrize("content", [[1], ["x"], [{"contentType": "Card", "card": 7}], [{}],
                                     [{"contentType": "Carousel", "carousel": {"cards": 5}}]])  # fmt: skip
def test_odd_content_is_drawn_somehow(content):
    assert drawn(ConversationView(), message(*content))[0] == "Leo: Pick"


def test_a_long_line_breaks_between_words():
    line = (("Leo", "33"), (": " + "word " * 30, ""))
    lines = tinted(wrapped(line, 40), False).splitlines()
    assert len(lines) > 3 and all(len(one) < 40 and one.strip().endswith("word") for one in lines)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("send", "   waits for the platform's connection, which is lost just now"),
        ("reply", "your choice waits for the platform's connection, which is lost just now"),
        ("attach", "your file waits for the platform's connection, which is lost just now"),
    ],
)
def test_what_is_accepted_while_the_connection_is_lost_waits(action, said):
    view = ConversationView()
    accepted = {"kind": "accepted", "action": action, "command_id": "1"}
    assert drawn(view, accepted) == []
    drawn(view, {"kind": "session", "state": "resting", "reason": "lost"})
    assert drawn(view, accepted) == [said]
    assert drawn(view, {**accepted, "action": "end"}) == []
    drawn(view, {"kind": "session", "state": "live"})
    assert drawn(view, accepted) == []


@pytest.mark.parametrize(
    ("status", "reason", "text", "said"),
    [
        ("uncertain", "it may be there", "m2", "'m2' is uncertain: it may be there"),
        ("failed", "refused", "m2", "'m2' failed: refused"),
        ("failed", "", "m2", "'m2' failed"),
        ("uncertain", "lost", "", "a message of yours is uncertain: lost"),
        ("failed", "refused", "", "a message of yours failed: refused"),
    ],
)
def test_what_became_of_a_message_names_it_and_says_why(status, reason, text, said):
    event = {"kind": "delivery", "command_id": "c", "status": status, "reason": reason}
    (line,) = ConversationView().drawn(event, text)
    assert "".join(part for part, _ in line) == said


def test_a_refusal_of_the_platform_has_its_facts():
    event = {"kind": "delivery", "status": "failed", "reason": "no", "platform_status": 400}
    assert drawn(ConversationView(), event) == [
        "a message of yours failed: no; the platform's status 400"
    ]
