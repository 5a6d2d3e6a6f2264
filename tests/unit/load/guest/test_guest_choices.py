"""What a guest picks from what it was offered: quick replies, cards, dates, lists."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import (
    SendChoice,
)
from guestd.load.scenario.steps import (
    Choose,
)
from tests.unit.load.guest.guest_harness import (
    GuestUnderTest,
    expect,
    quick_replies,
    step,
)

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
