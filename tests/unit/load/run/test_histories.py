"""The history of each guest, read before it leaves: in turns, within bounds, and never in vain for
ever."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from guestd.load.guest import actions as a
from guestd.load.guest import heard as h
from guestd.load.measure.reconcile import reconcile
from guestd.load.run import histories as target
from guestd.load.run.driver import GuestDriver
from guestd.load.run.histories import GuestHistories, HistorySource
from guestd.model.errors import PlatformRefused, PlatformUnavailable
from guestd.model.instants import NEVER
from guestd.model.ports import HistoryAnswer
from guestd.wire.webmessaging_decode import decode_history

PAGE = 3


class Clock:
    def __init__(self):
        self.at = 1000.0

    def now(self):
        return self.at


class Platform:
    """Histories by session, oldest first, in pages of `PAGE`; `troubles` are raised first."""

    def __init__(self):
        self.messages = {}
        self.troubles = []
        self.asked = []
        self.is_connected = True
        self.grants = True

    def ask(self, session_id, told):
        if self.is_connected and self.grants:
            told(f"jwt of {session_id}")
        return self.is_connected

    def forget(self, session_id):
        pass

    async def page(self, jwt, page_number):
        self.asked.append((jwt.removeprefix("jwt of "), page_number))
        if self.troubles and (trouble := self.troubles.pop(0)) is not None:
            raise trouble
        newest_first = self.messages.get(self.asked[-1][0], [])[::-1]
        there = newest_first[(page_number - 1) * PAGE : page_number * PAGE]
        return HistoryAnswer(there, page_number, -(-len(newest_first) // PAGE), len(newest_first))


class Room:
    """`histories` with a platform, a clock that is moved by hand, and guests."""

    def __init__(self, pages_per_s=1000.0, reads_per_minute=10):
        self.clock, self.platform = Clock(), Platform()
        self.loop = asyncio.get_running_loop()
        self.ended = []
        self.timers = self.gate = None
        self.fleet = SimpleNamespace(give=lambda session, command, told: self.ended.append(session))
        source = HistorySource(
            self.platform, self.platform, decode_history, pages_per_s, reads_per_minute
        )
        self.histories = GuestHistories(source, self.clock, self.loop)

    @property
    def at_s(self):
        return self.clock.at - 1000.0

    def guest(self, name="s"):
        """Live, with one message of its own that is confirmed, and one that it was shown."""
        guest = GuestDriver(guest=None, host=self)
        guest.session_id, guest.was_live = name, True
        self.says(guest, "mine")
        self.confirmed(guest, "mine")
        self.shown(guest, "theirs")
        self.platform.messages[name] = [entity("mine", "Inbound"), entity("theirs")]
        return guest

    def says(self, guest, text):
        guest.log.sent(a.SendText(f"c-{text}", text), self.at_s)

    def confirmed(self, guest, text):
        self.hears(guest, h.EchoHeard(f"c-{text}", text, text))
        self.hears(guest, h.Settled(f"c-{text}", "confirmed"))

    def shown(self, guest, text):
        self.hears(guest, h.MessageHeard(text, text))

    def hears(self, guest, one):
        guest._note(one, self.at_s)

    def leaves(self, guest):
        guest._end(a.EndSession("end"), self.at_s)

    async def look(self, after_s=0.0):
        self.clock.at += after_s
        self.histories.look()
        for _ in range(10):
            await asyncio.sleep(0)


def entity(text, direction="Outbound"):
    return {
        "id": text,
        "type": "Text",
        "text": text,
        "direction": direction,
        "channel": {"time": "2026-11-30T12:00:00.000Z"},
    }


def found(guest):
    history = guest.log.history
    findings = reconcile(guest.log.view(history=history), history.messages, 0).findings
    return [(one.kind, one.text) for one in findings]


def answered(status, retry_after_s=None):
    kind = PlatformUnavailable if status in (429, 500, 503) else PlatformRefused
    return kind("no", status=status, retry_after_s=retry_after_s)


async def test_a_guest_ends_its_conversation_when_its_history_is_read():
    room = Room()
    guest = room.guest()
    room.leaves(guest)
    assert not room.ended and len(room.histories) == 1
    await room.look()
    assert room.ended == ["s"] and found(guest) == [] and len(room.histories) == 0
    room.leaves(guest)  # the end was refused, and is asked for again
    assert room.ended == ["s", "s"] and room.platform.asked == [("s", 1)]


async def test_a_guest_that_was_never_live_has_no_history():
    room = Room()
    guest = room.guest()
    guest.was_live = False
    room.leaves(guest)
    assert room.ended == ["s"]


async def test_what_is_under_way_is_waited_for():
    room = Room()
    guest = room.guest()
    room.says(guest, "last")
    room.leaves(guest)
    await room.look(1.0)
    assert not room.platform.asked
    room.platform.messages["s"].append(entity("last", "Inbound"))
    room.confirmed(guest, "last")
    await room.look()
    assert room.ended == ["s"] and found(guest) == []


async def test_what_is_under_way_for_too_long_is_no_loss():
    room = Room()
    guest = room.guest()
    room.says(guest, "last")
    room.leaves(guest)
    await room.look(target.SETTLE_S)
    await room.look(target.AGAIN_S)
    assert room.ended == ["s"]
    assert found(guest) == [("uncertain", "last")]
    room.confirmed(guest, "last")  # it was taken after the reading
    assert found(guest) == []


async def test_a_message_that_is_not_shown_is_looked_for_again_before_it_is_lost():
    room = Room()
    guest, other = room.guest("s"), room.guest("o")
    for name in "so":
        room.platform.messages[name].append(entity("late"))
    room.leaves(guest)
    room.leaves(other)
    await room.look()
    assert not room.ended
    room.shown(guest, "late")
    for name in "so":  # written since, and on its way when the guest leaves
        room.platform.messages[name].append(entity("newest"))
    await room.look(target.AGAIN_S / 2)
    assert not room.ended
    for _ in range(2):  # two pages
        await room.look(target.AGAIN_S / 2)
    assert sorted(room.ended) == ["o", "s"]
    assert found(guest) == [] and found(other) == [("lost", "late")]


async def test_an_own_message_that_the_history_has_only_later_is_not_lost():
    room = Room()
    guest = room.guest()
    own = room.platform.messages["s"].pop(0)
    room.leaves(guest)
    await room.look()
    room.platform.messages["s"].append(own)
    await room.look(target.AGAIN_S)
    assert found(guest) == []


async def test_all_pages_are_read_within_the_reads_that_a_session_has():
    room = Room(reads_per_minute=2)
    guest = room.guest()
    more = [f"m{n}" for n in range(8)]
    for text in more:
        room.shown(guest, text)
        room.platform.messages["s"].append(entity(text))
    room.leaves(guest)
    for _ in range(3):
        await room.look(1.0)
    assert room.platform.asked == [("s", 1), ("s", 2)]
    for _ in range(3):
        await room.look(30.0)
    assert room.platform.asked[2:] == [("s", 3), ("s", 4)]
    assert found(guest) == [] and len(guest.log.history.messages) == 10


async def test_a_history_without_an_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(target, "HISTORY_PAGES_MAX", 2)
    room = Room()
    guest = room.guest()
    room.platform.messages["s"] = [entity(str(n)) for n in range(9)]
    room.leaves(guest)
    for _ in range(3):
        await room.look()
    assert room.ended == ["s"] and guest.log.not_read == target.TOO_LONG


async def test_pages_keep_to_a_rate_over_all_guests():
    room = Room(pages_per_s=2.0)
    for n in range(5):
        room.leaves(room.guest(f"s{n}"))
    await room.look()
    assert len(room.platform.asked) == 1
    for _ in range(4):
        await room.look(0.5)
    assert room.ended == [f"s{n}" for n in range(5)]


async def test_a_429_makes_everyone_wait_as_long_as_it_asks():
    room = Room(pages_per_s=1.0)
    room.platform.troubles = [answered(429, 20.0)]
    for n in range(2):
        room.leaves(room.guest(f"s{n}"))
    await room.look()
    await room.look(19.0)
    assert room.platform.asked == [("s0", 1)] and room.histories.throttled == 1
    await room.look(1.0)
    await room.look(1.0)
    assert sorted(room.ended) == ["s0", "s1"]


async def test_a_failed_page_is_tried_again():
    room = Room()
    room.platform.troubles = [answered(500), answered(503), answered(401)]
    guest = room.guest()
    room.leaves(guest)
    for _ in range(4):
        await room.look(4.0)
    assert found(guest) == [] and room.ended == ["s"]


@pytest.mark.parametrize(("status", "tries"), [(403, target.REFUSALS_MAX), (500, target.TRIES_MAX)])
async def test_a_page_that_cannot_be_read_holds_no_guest_for_ever(status, tries):
    room = Room()
    room.platform.troubles = [answered(status)] * 20
    guest = room.guest()
    room.leaves(guest)
    for _ in range(tries):
        assert not room.ended
        await room.look(target.PAUSE_MAX_S)
    assert len(room.platform.asked) == tries and room.ended == ["s"]
    assert guest.log.not_read == f"the platform answered its history with {status}"


async def test_an_empty_page_is_not_believed_where_there_must_be_something():
    room = Room()
    guest = room.guest()
    there = room.platform.messages.pop("s")
    room.leaves(guest)
    await room.look()
    assert not room.ended
    room.platform.messages["s"] = there
    await room.look(target.PAUSE_S)
    assert room.ended == ["s"] and found(guest) == []


async def test_a_session_that_is_connecting_again_is_waited_for():
    room = Room()
    room.platform.is_connected = False
    guest = room.guest()
    room.leaves(guest)
    await room.look()
    room.platform.is_connected = True
    await room.look(target.PAUSE_S)
    assert room.ended == ["s"] and found(guest) == []


async def test_a_session_that_is_over_meanwhile_is_not_compared():
    room = Room()
    room.platform.grants = False
    guest = room.guest()
    room.leaves(guest)
    await room.look()
    room.histories.over(guest)
    assert guest.log.not_read == target.OVER and len(room.histories) == 0
    await room.look(1.0)
    assert not room.ended
    await room.histories.stop()


async def test_where_no_history_can_be_read_no_guest_is_held_any_more():
    room = Room()
    room.platform.troubles = [answered(403)] * 100
    guests = [room.guest(f"s{n}") for n in range(target.IN_VAIN_MAX + 1)]
    for guest in guests[:-1]:
        room.leaves(guest)
    for _ in range(3):
        await room.look(target.PAUSE_S)
    assert len(room.ended) == target.IN_VAIN_MAX
    room.leaves(guests[-1])
    assert len(room.ended) == target.IN_VAIN_MAX + 1
    assert guests[-1].log.not_read == f"{target.NO_MORE}{guests[0].log.not_read}"


async def test_patience_ends_and_sooner_when_the_run_is_stopped():
    room = Room(pages_per_s=0.001)
    first, second, third = (room.guest(f"s{n}") for n in range(3))
    for guest in (first, second):
        room.leaves(guest)
    await room.look()
    assert room.ended == ["s0"]
    await room.look(target.PATIENCE_S)
    assert room.ended == ["s0", "s1"] and second.log.not_read == target.NO_TURN
    room.leaves(third)
    room.histories.hurry()
    await room.look(target.HURRY_S - 1)
    assert room.ended == ["s0", "s1"]
    await room.look(1.0)
    assert third.log.not_read == target.STOPPED
    late = room.guest("s3")
    room.leaves(late)
    assert room.ended == ["s0", "s1", "s2", "s3"] and late.log.not_read == target.STOPPED


async def test_a_refused_message_is_not_one_that_is_waited_for():
    room = Room()
    guest = room.guest()
    guest.guest = SimpleNamespace(heard=lambda one, now: [], wake_at=NEVER)
    room.says(guest, "too long")
    guest.soon(h.CommandRefused("c-too long", "too_long", "it is"))
    room.leaves(guest)
    await room.look()
    assert room.ended == ["s"] and found(guest) == []


async def test_the_time_that_a_guest_was_held_is_not_its_conversations():
    room = Room()
    told = []
    room.recorder = SimpleNamespace(measured=lambda name, value_s, at_s: told.append(value_s))
    guest = room.guest()
    room.says(guest, "last")
    room.leaves(guest)
    room.clock.at += 3.0
    room.confirmed(guest, "last")
    room.platform.messages["s"].append(entity("last", "Inbound"))
    await room.look()
    guest._measured(a.Measured("conversation_time", 10.0), room.at_s)
    assert told == [7.0]
