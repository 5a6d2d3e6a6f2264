"""The frames that we write, read by the library's parser."""

from __future__ import annotations

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from guestd.transport import frames


def read(written: bytes) -> Frame:
    stream = StreamReader()
    stream.feed_data(written)
    parsing = Frame.parse(stream.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    assert next(stream.read_to_eof(0), None) is None, "nothing is left over"
    return done.value.value


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_text_of_any_length_is_one_masked_frame(length):
    payload = bytes(n % 251 for n in range(length))
    written = frames.text_frame(payload)
    assert read(written) == Frame(Opcode.TEXT, payload)
    assert length < 4 or payload not in written, "it is masked"


def test_a_ping_and_a_close():
    assert read(frames.ping_frame(b"\0\0\0\7")) == Frame(Opcode.PING, b"\0\0\0\7")
    closing = read(frames.close_frame(1000, "ü" * 100))
    assert (closing.opcode, Close.parse(closing.data)) == (Opcode.CLOSE, Close(1000, "ü" * 61))


def test_no_masking_key_comes_twice():
    keys = {frames.text_frame(b"")[2:] for _ in range(5000)}
    assert len(keys) > 4990 and all(len(key) == 4 for key in keys)
