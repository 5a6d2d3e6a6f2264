"""The connection against the library's own core: the same bytes, cut anywhere, mean the same; and
nothing the peer sends raises."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from guestd.model.endings import Cause, Ending
from guestd.transport.settings import TransportSettings
from guestd.transport.socket import GuestSocket
from tests.thoroughness import examples

LIMIT = 5000


class Wire(asyncio.Transport):
    """The far end of nothing: remembers what was written, and can be paused, closed, aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.paused = self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


class RecordingSink:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.pongs = 0
        self.garbage: list[str] = []
        self.endings: list[Ending] = []

    def text_received(self, text: bytes) -> None:
        self.texts.append(text)

    def pong_received(self) -> None:
        self.pongs += 1

    def ping_received(self, size_bytes: int) -> None: ...

    def garbage_received(self, reason: str, size_bytes: int) -> None:
        self.garbage.append(reason)

    def writable_changed(self, writable: bool) -> None: ...

    def connection_ended(self, ending: Ending) -> None:
        self.endings.append(ending)


class Turns:
    """A loop of which only `call_soon` and `call_later` are real, and only when told."""

    def __init__(self) -> None:
        self.soon: list[Any] = []

    def call_soon(self, callback: Any, *args: Any) -> None:
        self.soon.append((callback, args))

    def call_later(self, delay: float, callback: Any, *args: Any) -> Any:
        return asyncio.TimerHandle(delay, callback, args, self)  # type: ignore[arg-type]  # only cancelled here

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: Any) -> None: ...

    def run(self) -> int:
        turns = 0
        while self.soon:
            turns += 1
            now, self.soon = self.soon, []
            for callback, args in now:
                callback(*args)
        return turns


def new_connection(**settings_: Any) -> tuple[GuestSocket, Wire, RecordingSink, Turns]:
    wire, sink, turns = Wire(), RecordingSink(), Turns()
    connection = GuestSocket(
        turns, wire, sink, TransportSettings(frame_bytes_max=LIMIT, **settings_), b""
    )  # type: ignore[arg-type]  # turns and wire are by hand
    connection.begin()
    return connection, wire, sink, turns


def feed(connection: GuestSocket, wire: Wire, turns: Turns, data: bytes, cuts: list[int]) -> None:
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if not wire.closed and data[start:end]:
            connection.data_received(data[start:end])
            turns.run()
    if wire.closed:
        connection.connection_lost(None)


def oracle(data: bytes) -> tuple[list[bytes], int | None]:
    """What the library's core makes of it: whole texts, and the close code it answered with."""
    core = Protocol(CLIENT, state=OPEN, max_size=LIMIT)
    core.receive_data(data)
    texts: list[bytes] = []
    open_text: list[bytes] | None = None
    for event in core.events_received():
        assert isinstance(event, Frame)
        if event.opcode is Opcode.TEXT:
            open_text = []
        elif event.opcode is Opcode.BINARY:
            open_text = None
        if event.opcode in (Opcode.TEXT, Opcode.CONT) and open_text is not None:
            open_text.append(bytes(event.data))
            if event.fin:
                texts.append(b"".join(open_text))
    return texts, core.close_sent.code if core.close_sent is not None else None


def stream(rng: Random) -> bytes:
    """Legal frames of a server: texts whole and in pieces, binaries, pings and pongs between
    them."""
    out = b""
    for _ in range(rng.randrange(1, 8)):
        payload = (
            "ä" * rng.randrange(0, 40) + "x" * rng.choice([0, 1, 124, 125, 126, 127, 300, 2000])
        ).encode()
        kind = rng.random()
        if kind < 0.5:
            out += Frame(Opcode.TEXT, payload).serialize(mask=False)
        elif kind < 0.6:
            out += Frame(Opcode.BINARY, payload).serialize(mask=False)
        elif kind < 0.7:
            out += Frame(Opcode.PING, payload[:100]).serialize(mask=False)
        elif kind < 0.8:
            out += Frame(Opcode.PONG, payload[:100]).serialize(mask=False)
        else:
            opcode = rng.choice([Opcode.TEXT, Opcode.BINARY])
            cuts = sorted(rng.randrange(len(payload) + 1) for _ in range(rng.randrange(1, 4)))
            pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
            for n, piece in enumerate(pieces):
                if rng.random() < 0.3:
                    out += Frame(Opcode.PING, b"p").serialize(mask=False)
                last = n == len(pieces) - 1
                out += Frame(opcode if n == 0 else Opcode.CONT, piece, fin=last).serialize(
                    mask=False
                )
    return out


@settings(max_examples=examples(300))
@given(st.integers(0, 2**32))
def test_legal_frames_cut_anywhere_mean_what_the_core_says(seed):
    rng = Random(seed)
    data = stream(rng)
    connection, wire, sink, turns = new_connection(read_budget_frames=rng.choice([1, 3, 256]))
    feed(
        connection,
        wire,
        turns,
        data,
        sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(12))),
    )
    texts, _ = oracle(data)
    assert sink.texts == texts and not sink.endings
    assert (
        connection._core is None or connection._fragments is not None
    )  # the core is not kept while nothing is open


