"""Frames of watched guest sessions: numbered, bounded, told of what is missing, and nothing at all
while no session is watched."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from guestd.model.endings import Cause, Ending
from guestd.model.errors import NotFound, Overloaded
from guestd.model.frames import FrameRow
from guestd.observe.metrics import Metrics
from guestd.supervisor import connection_callbacks, frame_ring, frame_tap
from guestd.supervisor.connection_callbacks import ConnectionCallbacks
from guestd.supervisor.frame_ring import FrameRings, size_of


class Loop:
    """One timer at a time, fired by hand."""

    def __init__(self):
        self.timers = []

    def call_later(self, delay_s, work):
        self.timers.append(work)
        return self

    def cancel(self):
        self.timers.clear()

    def fire(self):
        work = self.timers.pop()
        work()


class Clock:
    def __init__(self):
        self.at = 1000.0

    def now(self):
        return self.at

    def epoch_ms(self):
        return int(self.at * 1000)


@pytest.fixture
def fleet():
    class Fleet:
        def __init__(self):
            self.taps = {}
            self.clock, self.loop = Clock(), Loop()
            self.rings = FrameRings(self.clock, self.loop, self.taps.__setitem__)

    return Fleet()


def row(text="", **more):
    return FrameRow(0, 5, "in", "text", 1, text=text, **more)


def test_rows_are_numbered_and_read_from_a_place(fleet):
    ring = fleet.rings.watch("s1")
    for n in range(5):
        ring.add(row(str(n)))
    assert [one.n for one in ring.after(0, 100)] == [1, 2, 3, 4, 5]
    assert [one.text for one in ring.after(2, 2)] == ["2", "3"]
    assert (list(ring.after(5, 10)), ring.last_n, ring.first_kept) == ([], 5, 1)


def test_one_that_is_late_is_told_how_many_it_has_missed(fleet):
    ring = fleet.rings.watch("s1")
    for n in range(frame_ring.ROWS_MAX + 7):
        ring.add(row(str(n)))
    first, second = ring.after(3, 2)
    assert (first.kind, first.count, first.n) == ("not_kept", 4, 7)
    assert second.n == ring.first_kept == 8
    assert len(ring.after(0, 1000)) == frame_ring.ROWS_MAX + 1
    assert [one.kind for one in ring.after(7, 1)] == ["text"]


def test_a_place_of_an_earlier_life_of_the_daemon_is_the_beginning(fleet):
    ring = fleet.rings.watch("s1")
    ring.add(row())
    assert [one.n for one in ring.after(900, 10)] == [1]


def test_long_texts_push_out_more_than_one(fleet):
    ring = fleet.rings.watch("s1")
    for _ in range(100):
        ring.add(row("x" * 30_000))
    assert ring.held_bytes <= frame_ring.RING_BYTES_MAX and len(ring.after(0, 200)) < 12
    assert fleet.rings.held_bytes == ring.held_bytes


def test_texts_that_take_four_bytes_a_character_count_so():
    assert size_of(row("\N{PARTY POPPER}" * 100)) == size_of(row("x" * 400))


def test_the_session_that_holds_most_makes_room_for_all(fleet, monkeypatch):
    monkeypatch.setattr(frame_ring, "BYTES_MAX", 50_000)
    small, large = fleet.rings.watch("small"), fleet.rings.watch("large")
    small.add(row("x" * 1000))
    for _ in range(100):
        large.add(row("x" * 1000))
        assert fleet.rings.held_bytes <= 50_000
    assert small.first_kept == 1 and large.first_kept > 1
    assert fleet.rings.held_bytes == small.held_bytes + large.held_bytes


def test_a_session_is_watched_as_long_as_somebody_asks_and_then_a_minute(fleet):
    ring = fleet.rings.watch("s1")
    assert fleet.taps["s1"] is ring
    ring.add(row())
    fleet.clock.at += frame_ring.KEPT_S - 1
    ring.after(0, 10)
    fleet.clock.at += frame_ring.KEPT_S - 1
    fleet.loop.fire()
    assert fleet.taps["s1"] is ring and len(fleet.rings) == 1
    fleet.clock.at += 1
    fleet.loop.fire()
    assert fleet.taps["s1"] is None
    assert (len(fleet.rings), fleet.rings.held_bytes, fleet.loop.timers) == (0, 0, [])


def test_one_that_listens_keeps_it_watched_and_is_told_of_each_row(fleet):
    ring, told = fleet.rings.watch("s1"), []
    listener = lambda: told.append(ring.last_n)  # noqa: E731
    ring.listen(listener)
    ring.add(row())
    ring.add(row())
    fleet.clock.at += 10 * frame_ring.KEPT_S
    fleet.loop.fire()
    assert told == [1, 2] and len(fleet.rings) == 1
    ring.leave(listener)
    fleet.loop.fire()
    assert len(fleet.rings) == 1
    fleet.clock.at += frame_ring.KEPT_S
    fleet.loop.fire()
    assert len(fleet.rings) == 0


def test_numbers_go_on_when_a_session_is_watched_again(fleet):
    fleet.rings.watch("s1").add(row())
    fleet.clock.at += frame_ring.KEPT_S
    fleet.loop.fire()
    assert fleet.rings.watch("s1").add(row()).n == 2


def test_the_frames_of_an_ended_session_stay_for_a_while(fleet):
    ring, told = fleet.rings.watch("s1"), []
    ring.listen(lambda: told.append(ring.is_over))
    ring.add(row())
    fleet.rings.over("s1")
    assert told == [False, True] and fleet.rings.kept("s1") is ring
    with pytest.raises(NotFound):
        fleet.rings.kept("s2")


def test_no_more_sessions_are_watched_than_may_be(fleet, monkeypatch):
    monkeypatch.setattr(frame_ring, "RINGS_MAX", 2)
    for name in ("s1", "s2", "s1"):
        fleet.rings.watch(name)
    with pytest.raises(Overloaded):
        fleet.rings.watch("s3")


# ---------------------------------------------------------------------- the tap


class Owner:
    """A guest session that takes frames."""

    token = ""

    def __init__(self):
        self.machine = self
        self.fed = []

    def may_have_shown(self, item):
        return False

    def feed(self, given):
        self.fed.append(given)

    def connection_ended(self, ending):
        self.fed.append(ending)


def test_without_a_watcher_no_frame_is_looked_at_and_no_row_is_made(monkeypatch):
    made = []
    monkeypatch.setattr(frame_tap, "frame_text", lambda *what: made.append(what))
    monkeypatch.setattr(frame_tap, "FrameRow", lambda *what, **more: made.append(what))
    owner = Owner()
    callbacks = ConnectionCallbacks(owner, owner, Metrics(), lambda text: [text])
    for n in range(1000):
        callbacks.text_received(b"%d" % n)
    callbacks.pong_received()
    callbacks.ping_received(4)
    callbacks.garbage_received("a binary frame", 7)
    callbacks.connection_ended(Ending(Cause.LOST, 1006))
    assert (made, len(owner.fed), callbacks.tap) == ([], 1002, None)


def test_without_a_watcher_a_frame_costs_one_look_at_one_attribute():
    """Counted from the code: `text_received` reads `tap` once before it goes its way."""
    import dis

    names = [
        one.argval
        for one in dis.get_instructions(connection_callbacks.ConnectionCallbacks.text_received)
        if one.opname.startswith("LOAD_ATTR") and one.argval == "tap"
    ]
    assert names == ["tap"] * 2  # the look, and the tap itself if there is one


# ---------------------------------------------------------------------- a tapped connection


class Bare:
    """A connection that keeps what it is told."""

    def __init__(self):
        self.told = []

    def send_text(self, text):
        self.told.append(text)

    def ping(self):
        self.told.append("ping")

    def close(self, code=1000, reason=""):
        self.told.append(("close", code, reason))

    def abort(self):
        self.told.append("abort")

    def pause_reading(self):
        self.told.append("pause")

    def resume_reading(self):
        self.told.append("resume")

    def peer(self):
        return "192.0.2.7:443"


class Talker:
    """As much of a machine as a tap looks at."""

    def __init__(self):
        self.guest = SimpleNamespace(token="4f1c9a52-90d4-4b6f-8a0e-7d2b3c4e5f60")
        self.connection = SimpleNamespace(number=2, attempt=0, lost_by=None)
        accepted = SimpleNamespace(seq=31)
        commands = SimpleNamespace(traces={"t-1": "c-31"}, find=lambda command_id: accepted)
        self.conversation = SimpleNamespace(outbound=SimpleNamespace(commands=commands))
        self.seq = 31


@pytest.fixture
def talk(fleet):
    machine, ring = Talker(), fleet.rings.watch("s1")
    tap = frame_tap.FrameTap(machine, ring, fleet.clock, "webmessaging.example.org")
    return SimpleNamespace(machine=machine, ring=ring, tap=tap, bare=Bare())


def test_a_tapped_connection_does_all_that_a_bare_one_does(talk):
    connection = talk.tap.opened(talk.bare)
    connection.send_text(b'{"action":"onMessage","tracingId":"t-1","message":{"type":"Text"}}')
    connection.ping()
    connection.pause_reading()
    connection.resume_reading()
    connection.close(1000, "done")
    connection.close(1000, "done")
    assert talk.bare.told[1:] == ["ping", "pause", "resume", *[("close", 1000, "done")] * 2]
    assert frame_tap.bare(connection) is talk.bare is frame_tap.bare(talk.bare)
    rows = talk.ring.after(0, 10)
    assert [one.kind for one in rows] == ["open", "text", "ping", "close"]
    opening, text, _, close = rows
    assert (opening.connection, opening.address) == (3, "192.0.2.7:443")
    assert (text.command_id, text.seq, text.name) == ("c-31", 31, "onMessage Text")
    assert (close.by, close.code, close.reason, close.direction) == ("guestd", 1000, "done", "out")


def test_a_connection_that_is_given_up_says_why(talk):
    connection = talk.tap.opened(talk.bare)
    talk.machine.connection.lost_by = Ending(Cause.UNANSWERED, detail="a heartbeat")
    connection.abort()
    (close,) = [one for one in talk.ring.after(0, 10) if one.kind == "close"]
    assert (close.name, close.by, close.reason) == ("unanswered", "guestd", "a heartbeat")


def test_a_dial_that_fails_is_a_close_by_the_network(talk):
    talk.tap.failed(Ending(Cause.UNREACHABLE, detail="name not resolved"))
    (close,) = talk.ring.after(0, 10)
    assert (close.kind, close.by, close.direction) == ("close", "network", "in")


def test_the_words_of_a_close_have_no_secret_in_them(talk):
    said = f"token {talk.machine.guest.token} at https://example.org/a?sig=abcdefgh"
    talk.tap.closed(Ending(Cause.CLOSED_BY_PEER, 1008, said))
    (close,) = talk.ring.after(0, 10)
    assert talk.machine.guest.token not in close.reason and "abcdefgh" not in close.reason


def test_what_a_frame_leads_to_comes_after_it(talk):
    def take(frame):
        talk.tap.sent(b'{"action":"getJwt"}')
        talk.machine.seq = 32

    talk.tap.received(b'{"class":"SessionResponse"}', take)
    talk.tap.received(b'{"class":"Typing"}', lambda frame: None)
    assert [(one.name, one.seq) for one in talk.ring.after(0, 10)] == [
        ("SessionResponse", 32),
        ("getJwt", 0),
        ("Typing", 0),
    ]


def test_control_frames_and_binary_ones_are_rows_without_a_text(talk):
    talk.tap.ping_received(4)
    talk.tap.pong_received()
    talk.tap.binary_received(7)
    assert [(one.direction, one.kind, one.size_bytes) for one in talk.ring.after(0, 10)] == [
        ("in", "ping", 4),
        ("out", "pong", 4),
        ("in", "pong", 0),
        ("in", "binary", 7),
    ]
