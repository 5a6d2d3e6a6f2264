"""The last frames of guests: as they were on the wire, told without secrets, and of few."""

from __future__ import annotations

import json
from types import SimpleNamespace
from uuid import UUID

import pytest

from guestd.load.guest.actions import StepDone
from guestd.load.run.guest_frames import (
    EACH_KIND_MAX,
    GUESTS_MAX,
    OTHERS_MAX,
    SLOWEST_MAX,
    GuestFrames,
)
from guestd.model.endings import Cause, Ending

TOKEN = str(UUID(int=7, version=4))


def frame(action: str, **more) -> bytes:
    return json.dumps({"action": action, "token": TOKEN, **more}).encode()


class Wire:
    """A dialer, its one connection, and the sink of a guest session."""

    def __init__(self):
        self.sent, self.taken, self.sink = [], [], None

    async def dial(self, target, sink):
        self.sink = sink
        return SimpleNamespace(
            send_text=self.sent.append,
            peer=lambda: "192.0.2.1:443",
            close=lambda code, reason: self.sent.append(code),
            abort=lambda: self.sent.append("abort"),
        )

    def text_received(self, text):
        self.taken.append(text)

    def connection_ended(self, ending):
        self.taken.append(ending)


def driver(number=0, failed="", slow_s=0.0, twice=(), lacks=False):
    return SimpleNamespace(
        guest=SimpleNamespace(
            planned=SimpleNamespace(number=number, scenario=0),
            failed=StepDone(1, 1.0, failed) if failed else None,
        ),
        log=SimpleNamespace(came_twice=twice, came_late=(), has_findings=lacks),
        slowest_s=slow_s,
    )


class Guest:
    """One hashable driver under test."""

    def __init__(self, **told):
        self.__dict__.update(vars(driver(**told)))


def talked(frames, guest, token=TOKEN):
    draw = frames.drawing(lambda: token)
    draw()
    frames.opened(guest)
    memory = frames.of_token(token)
    if memory is not None:
        memory.add(1.0, "out", frame("onMessage"))
    frames.finished(guest)


async def test_the_newest_frames_of_all_connections_are_told_without_secrets():
    frames, wire, guest = GuestFrames(4, lambda: 2.5), Wire(), Guest(number=3, failed="no_reply")
    assert frames.drawing(lambda: TOKEN)() == TOKEN
    frames.opened(guest)
    connection = await frames.dialing(wire).dial(None, wire)

    connection.send_text(frame("configureSession"))
    connection.send_text(frame("onMessage", message={"text": "hello"}))
    wire.sink.text_received(b'{"class": "SessionResponse", "body": {"jwt": "eyJhbGciOiJub25lIn0"}}')
    connection.close(1000)
    wire.sink.connection_ended(Ending(Cause.CLOSED_BY_PEER, 1000))
    frames.finished(guest)

    told, older = frames.of(3)
    assert (older, [one.direction for one in told]) == (2, ["out", "in", "", ""])
    assert "hello" in told[0].text and "SessionResponse" in told[1].text
    assert TOKEN not in str(told) and "eyJhbGci" not in str(told)
    assert {one.at_s for one in told} == {2.5} and told[0].size_bytes > 60
    assert told[3].text == "closed: closed_by_peer 1000"
    assert len(wire.sent) == 3 and len(wire.taken) == 2


async def test_with_none_nothing_stands_between_guests_and_their_connections():
    frames, wire = GuestFrames(0, lambda: 0.0), Wire()
    assert frames.dialing(wire) is wire
    frames.opened(guest := Guest())
    frames.finished(guest)
    assert frames.of(0) == ([], 0)


def test_a_long_frame_is_told_by_its_beginning():
    frames, guest = GuestFrames(4, lambda: 0.0), Guest(failed="no_reply")
    frames.drawing(lambda: TOKEN)()
    frames.opened(guest)
    frames.of_token(TOKEN).add(0.0, "in", b"x" * 1_000_000)
    frames.finished(guest)
    (told,), _ = frames.of(0)
    assert told.size_bytes == 1_000_000 and len(told.text) < 1000


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({}, 0),
        ({"failed": "no_reply"}, 1),
        ({"slow_s": 0.1}, 1),
        ({"twice": (1.0,)}, 1),
        ({"lacks": True}, 1),
    ],
)
def test_of_guests_whose_conversation_passed_only_the_newest_are_kept(told, kept):
    frames = GuestFrames(4, lambda: 0.0)
    talked(frames, Guest(**told))
    assert len(frames.of(0)[0]) == 1 and frames.of_token(TOKEN) is None
    for number in range(1, OTHERS_MAX + 1):
        talked(frames, Guest(number=number))
    assert len(frames.of(0)[0]) == kept and len(frames.of(1)[0]) == 1


def test_of_each_kind_of_failure_some_are_kept_and_of_slow_ones_the_slowest():
    frames = GuestFrames(4, lambda: 0.0)
    for number in range(40):
        talked(frames, Guest(number=number, failed="no_reply"))
    for number in range(100, 140):
        talked(frames, Guest(number=number, slow_s=1.0 + number))
    for number in range(1000, 1000 + OTHERS_MAX):
        talked(frames, Guest(number=number))
    kept = [number for number in range(200) if frames.of(number)[0]]
    assert kept == [*range(EACH_KIND_MAX), *range(140 - SLOWEST_MAX, 140)]


def test_no_more_guests_are_remembered_at_a_time_than_the_bound():
    frames = GuestFrames(4, lambda: 0.0)
    guests = [Guest(number=number, failed="no_reply") for number in range(GUESTS_MAX + 5)]
    for number, guest in enumerate(guests):
        frames.drawing(lambda number=number: f"token-{number}")()
        frames.opened(guest)
    assert frames.of_token(f"token-{GUESTS_MAX - 1}") is not None
    assert frames.of_token(f"token-{GUESTS_MAX}") is None