@settings(max_examples=examples(400))
@given(st.integers(0, 2**32))
def test_any_bytes_end_the_link_or_wait_for_more_and_never_raise(seed):
    rng = Random(seed)
    data = stream(rng)
    where = rng.randrange(len(data) + 1)
    junk = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 30)))
    data = data[:where] + junk + data[where:]
    connection, wire, sink, turns = new_connection()
    feed(
        connection,
        wire,
        turns,
        data,
        sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(6))),
    )
    texts, code = oracle(data)
    ending = sink.endings[0] if sink.endings else None
    assert len(sink.endings) <= 1
    if ending is not None and ending.cause is Cause.PROTOCOL_VIOLATION:
        assert code is not None or ending.code in (
            1002,
            1007,
            1009,
        )  # we judge a header at once, and UTF-8 as well
        assert sink.texts == texts[: len(sink.texts)]
    elif ending is None:
        assert sink.texts == texts[: len(sink.texts)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x85abcdhello", 1002),  # a masked frame from a server
        (b"\xc1\x01a", 1002),  # RSV1 without an extension
        (b"\x83\x01a", 1002),  # a reserved opcode
        (b"\x80\x01a", 1002),  # a continuation of nothing
        (b"\x09\x01a", 1002),  # a fragmented ping
        (b"\x89\x7e\x00\x80" + b"a" * 128, 1002),  # a ping over 125 bytes
        (b"\x88\x01a", 1002),  # a close frame of one byte
        (b"\x81\x02\xff\xfe", 1007),  # no UTF-8
        (b"\x81\x7e\x20\x00" + b"a" * 8, 1009),  # announced over the limit, refused at the header
        (b"\x81\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", 1009),
        (
            b"\x01\x7e\x10\x00" + b"a" * 4096 + b"\x80\x7e\x10\x00" + b"a" * 4096,
            1009,
        ),  # a sum over the limit
    ],
)
def test_violations_end_with_the_right_code(data, code):
    connection, wire, sink, turns = new_connection()
    feed(connection, wire, turns, data, [])
    (ending,) = sink.endings
    assert (ending.cause, ending.code) == (Cause.PROTOCOL_VIOLATION, code)
    assert not sink.texts
    assert wire.written[:1] == b"\x88"


def unmasked(written: bytes) -> tuple[int, bytes]:
    size, mask = written[1] & 0x7F, written[2:6]
    return written[0], bytes(b ^ mask[n % 4] for n, b in enumerate(written[6 : 6 + size]))


def test_a_ping_is_answered_and_a_pong_is_matched():
    connection, wire, sink, _turns = new_connection()
    connection.data_received(Frame(Opcode.PING, b"hey").serialize(mask=False))
    assert unmasked(wire.written) == (0x8A, b"hey")
    wire.written = b""
    connection.ping()
    head, payload = unmasked(wire.written)
    assert head == 0x89
    connection.data_received(Frame(Opcode.PONG, b"else").serialize(mask=False))
    assert sink.pongs == 0
    connection.data_received(Frame(Opcode.PONG, payload).serialize(mask=False))
    assert sink.pongs == 1


def test_the_peers_close_is_answered_and_told():
    connection, wire, sink, turns = new_connection()
    feed(
        connection,
        wire,
        turns,
        Frame(Opcode.CLOSE, Close(1012, "restart").serialize()).serialize(mask=False),
        [],
    )
    assert sink.endings == [Ending(Cause.CLOSED_BY_PEER, 1012, "restart")]
    assert unmasked(wire.written)[0] == 0x88


def test_our_close_waits_for_the_peers_and_says_nothing_more():
    connection, wire, sink, turns = new_connection()
    connection.close(1000, "bye")
    connection.send_text(b"too late")
    connection.data_received(Frame(Opcode.TEXT, b"not heard").serialize(mask=False))
    feed(
        connection,
        wire,
        turns,
        Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=False),
        [],
    )
    assert unmasked(wire.written) == (0x88, b"\x03\xe8bye")
    assert not sink.texts and sink.endings[0].cause is Cause.CLOSED_BY_US


def test_a_flood_is_handled_a_budget_at_a_time():
    connection, wire, sink, turns = new_connection(read_budget_frames=10)
    connection.data_received(Frame(Opcode.TEXT, b"x").serialize(mask=False) * 95)
    assert len(sink.texts) == 10 and wire.paused
    assert turns.run() == 9
    assert len(sink.texts) == 95 and not wire.paused


def test_what_was_read_waits_while_the_owner_pauses():
    connection, wire, sink, turns = new_connection()
    connection.pause_reading()
    connection.data_received(Frame(Opcode.TEXT, b"x").serialize(mask=False))
    turns.run()
    assert not sink.texts and wire.paused
    connection.resume_reading()
    turns.run()
    assert sink.texts == [b"x"] and not wire.paused


def test_nothing_is_said_before_begin_and_the_end_is_told_once():
    wire, sink, turns = Wire(), RecordingSink(), Turns()
    connection = GuestSocket(
        turns, wire, sink, TransportSettings(), Frame(Opcode.TEXT, b"early").serialize(mask=False)
    )  # type: ignore[arg-type]  # by hand
    connection.connection_lost(None)
    assert not sink.texts and not sink.endings
    connection.begin()
    assert len(sink.endings) == 1


def test_binary_frames_are_dropped_and_counted():
    connection, _wire, sink, _turns = new_connection()
    connection.data_received(
        Frame(Opcode.BINARY, b"\x00").serialize(mask=False)
        + Frame(Opcode.TEXT, b"t").serialize(mask=False)
    )
    assert sink.garbage == ["a binary frame"] and sink.texts == [b"t"]
