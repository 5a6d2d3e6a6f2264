"""Which bytes of a frontend reach aiohttp, and which messages are left out."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from guestd.api.frame_skipper import FrameSkipper, Oversize

MAX_BYTES = 300
EMPTY_MESSAGE = b"\x82\x80\0\0\0\0"
EMPTY_LAST_PART = b"\x80\x80\0\0\0\0"
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(payload_bytes, opcode=TEXT, final=True, masked=True, wide=0):
    """`wide`: 2 or 8 bytes for the length, also where it needs fewer."""
    first = 0x80 * final | opcode
    mask_bit = 0x80 * masked
    if wide == 8 or payload_bytes > 65_535:
        head = struct.pack("!BBQ", first, mask_bit | 127, payload_bytes)
    elif wide or payload_bytes > 125:
        head = struct.pack("!BBH", first, mask_bit | 126, payload_bytes)
    else:
        head = struct.pack("!BB", first, mask_bit | payload_bytes)
    return (
        head
        + b"\x9a\xff\x81\x88" * masked
        + b"\x81\xfe" * (payload_bytes // 2)
        + b"\xff" * (payload_bytes % 2)
    )


def skipped(*chunks):
    """What is handed on of these chunks, and what was left out."""
    skipper = FrameSkipper(MAX_BYTES)
    return b"".join(map(skipper.pass_on, chunks)), list(skipper.refused)


def test_a_message_of_the_greatest_size_is_handed_on_and_one_byte_more_is_not():
    whole, over = frame(MAX_BYTES), frame(MAX_BYTES + 1)
    assert skipped(whole, over, whole) == (
        whole + EMPTY_MESSAGE + whole,
        [Oversize(1, MAX_BYTES + 1, True)],
    )


def test_it_is_known_when_the_header_has_its_length():
    over = frame(MAX_BYTES + 1)
    assert skipped(over[:3]) == (b"", [])
    assert skipped(over[:4]) == (EMPTY_MESSAGE, [Oversize(0, MAX_BYTES + 1, True)])


def test_a_header_counts_once_however_it_is_split():
    frames = (frame(5), frame(200), frame(MAX_BYTES + 1), frame(70_000), frame(9, wide=8))
    data = b"".join(frames)
    for size in (1, 2, 3, 5, 9, len(data)):
        skipper = FrameSkipper(MAX_BYTES)
        for at in range(0, len(data), size):
            skipper.pass_on(data[at : at + size])
        assert skipper.frames == len(frames), f"in chunks of {size} bytes"


def test_parts_are_counted_together_and_control_frames_between_them_handed_on():
    begin, ping = frame(200, final=False), frame(5, PING)
    parts = [
        begin,
        ping,
        frame(101, CONTINUATION, False),
        ping,
        frame(9000, CONTINUATION, False),
        ping,
    ]
    last = [frame(1, CONTINUATION), frame(20)]
    expected = begin + ping + EMPTY_LAST_PART + ping * 2 + frame(20)
    assert skipped(*parts, *last) == (expected, [Oversize(0, 301, False)])


def test_a_first_part_that_is_too_large_leaves_nothing_under_way():
    parts = [
        frame(400, BINARY, False),
        frame(1, CONTINUATION, False),
        frame(0, CONTINUATION, masked=False),
    ]
    assert skipped(*parts, frame(3)) == (EMPTY_MESSAGE + frame(3), [Oversize(0, 400, False)])


def test_parts_of_another_message_are_not_counted():
    message = frame(200, final=False) + frame(100, CONTINUATION)
    assert skipped(message * 3) == (message * 3, [])


def test_ten_gibibytes_are_skipped_to_their_end():
    skipper = FrameSkipper(MAX_BYTES)
    handed_on = skipper.pass_on(b"\x82\xff" + (10 * 2**30).to_bytes(8, "big") + b"mask")
    handed_on += b"".join(skipper.pass_on(bytes(2**20)) for _ in range(10 * 2**10))
    assert handed_on + skipper.pass_on(frame(1)) == EMPTY_MESSAGE + frame(1)


def test_what_is_wrong_is_handed_on_with_all_behind_it():
    behind = frame(400) * 3
    for wrong in (
        b"\x83\x80mask",  # an opcode that is not defined
        b"\xc1\x80mask",  # a reserved bit
        b"\x09\x80mask",  # a control frame in parts
        b"\x89\xfe\0\x05mask",  # a control frame with a wide length
        b"\x80\x80mask",  # continues nothing
        frame(5, final=False) + frame(5),  # a message within another
        b"\x82\xff\x80" + bytes(7) + b"mask",  # a length with the topmost bit
    ):
        assert skipped(wrong + behind) == (wrong + behind, [])


def test_a_message_within_one_that_was_left_out_is_an_error_for_aiohttp_too():
    begin, refused = frame(400, final=False), [Oversize(0, 400, False)]
    assert skipped(begin, frame(5), frame(6)) == (EMPTY_MESSAGE + EMPTY_LAST_PART, refused)


# ---------------------------------------------------------------------- properties


@dataclass
class Stream:
    """Whole frames in a right order, what is to be handed on of them, and how many messages are too
    large."""

    sent: bytes = b""
    expected: bytes = b""
    refused: int = 0

    def message(self, sizes, opcode, controls, masked, wide):
        total, is_refused = 0, False
        for number, size in enumerate(sizes):
            kind = opcode if number == 0 else CONTINUATION
            sent = frame(size, kind, number == len(sizes) - 1, masked, wide)
            total += size
            self.sent += sent
            if total <= MAX_BYTES:
                self.expected += sent
            elif not is_refused:
                is_refused = True
                self.expected += EMPTY_LAST_PART if number else EMPTY_MESSAGE
            between = b"".join(frame(one, PING) for one in controls)
            self.sent += between
            self.expected += between
        self.refused += is_refused


SIZES = st.one_of(st.integers(0, 130), st.integers(280, 320), st.just(66_000))


@st.composite
def streams(draw, sizes=SIZES):
    stream = Stream()
    for _ in range(draw(st.integers(1, 5))):
        stream.message(
            draw(st.lists(sizes, min_size=1, max_size=4)),
            draw(st.sampled_from([TEXT, BINARY])),
            draw(st.lists(st.integers(0, 125), max_size=2)),
            draw(st.booleans()),
            draw(st.sampled_from([0, 8])),
        )
    return stream


def in_chunks(data, cuts):
    places = [0, *sorted(cuts), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(places)]


@st.composite
def cut_streams(draw, sizes=SIZES):
    stream = draw(streams(sizes))
    cuts = draw(st.lists(st.integers(0, len(stream.sent)), max_size=12))
    return stream, in_chunks(stream.sent, cuts)


@given(cut_streams())
def test_however_a_stream_is_cut_the_same_is_handed_on(cut):
    stream, chunks = cut
    handed_on, refused = skipped(*chunks)
    assert handed_on == stream.expected
    assert len(refused) == stream.refused
    assert skipped(stream.sent) == (handed_on, refused)


@given(streams(st.integers(0, 60)))
def test_without_a_message_too_large_every_byte_is_handed_on(stream):
    """One byte at a time."""
    assert skipped(*(stream.sent[n : n + 1] for n in range(len(stream.sent)))) == (stream.sent, [])


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
def test_bytes_of_any_kind_are_treated_alike_however_they_are_cut(data, cuts):
    assert skipped(*in_chunks(data, [min(one, len(data)) for one in cuts])) == skipped(data)
