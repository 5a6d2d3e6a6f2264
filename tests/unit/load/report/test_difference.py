"""Where an expected reply and what was said instead begin to differ."""

from __future__ import annotations

import pytest

from guestd.load.report.difference import first_difference
from guestd.load.report.transcript import conversation_text
from guestd.load.results import ConversationReport, TranscriptEntry


def failed(expected, *said):
    lines = [TranscriptEntry(at_s=0.0, who=who, text=text) for who, text in said]
    return ConversationReport(
        guest="g-1",
        scenario="s",
        why="failed",
        outcome="failed",
        expected=f'a reply containing "{expected}" within 10 s',
        transcript=lines,
    )


@pytest.mark.parametrize(
    ("expected", "seen", "told"),
    [
        (
            "Your parcel is on its way",
            "Your parcel is lost",
            "after “Your parcel is ”: “on its way” expected, “lost” seen",
        ),
        (
            "your parcel is there",
            "Well, Your parcel is",
            "after “your parcel is”: “ there” expected, nothing seen",
        ),
        (
            "Dear Ana, welcome back",
            "Dear Tom, welcome back",
            "before “, welcome back”: “Dear Ana” expected, “Dear Tom” seen",
        ),
        ("Opening hours", "I did not understand", ""),
    ],
)
def test_the_first_difference_is_told_with_what_is_common(expected, seen, told):
    one = failed(expected, ("guest", "hi"), ("Bot", seen))
    assert first_difference(one) == told
    assert ("first difference: " in conversation_text(one)) is bool(told)


def test_only_what_was_said_after_the_guests_last_message_is_compared():
    one = failed("Thank you, Ana", ("Bot", "Thank you, Tom"), ("guest", "bye"), ("Bot", "..."))
    assert first_difference(one) == ""


def test_the_most_alike_of_several_replies_is_taken():
    one = failed(
        "The shop opens at nine", ("guest", "when?"), ("Bot", "The shop is nice"),
        ("Bot", "The shop opens at ten"), ("Bot", "More?"),
    )  # fmt: skip
    assert first_difference(one) == "after “The shop opens at ”: “nine” expected, “ten” seen"


def test_a_pattern_or_another_step_has_no_difference():
    one = failed("x", ("guest", "hi"), ("Bot", "x"))
    one.expected = "a reply matching /x+/ within 10 s"
    assert first_difference(one) == ""
