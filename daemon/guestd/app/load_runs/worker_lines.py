"""What a run and its worker processes say to each other: one JSON object a line, over the worker's
standard input and output."""

from __future__ import annotations

import msgspec

from ...load.measure.partial import Partial
from .options import RunOptions
from .run_result import RunResult


class BeginLine(msgspec.Struct, tag="begin"):
    options: RunOptions
    flags: dict[str, str | int | float | bool]


class GoLine(msgspec.Struct, tag="go"):
    """All workers are ready: the run begins now."""


class StopLine(msgspec.Struct, tag="stop"):
    """Let the guests end their conversations. The end of the input means the same."""


class AbortLine(msgspec.Struct, tag="abort"):
    """Leave at once."""


class CompareLine(msgspec.Struct, tag="compare"):
    """All guests of all workers are done. `started_ms`: the run's start."""

    started_ms: int


class ReadyLine(msgspec.Struct, tag="ready"):
    pass


class SecondLine(msgspec.Struct, tag="second"):
    at_s: float
    partial: Partial
    states: dict[str, int]
    waits: list[tuple[str, int]]


class DoneLine(msgspec.Struct, tag="done"):
    """Its guests are done."""


class EndLine(msgspec.Struct, tag="end"):
    result: RunResult


ToWorker = BeginLine | GoLine | StopLine | AbortLine | CompareLine
FromWorker = ReadyLine | SecondLine | DoneLine | EndLine

#: A line has all conversations worth reading, with their transcripts.
LINE_BYTES_MAX = 1 << 28

to_worker = msgspec.json.Decoder(ToWorker).decode
from_worker = msgspec.json.Decoder(FromWorker).decode


def line(message: ToWorker | FromWorker) -> bytes:
    return msgspec.json.encode(message) + b"\n"
