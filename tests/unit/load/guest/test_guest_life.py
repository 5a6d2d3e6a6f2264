"""The session of a guest: opened, lost, ended, stopped; and each way out told once."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import OPENING, EndSession, StepDone
from guestd.load.guest.guest_run import TRANSCRIPT_LINES_MAX
from guestd.load.guest.heard import (
    CommandRefused,
    EchoHeard,
    GapHeard,
    Live,
    MessageHeard,
    Resting,
    SessionOver,
    Settled,
)
from guestd.load.guest.transcript import TEXT_CHARS_MAX
from guestd.load.scenario.steps import (
    EndConversation,
    ExpectReply,
    Repeat,
    SayStep,
    Think,
)
from guestd.model.instants import NEVER
from tests.unit.load.guest.guest_harness import GuestUnderTest, seconds, step

HI = step(SayStep, text="hi")
EXPECT = step(ExpectReply, containing="x")


def test_a_guest_goes_through_its_states():
    guest = GuestUnderTest(HI, EXPECT)
    states = [guest.guest.state]
    assert guest.guest.started_at is None and guest.guest.wake_at == NEVER
    guest.begin(2)
    states.append(guest.guest.state)
    guest.live(3)
    states.append(guest.guest.state)
    guest.hear(Resting("reset"), 4)
    states.append(guest.guest.state)
    guest.hear(Live(False), 5)
    guest.reply("x", 6)
    states.append(guest.guest.state)
    guest.over(7)
    states.append(guest.guest.state)
    assert states == ["waiting", "opening", "live", "resting", "leaving", "over"]
    assert guest.guest.started_at == 1002


def test_a_session_that_does_not_open_in_time_has_failed_and_is_given_up():
    guest = GuestUnderTest(HI, EXPECT, open_within_s=30.0)
    guest.begin(2)
    assert guest.guest.wake_at == 1032
    assert guest.guest.deadline(1031.9) == []
    told = guest.guest.deadline(1032)
    assert [one for one in told if isinstance(one, StepDone)] == [
        StepDone(OPENING, 0.0, "not_reached", "a session with the platform within 30 s", "nothing")
    ]
    assert isinstance(told[-1], EndSession)
    guest.over(33, "finished")
    assert guest.outcomes() == ["failed"]


def test_a_session_that_was_open_in_time_may_be_away_for_longer():
    guest = GuestUnderTest(step(ExpectReply, containing="x", within_s=100.0), open_within_s=30.0)
    guest.begin(0)
    guest.live(1)
    guest.hear(Resting("reset"), 2)
    assert guest.guest.wake_at == 1101
    guest.reply("x", 40)
    guest.over(41)
    assert guest.outcomes() == ["passed"]


def test_a_session_that_never_was_live_is_told_as_the_opening():
    guest = GuestUnderTest(HI, EXPECT)
    guest.begin()
    guest.over(1, "limit_exceeded")
    assert guest.failures() == [(OPENING, "session_over")]
    assert guest.guest.failed is not None and guest.guest.failed.seen == "limit_exceeded"
    assert guest.outcomes() == ["failed"] and guest.counted("failed") == 1


def test_a_session_that_is_over_unexpectedly_fails_the_step_under_way():
    loop = step(Repeat, steps=(HI, EXPECT))
    guest = GuestUnderTest(loop)
    guest.live()
    guest.over(2, "expired")
    assert guest.failures() == [(2, "session_over")]
    cut = [one.step for one in guest.done() if one.cut_short]
    assert sorted(cut) == [0, 1]  # the round, and the message that was not settled
    assert guest.outcomes() == ["failed"]
    assert guest.counted("failed") == 1 and guest.counted("ended") == 0


@pytest.mark.parametrize(
    ("cause", "counted"),
    [
        ("finished", "ended"),
        ("session_expired", "ended"),
        ("leave_timeout", "unconfirmed_end"),
        ("attempts_exhausted", "unconfirmed_end"),
    ],
)
def test_an_end_that_the_platform_did_not_confirm_counts_on_its_own(cause, counted):
    guest = GuestUnderTest(HI)
    guest.live()
    guest.confirm(1)
    assert guest.has_asked_to_end()
    guest.over(16, cause)
    ways = {name: guest.counted(name) for name in ("ended", "unconfirmed_end", "failed")}
    assert ways == {**dict.fromkeys(ways, 0), counted: 1}
    assert guest.outcomes() == ["passed"]


def test_a_session_that_is_over_between_rounds_fails_the_step_that_was_to_come():
    guest = GuestUnderTest(step(Repeat, every_s=10, steps=(HI,)))
    guest.live()
    guest.confirm(1)
    guest.over(2, "expired")
    assert guest.failures() == [(0, "session_over")] or guest.failures() == [(1, "session_over")]


def test_a_message_that_is_never_confirmed_is_found_at_the_end():
    guest = GuestUnderTest(HI)
    guest.live()
    guest.over(5)
    assert guest.failures() == [(0, "no_echo")] and guest.outcomes() == ["failed"]


def test_a_message_may_be_confirmed_while_the_guest_leaves():
    guest = GuestUnderTest(HI, step(EndConversation))
    guest.live()
    assert guest.has_asked_to_end()
    guest.confirm(1)
    guest.over(2)
    assert guest.outcomes() == ["passed"]
    assert [(one.step, one.took_s) for one in guest.done()] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("how", ["failed", "uncertain"])
def test_a_message_that_fails_while_the_guest_leaves_fails_it(how):
    guest = GuestUnderTest(HI)
    guest.live()
    guest.confirm(1, status=how)
    guest.over(2)
    assert guest.outcomes() == ["failed"]


def test_the_time_of_a_scenario_is_bounded():
    guest = GuestUnderTest(step(Think, time=seconds(100)), for_s=30)
    guest.begin(1)
    assert guest.wake == 31
    guest.live(2)
    guest.due(31)
    assert guest.failures() == [(0, "too_long")] and guest.has_asked_to_end()
    opening = GuestUnderTest(HI, for_s=30)
    opening.begin()
    opening.due(30)
    assert opening.failures() == [(OPENING, "too_long")]


def test_a_refused_end_is_asked_for_again():
    guest = GuestUnderTest()
    guest.live()
    (end,) = (one for one in guest.out if isinstance(one, EndSession))
    guest.hear(CommandRefused(end.command_id, "overloaded", "full"), 1)
    assert guest.wake == 2
    guest.due(2)
    assert sum(isinstance(one, EndSession) for one in guest.out) == 2
    assert guest.guest.wake_at == NEVER


@pytest.mark.parametrize("state", ["waiting", "opening", "live", "resting"])
def test_a_guest_is_stopped_in_an_orderly_way(state):
    guest = GuestUnderTest(HI, EXPECT)
    if state != "waiting":
        guest.begin()
    if state in ("live", "resting"):
        guest.live()
    if state == "resting":
        guest.hear(Resting("reset"), 1)
    assert guest.guest.state == state
    guest.stop(2)
    if state != "waiting":
        assert guest.has_asked_to_end() and guest.guest.state == "leaving"
        guest.over(3)
    assert guest.outcomes() == ["stopped"] and guest.failures() == []
    never_had_a_session = state == "opening"
    assert guest.counted("failed") == never_had_a_session
    guest.stop(4)
    assert guest.outcomes() == ["stopped"]


def test_what_is_not_sent_because_the_run_was_stopped_is_no_failure():
    guest = GuestUnderTest(HI, EXPECT)
    guest.live()
    guest.stop(1)
    guest.confirm(2, status="failed", reason="the session ended")
    guest.over(3)
    assert guest.outcomes() == ["stopped"] and guest.counted("send_failed") == 1
    assert guest.done() == [
        StepDone(1, 1, cut_short=True), StepDone(0, 2, cut_short=True)
    ]  # fmt: skip


def test_stopping_a_guest_that_leaves_changes_nothing():
    guest = GuestUnderTest(HI)
    guest.live()
    guest.stop(1)
    guest.confirm(2)
    guest.over(3)
    assert guest.outcomes() == ["passed"]


def test_nothing_is_heard_before_the_start_and_after_the_end():
    guest = GuestUnderTest(HI)
    assert guest.hear(MessageHeard("m", "x"), 0) == []
    guest.live()
    guest.over(1)
    assert guest.hear(SessionOver("again"), 2) == [] and guest.due(3) == [] and guest.begin(4) == []


def test_an_early_deadline_is_harmless():
    guest = GuestUnderTest(step(Think, time=seconds(5)), HI, EXPECT)
    guest.live()
    assert guest.due(4) == [] and guest.wake == 5


def test_the_transcript_tells_what_happened():
    guest = GuestUnderTest(HI, EXPECT)
    guest.live(1)
    guest.hear(EchoHeard("5-1", "p1", "hi"), 1.1)
    guest.confirm(1.25)
    guest.reply("no", 2, sender="Ann", late=True)
    guest.hear(Resting("reset"), 3)
    guest.hear(Live(False), 4)
    guest.hear(GapHeard("history was refused"), 4)
    guest.hear(Settled("unknown", "failed"), 4)
    guest.due(11)
    guest.over(12)
    lines = [(one.at_s, one.who, one.text, one.kind, one.notes) for one in guest.guest.transcript]
    assert lines == [
        (1, "", "connected", "connection", []),
        (1, "guest", "hi", "text", ["confirmed after 250 ms"]),
        (2, "Ann", "no", "text", ["late"]),
        (3, "", "connection lost: reset", "connection", []),
        (4, "", "connected again", "connection", []),
        (4, "", "messages may be missing here: history was refused", "connection", []),
        (11, "", 'step 2 failed: no_reply; expected a reply containing "x" within 10 s;'
         " seen 'no'", "step", []),
        (12, "", "session over: finished", "connection", []),
    ]  # fmt: skip


def test_a_connection_that_the_scenario_drops_is_not_told_as_lost():
    guest = GuestUnderTest(HI, EXPECT)
    guest.live(1)
    guest.hear(Resting("reconnect_asked"), 2)
    assert guest.guest.transcript[-1].text == "connection dropped, as was asked"


def test_the_transcript_is_bounded():
    guest = GuestUnderTest(HI, EXPECT)
    guest.live()
    for number in range(TRANSCRIPT_LINES_MAX + 50):
        guest.reply(f"{number} " + "y" * TEXT_CHARS_MAX, 1)
    guest.confirm(2)
    lines = guest.guest.transcript
    assert len(lines) == TRANSCRIPT_LINES_MAX + 1
    assert lines[0].text == "… 52 lines before"
    assert lines[1].text.startswith("50 y") and lines[-1].text.startswith("2049 y")
    assert lines[-1].text.endswith("y… (5 more characters)")


def test_a_line_is_noted_in_its_place_when_others_were_left_out():
    guest = GuestUnderTest(HI, step(Think, time=seconds(1)), HI, EXPECT)
    guest.live()
    for _ in range(TRANSCRIPT_LINES_MAX):
        guest.reply("y", 0.5)
    guest.due(1)
    guest.confirm(1.5, "5-1")
    guest.confirm(1.5, "5-2")
    noted = [(one.command_id, one.notes) for one in guest.guest.transcript if one.notes]
    assert noted == [("5-2", ["confirmed after 500 ms"])]
