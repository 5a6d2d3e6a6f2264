"""Each measure and each count: when it is written, with which value, and that it is so once."""

from __future__ import annotations

from typing import get_args

import pytest

from guestd.load.guest.actions import CountName, MeasureName
from guestd.load.guest.heard import CommandRefused, Live, Resting, Settled, TypingHeard
from guestd.load.scenario.steps import AttachFile, ExpectReply, Repeat, SayStep, Think
from tests.unit.load.guest.guest_harness import GuestUnderTest, seconds, step

SAY = step(SayStep, text="hi")
EXPECT = step(ExpectReply, containing="x", within_s=100)


def told(*steps: object, meant_at: float = 0.0) -> GuestUnderTest:
    """Meant to start at 0, begun at 1, live at 3."""
    guest = GuestUnderTest(*steps)
    guest.begin(1, meant_at=meant_at)
    guest.hear(Live(True), 3)
    return guest


def opened() -> GuestUnderTest:
    return told(EXPECT)


def confirmed_late() -> GuestUnderTest:
    guest = told(step(Think, time=seconds(2)), SAY, EXPECT)
    guest.due(9)  # 4 s later than it was meant to
    guest.confirm(9.5, took_s=0.25)
    return guest


def answered() -> GuestUnderTest:
    guest = told(step(Think, time=seconds(1)), SAY, step(Think, time=seconds(1)), SAY, EXPECT)
    guest.reply("welcome", 3.5, bot=True)
    guest.due(4)
    guest.due(5)
    guest.reply("?", 6, bot=True)
    guest.reply("?", 7, bot=True)
    guest.reply("here I am", 9)
    guest.reply("here I am", 10)
    return guest


def typed_at() -> GuestUnderTest:
    guest = told(SAY, step(Think, time=seconds(1)), SAY, EXPECT)
    guest.hear(TypingHeard(), 3.5)
    guest.hear(TypingHeard(), 3.6)
    guest.due(4)
    guest.reply("?", 5)
    guest.hear(TypingHeard(), 6)
    return guest


def restored() -> GuestUnderTest:
    guest = told(EXPECT)
    guest.hear(Resting("reset"), 5)
    guest.hear(Resting("refused"), 6)
    guest.hear(Live(False), 9)
    return guest


def ended() -> GuestUnderTest:
    guest = told()
    guest.over(8)
    return guest


@pytest.mark.parametrize(
    ("run", "measures"),
    [
        (opened, {"session_time": [3]}),
        (confirmed_late, {"session_time": [3], "echo_latency": [4.5], "echo_as_sent": [0.25]}),
        (
            answered,
            {
                "session_time": [3],
                "first_reply": [2],
                "first_bot_reply": [2],
                "first_human_reply": [5],
                "reply_gap": [2, 1],
            },
        ),
        (typed_at, {"session_time": [3], "first_reply": [2], "first_human_reply": [2],
                    "reply_gap": [2, 1], "typing_shown": [0.5]}),
        (restored, {"session_time": [3], "restore_time": [4]}),
        (ended, {"session_time": [3], "conversation_time": [5]}),
    ],
)  # fmt: skip
def test_each_measure_is_written_at_its_moment_and_once(run, measures):
    guest = run()
    found = {name: guest.measured(name) for name in get_args(MeasureName)}
    assert {name: values for name, values in found.items() if values} == measures


def test_every_measure_is_in_the_table():
    runs = (opened, confirmed_late, answered, typed_at, restored, ended)
    guests = [run() for run in runs]
    for name in get_args(MeasureName):
        assert any(guest.measured(name) for guest in guests), name


def messages() -> GuestUnderTest:
    guest = told(SAY, SAY, SAY, SAY, step(AttachFile, size_bytes=1), EXPECT)
    guest.hear(Settled("5-1", "confirmed"), 4)
    guest.hear(Settled("5-1", "confirmed"), 4)
    guest.hear(Settled("5-5", "sent"), 4)
    guest.reply("?", 5)
    guest.hear(Settled("5-2", "uncertain"), 5)
    guest.hear(Settled("5-3", "failed"), 5)
    guest.hear(CommandRefused("5-4", "rate_limited", ""), 5)
    guest.over(6)
    return guest


def never_live() -> GuestUnderTest:
    guest = GuestUnderTest(SAY)
    guest.begin(1)
    guest.over(2, "refused")
    return guest


@pytest.mark.parametrize(
    ("run", "counts"),
    [
        (opened, {"opened": 1, "live": 1}),
        (restored, {"opened": 1, "live": 1, "reconnected": 1}),
        (ended, {"opened": 1, "live": 1, "ended": 1}),
        (never_live, {"opened": 1, "failed": 1}),
        (
            messages,
            {
                "opened": 1,
                "live": 1,
                "sent": 5,
                "confirmed": 2,
                "received": 1,
                "uncertain": 1,
                "send_failed": 2,
                "ended": 1,
            },
        ),
    ],
)
def test_each_count_is_written_at_its_moment(run, counts):
    guest = run()
    found = {name: guest.counted(name) for name in get_args(CountName)}
    assert {name: count for name, count in found.items() if count} == counts


# --- the intended time ---------------------------------------------------------------------------


def test_a_round_that_is_late_is_measured_from_when_it_was_meant_to_begin():
    """The platform stalls: the reply of the first round comes 5 s late. The rounds that were meant
    for that time are made up for at once, and each says how late it was."""
    body = (SAY, step(ExpectReply, containing="ok", within_s=100))
    guest = GuestUnderTest(step(Repeat, every_s=1, times=8, steps=body))
    guest.live()
    guest.confirm(5.0)
    guest.reply("ok", 5.0)
    for _ in range(4):
        guest.confirm(5.0)
        guest.reply("ok", 5.0)
    assert guest.measured("echo_latency") == [5, 4, 3, 2, 1]
    guest.confirm(5.0)
    guest.reply("ok", 5.1)
    assert guest.measured("echo_latency")[5:] == [0]
    assert guest.wake == 6


def test_time_to_think_is_counted_from_when_it_was_meant_to_begin():
    """Deadlines are reached late, as in a process that is too busy: nothing of it is forgotten."""
    think = step(Think, time=seconds(1))
    guest = GuestUnderTest(think, SAY, think, SAY, think, SAY, EXPECT)
    guest.live()
    guest.due(2.5)  # meant for 1; the second is meant for 2
    assert len(guest.said()) == 2
    guest.confirm(2.6, "5-1")
    guest.confirm(2.6, "5-2")
    assert guest.wake == 3
    guest.due(3)
    guest.confirm(3.1, "5-3")
    assert guest.measured("echo_latency") == [1.6, 0.6, 0.1]


def test_what_waited_for_the_platform_goes_on_from_there():
    guest = GuestUnderTest(SAY, EXPECT, step(Think, time=seconds(2)), SAY, EXPECT)
    guest.live()
    guest.reply("x", 7)
    assert guest.wake == 9
