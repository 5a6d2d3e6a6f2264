"""A failed conversation as text: one reason, and times since the conversation began."""

from __future__ import annotations

import pytest

from guestd.load.report.texts import since
from guestd.load.report.transcript import conversation_text, failure_text
from guestd.load.results import ConversationReport, TranscriptEntry

EXPECTED = 'a reply containing "on its way" within 2 s'


def failed(step=1, label='waits for "on its way"', text=""):
    words = f"step {step + 1}" if step >= 0 else "opening"
    text = text or f"{words} failed: no_reply; expected {EXPECTED}; seen 'Hi'"
    return ConversationReport(
        guest="track-1", scenario="Track", why="failed", outcome="failed",
        what=f"{label}: no reply as expected in time", started_s=61.5, failed_step=step,
        failed_label=label, expected=EXPECTED, seen="'Hi'", command="guestd test a.yml",
        transcript=[
            TranscriptEntry(at_s=61.5, who="guest", text="Where is it?"),
            TranscriptEntry(at_s=61.623, who="Leo", text="Hi"),
            TranscriptEntry(at_s=63.5, who="", text=text, kind="step"),
        ],
    )  # fmt: skip


def test_the_terminal_is_told_the_reason_once():
    assert failure_text(failed(), "a.yml:9").splitlines() == [
        'step 2 waits for "on its way": no reply as expected in time  (a.yml:9)',
        f"expected: {EXPECTED}",
        "seen: 'Hi'",
        "",
        "  +0.000 s  guest: Where is it?",
        "  +0.123 s  Leo: Hi",
        "  +2.000 s  * step 2 failed",
        "",
        "again: guestd test a.yml",
    ]


def test_another_step_that_failed_keeps_its_words():
    told = conversation_text(failed(text="step 3 failed: uncertain; expected x; seen y"))
    assert "* step 3 failed: uncertain; expected x; seen y" in told


def test_a_conversation_that_never_opened_has_no_number_of_a_step():
    one = failed(step=-1, label="before the first step")
    assert failure_text(one).startswith("before the first step: no reply as expected in time\n")
    assert "* opening failed\n" in failure_text(one)


@pytest.mark.parametrize(
    ("at_s", "told"), [(61.5, "+0.000 s"), (61.4999, "+0.000 s"), (61.0, "-0.500 s"),
                       (1361.75, "+1,300.250 s")],
)  # fmt: skip
def test_times_are_since_the_conversation_began(at_s, told):
    assert since(at_s, 61.5) == told
