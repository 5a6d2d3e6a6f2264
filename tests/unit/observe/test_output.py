"""The queue to standard error: nothing waits for a reader, and what was dropped is said."""

from __future__ import annotations

import os

import pytest

from daemon.observe.output import Output


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    yield reader, stream
    os.close(reader)
    stream.close()


def test_lines_come_in_order_and_functions_are_called(pipe):
    reader, stream = pipe
    output = Output(stream)
    output.line("one")
    output.line(lambda: "two")
    output.stop()
    assert os.read(reader, 100) == b"one\ntwo\n"


def test_what_does_not_fit_is_counted_and_said(pipe):
    reader, stream = pipe
    output = Output(stream, lines_max=4)
    big = "x" * 200_000  # more than a pipe holds: the thread is blocked with the first
    for _ in range(20):
        output.line(big)
    assert output.dropped >= 15
    assert output.flush(0.01) is False
    text = b""
    while text.count(b"\n") < 20 - output.dropped:
        text += os.read(reader, 1 << 20)
    output.line("after")
    while b"after\n" not in text:
        text += os.read(reader, 1 << 20)
    assert b"log lines were dropped" in text
    output.stop()


def test_a_reader_that_has_gone_harms_nobody():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        output = Output(stream)
        output.line("to nobody")
        assert output.flush()
        output.stop()
