"""What one process has measured in a part of a run, as a value: JSON between a worker and its
parent, and addable. `RunMeasures` adds them.

Sums are of whole microseconds, so that it does not matter in which order they are added. Histograms
are packed (`LatencyHistogram.pack`); in JSON they are base64."""

from __future__ import annotations

import msgspec


class ProcessSample(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One process in one row. `states`: its guests by state, as of `at_us`, the latest time in the
    row. `open_most`: the most sessions that it had open at once, exactly. `cpu_us` was used in
    `span_us`. `lag_us`: the longest that its event loop was late."""

    at_us: int = 0
    states: dict[str, int] = {}
    open_most: int = 0
    cpu_us: int = 0
    span_us: int = 0
    lag_us: int = 0


class MeasuredRow(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What was measured between `start_s` and `start_s` + `length_s`, since the run's start."""

    start_s: int
    length_s: int = 1
    measures: dict[str, bytes] = {}
    counts: dict[str, int] = {}
    processes: dict[str, ProcessSample] = {}


class StepTally(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`scenario` and `step` by their numbers. `took`: of those that did not fail."""

    scenario: int
    step: int
    run: int = 0
    failures: dict[str, int] = {}
    took: bytes = b""


class ThrottledTally(msgspec.Struct, omit_defaults=True, kw_only=True):
    bucket: str
    used_by: str = ""
    count: int = 0


class LostTally(msgspec.Struct, omit_defaults=True, kw_only=True):
    cause: str
    count: int = 0
    restore: bytes = b""


class FailureTally(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Failures that are not a step's. `scenario` None: not of one."""

    kind: str
    what: str
    scenario: int | None = None
    count: int = 0


class WarningTally(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Lines of a process's own log that are alike."""

    what: str
    count: int = 0


class ProcessTally(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One process over the whole part. `late`: guests that it started late, of `started`."""

    lag: bytes = b""
    memory_bytes: int = 0
    started: int = 0
    late: int = 0


class Partial(msgspec.Struct, omit_defaults=True, kw_only=True):
    rows: list[MeasuredRow] = []
    steps: list[StepTally] = []
    throttled: list[ThrottledTally] = []
    lost: list[LostTally] = []
    failures: list[FailureTally] = []
    warnings: list[WarningTally] = []
    processes: dict[str, ProcessTally] = {}


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Partial)


def encode(partial: Partial) -> bytes:
    return _ENCODER.encode(partial)


def decode(text: bytes) -> Partial:
    """Raises msgspec.DecodeError."""
    return _DECODER.decode(text)
