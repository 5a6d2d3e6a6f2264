"""Files, who joins and who ends the conversation, and connections that are dropped."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import (
    DropNow,
    SendFile,
)
from guestd.load.guest.heard import (
    CommandRefused,
    Live,
    PresenceHeard,
    Resting,
    Settled,
)
from guestd.load.scenario.steps import (
    AttachFile,
    DropConnection,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    Think,
)
from tests.unit.load.guest.guest_harness import (
    GuestUnderTest,
    expect,
    say,
    seconds,
    step,
)


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
