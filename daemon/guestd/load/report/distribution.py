"""A distribution as the summary carries it: HdrHistogram's V2 compressed encoding, in base64.

Read here and not taken from the part that counts, because a report is also made of a summary that
another program or version wrote: what cannot be read gives no distribution and no error. The
format: a cookie and a length, then deflated: cookie, length, normalizing offset, significant
digits, lowest and highest value (64 bit), ratio, and the counts as zigzag LEB128, in which a
negative number says how many counts of 0 follow."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ..results import Percentiles

_COOKIE, _COMPRESSED_COOKIE = 0x1C849303, 0x1C849304
#: Without the bits that say how wide a count is.
_COOKIE_MASK = 0xFFFFFF0F
#: Three digits up to an hour in microseconds are 25 thousand counts.
_BYTES_MAX = 4_000_000
_HEADER = struct.Struct(">iiiiqqd")


@dataclass(slots=True, frozen=True)
class Distribution:
    """Values in milliseconds, ascending, and how many measured values were at most each."""

    values: Sequence[float] = field(default_factory=list)
    up_to: Sequence[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.up_to[-1] if self.up_to else 0

    def at(self, share: float) -> float:
        """The value that this share of all does not exceed."""
        wanted = max(1.0, share * self.total - 1e-6)
        return self.values[min(bisect_left(self.up_to, wanted), len(self.values) - 1)]

    def columns(self, edges: Sequence[float]) -> list[int]:
        """How many are in each part between two edges; the first is open below, the last above."""
        below = [self._below(edge) for edge in edges[1:-1]]
        return [high - low for low, high in zip([0, *below], [*below, self.total], strict=True)]

    def _below(self, edge: float) -> int:
        index = bisect_left(self.values, edge)
        return self.up_to[index - 1] if index else 0


def distribution(percentiles: Percentiles) -> Distribution:
    """From the histogram, or coarsely from the percentiles where there is none that can be read."""
    try:
        return _decoded(percentiles.histogram)
    except (ValueError, struct.error, zlib.error, binascii.Error, IndexError):
        return _from_percentiles(percentiles)


def _decoded(text: str) -> Distribution:
    raw = base64.b64decode(text, validate=True)
    cookie, length = struct.unpack_from(">ii", raw)
    if cookie & _COOKIE_MASK != _COMPRESSED_COOKIE & _COOKIE_MASK:
        raise ValueError("not a compressed histogram")
    inflater = zlib.decompressobj()
    plain = inflater.decompress(raw[8 : 8 + length], _BYTES_MAX)
    if not inflater.eof:
        raise ValueError("cut, or too long")
    cookie, size, _offset, digits, lowest, _highest, _ratio = _HEADER.unpack_from(plain)
    if cookie & _COOKIE_MASK != _COOKIE & _COOKIE_MASK or not 0 <= digits <= 5 or lowest < 1:
        raise ValueError("not a histogram")
    counts = _counts(plain[_HEADER.size : _HEADER.size + size])
    buckets = _Buckets(digits, lowest)
    known = [(index, number) for index, number in counts if number > 0]
    if not known:
        raise ValueError("an empty histogram")
    return Distribution(
        [buckets.middle(index) / 1000 for index, _ in known],
        list(accumulate(number for _, number in known)),
    )


def _counts(packed: bytes) -> list[tuple[int, int]]:
    """Index and count, where there is one."""
    found, index, at = [], 0, 0
    while at < len(packed):
        word, at = _word(packed, at)
        number = (word >> 1) ^ -(word & 1)
        if number < 0:
            index -= number
        else:
            found.append((index, number))
            index += 1
    return found


def _word(packed: bytes, at: int) -> tuple[int, int]:
    """One LEB128 number of up to 64 bits, whose ninth byte has eight of them."""
    word, shift = 0, 0
    while True:
        byte = packed[at]
        at += 1
        if shift == 56:
            return word | byte << shift, at
        word |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return word, at
        shift += 7


class _Buckets:
    """Where the counts of a histogram stand: each bucket twice as wide as the one before, each in
    as many parts as the digits need."""

    def __init__(self, digits: int, lowest: int) -> None:
        self._unit = lowest.bit_length() - 1
        self._half_bits: int = max((2 * int(10**digits) - 1).bit_length(), 1) - 1
        self._half = 1 << self._half_bits

    def middle(self, index: int) -> float:
        bucket, part = (index >> self._half_bits) - 1, (index & (self._half - 1)) + self._half
        if bucket < 0:
            bucket, part = 0, part - self._half
        if bucket > 64:
            raise ValueError("a value of more than 64 bits")
        width = 1 << (bucket + self._unit)
        return part * width + (width >> 1)


def _from_percentiles(found: Percentiles) -> Distribution:
    total = found.count
    known = [
        (found.min, 0.0), (found.p50, 0.5), (found.p90, 0.9), (found.p95, 0.95),
        (found.p99, 0.99), (found.p999, 0.999), (found.max, 1.0),
    ]  # fmt: skip
    pairs = [(at, round(total * share)) for at, share in known if at is not None]
    if not pairs or not total:
        return Distribution()
    return Distribution([at for at, _ in pairs], [max(number, 1) for _, number in pairs])
