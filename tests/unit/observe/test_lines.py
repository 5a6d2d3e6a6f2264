"""The queue of lines: bounded in number and bytes, dropped lines counted and reported, and an end
that does not wait for ever."""

from __future__ import annotations

import threading

import pytest

from guestd.observe.lines import LINE_BYTES_MAX, LINES_MAX, QUEUE_BYTES_MAX, LineWriter


class Reader:
    """A sink that takes nothing until it is told to."""

    def __init__(self):
        self.reads, self.entered = threading.Event(), threading.Event()
        self.taken: list[bytes] = []

    def __call__(self, data: bytes) -> None:
        self.entered.set()
        self.reads.wait()
        self.taken.append(data)


@pytest.fixture
def reader():
    reader = Reader()
    yield reader
    reader.reads.set()


@pytest.fixture
def writer(reader):
    writer = LineWriter(reader, lambda count: f"{count} dropped\n")
    writer.write(reader, "first\n")
    reader.entered.wait()  # from here on the thread is held by the reader
    yield writer
    reader.reads.set()
    writer.close(5.0)


def test_what_does_not_fit_is_dropped_counted_and_reported(writer, reader):
    for number in range(LINES_MAX + 7):
        writer.write(reader, f"{number}\n")
    assert writer.dropped == 7 and writer.is_full()
    reader.reads.set()
    assert writer.flush(10.0)
    assert reader.taken[:2] == [b"first\n", b"0\n"] and b"7 dropped\n" in reader.taken
    assert len(reader.taken) == LINES_MAX + 2


def test_the_memory_is_bounded_too(writer, reader):
    line = "x" * (LINE_BYTES_MAX - 1) + "\n"
    for _ in range(1000):
        writer.write(reader, line)
    assert writer.dropped == 1000 - QUEUE_BYTES_MAX // LINE_BYTES_MAX


def test_a_long_line_is_cut_at_a_whole_character(writer, reader):
    writer.write(reader, "é" * LINE_BYTES_MAX + "\n")
    reader.reads.set()
    assert writer.flush(5.0)
    assert len(reader.taken[-1]) <= LINE_BYTES_MAX and reader.taken[-1].decode().endswith(
        "é (cut)\n"
    )


def test_a_status_is_skipped_while_others_wait(writer, reader):
    writer.write_if_idle(reader, "status")
    reader.reads.set()
    assert writer.flush(5.0)
    writer.write_if_idle(reader, "later status")
    assert writer.flush(5.0)
    assert reader.taken == [b"first\n", b"later status"] and writer.dropped == 0


def test_closing_does_not_wait_for_a_reader_that_does_not_read(writer, reader):
    assert writer.close(0.0) is False
    writer.write(reader, "too late\n")
    assert writer.dropped == 1


def test_half_a_surrogate_pair_is_written_all_the_same(writer, reader):
    writer.write(reader, "\ud800\n")
    reader.reads.set()
    assert writer.flush(5.0) and reader.taken[-1] == b"\\ud800\n"


def test_a_reader_that_is_gone_is_no_error(reader):
    def gone(data: bytes) -> None:
        raise BrokenPipeError

    writer = LineWriter(gone, lambda count: "")
    writer.write(gone, "to nobody\n")
    assert writer.close(5.0) and writer.dropped == 1
