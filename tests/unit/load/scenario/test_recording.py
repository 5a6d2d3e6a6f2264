"""A conversation as the steps of a scenario."""

from __future__ import annotations

import pytest

from guestd.load.scenario.recording import recorded_steps, stable_part
from guestd.load.scenario.writer import write_steps


def message(direction, text="", at=0, content=()):
    return {"kind": "message", "direction": direction, "text": text, "at": at, "content": content}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Where is it?", "Where is it?"),
        ("Slot 42 is yours.", "is yours."),
        ("It arrives on 2027-06-02 at 10:30, all of it", "It arrives on"),
        ("Your parcel\nis on its way", "Your parcel"),
        ("\n  Hello  \n", "Hello"),
        ("4711", "4711"),
        ("No 7", "No 7"),
        ("", ""),
    ],
)
def test_of_an_answer_the_part_is_waited_for_that_is_the_same_next_time(text, part):
    assert stable_part(text) == part


def test_what_was_said_chosen_and_sent_becomes_steps_in_its_order():
    choice = [{"contentType": "ButtonResponse", "buttonResponse": {"payload": "B"}}]
    file = [{"contentType": "Attachment", "attachment": {"filename": "a.png", "mime": "image/png"}}]
    events = [
        message("Inbound", "I have ${5}"),
        {"kind": "presence", "direction": "Outbound", "presence": "Join"},
        message("Outbound", "Which one?"),
        message("Inbound", "The second", content=choice),
        message("Outbound", "", content=[{"contentType": "Card"}]),
        message("Inbound", "see this", content=file),
        {"kind": "gap", "reason": "…"},
        {"kind": "presence", "direction": "Outbound", "presence": "Disconnect"},
    ]
    assert write_steps(recorded_steps(events)).splitlines() == [
        '- say: "I have $${5}"',
        "- waitForReplyContaining: Which one?",
        "- choose: The second",
        "- expect:",
        "    structure: card",
        "- attach:",
        "    size: 1000",
        "    type: image/png",
        "    name: a.png",
        "    caption: see this",
        "- waitForDisconnect",
    ]


def test_pauses_of_the_guest_are_recorded_where_they_are_asked_for():
    events = [
        message("Inbound", "hi", at=1_000),
        message("Outbound", "Hello!", at=1_100),
        message("Inbound", "bye", at=3_640),
        message("Inbound", "now", at=3_700),
    ]
    assert "think" not in write_steps(recorded_steps(events))
    text = write_steps(recorded_steps(events, with_pauses=True))
    assert text.count("think") == 1 and '- think: "2.5s"\n- say: bye\n- say: now\n' in text
