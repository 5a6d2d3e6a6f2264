"""Histograms as another program would have written them: HdrHistogram's V2 encoding, three digits,
values in microseconds."""

from __future__ import annotations

import base64
import struct
import zlib
from collections import Counter
from collections.abc import Iterable

from guestd.load.results import Percentiles

DIGITS, HALF_BITS = 3, 10
HALF = 1 << HALF_BITS


def index_of(value: int) -> int:
    bucket = max(value.bit_length() - HALF_BITS - 1, 0)
    return (bucket << HALF_BITS) + (value >> bucket)


def zigzag(number: int) -> bytes:
    word, found = (number << 1) ^ (number >> 63), bytearray()
    while word > 0x7F:
        found.append(word & 0x7F | 0x80)
        word >>= 7
    return bytes([*found, word])


def encoded(values_us: Iterable[int]) -> str:
    counts = Counter(index_of(value) for value in values_us)
    packed, at = bytearray(), 0
    for index in sorted(counts):
        if index > at:
            packed += zigzag(at - index)
        packed += zigzag(counts[index])
        at = index + 1
    plain = struct.pack(">iiiiqqd", 0x1C849313, len(packed), 0, DIGITS, 1, 3_600_000_000, 1.0)
    deflated = zlib.compress(plain + packed)
    return base64.b64encode(struct.pack(">ii", 0x1C849314, len(deflated)) + deflated).decode()


def percentiles(values_ms: Iterable[float]) -> Percentiles:
    ordered = sorted(values_ms)
    if not ordered:
        return Percentiles()

    def at(share: float) -> float:
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    return Percentiles(
        count=len(ordered),
        min=ordered[0],
        p50=at(0.5),
        p90=at(0.9),
        p95=at(0.95),
        p99=at(0.99),
        p999=at(0.999),
        max=ordered[-1],
        mean=sum(ordered) / len(ordered),
        histogram=encoded(max(int(value * 1000), 1) for value in ordered),
    )
