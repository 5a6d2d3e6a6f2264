"""A distribution of times, exact to three digits, small, and addable.

The buckets are HdrHistogram's for 1 µs … 1 h and three significant digits: below 2,048 µs each
microsecond has its own; above, each doubling is cut into 1,024 equal parts, so that a bucket is at
most 0.1 % of its value wide. What is written (`encode`) is HdrHistogram's V2 compressed format in
base64: any of its tools can read, add and plot it.

The `hdrhistogram` package is not what counts here. It keeps all 23,552 buckets of 8 bytes, used or
not: 189 KiB each, so 740 MiB for 1,000 seconds of four measures. One sample costs it 1.0 µs, and a
dictionary of the buckets in use 0.33 µs (CPython 3.11). It has no wheels for Linux on ARM, and
brings setuptools and pbr with it at run time. So it is a dependency of the tests alone, which read
with it what is written here and the reverse.

An entry of the dictionary is about 75 bytes. Seconds that are over are packed (`pack`): six bytes
for each bucket in use. 1,000 seconds of four measures are 15 MiB at 500 messages a second, 39 MiB
at 2,000."""

from __future__ import annotations

import base64
import binascii
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from ..results import Percentiles

LONGEST_US = 3_600_000_000
DIGITS = 3

_HALF = 1024
_ENVELOPE = struct.Struct(">II")
_HEADER = struct.Struct(">IIIIqqd")
_COOKIE_COMPRESSED = 0x1C849314
_COOKIE = 0x1C849313
#: No bucket needs more than nine bytes: what unpacks to more is not one of ours.
_ENCODED_BYTES_MAX = _HEADER.size + 9 * 23 * _HALF


def bucket_of(us: int) -> int:
    """The number of the bucket that counts this many microseconds."""
    if us < 2 * _HALF:
        return us
    shift = us.bit_length() - 11
    return (shift << 10) + (us >> shift)


def lowest_us(bucket: int) -> int:
    """The least that is counted in a bucket."""
    if bucket < 2 * _HALF:
        return bucket
    shift = (bucket >> 10) - 1
    return ((bucket & (_HALF - 1)) + _HALF) << shift


def highest_us(bucket: int) -> int:
    """The most that is counted in a bucket."""
    return lowest_us(bucket + 1) - 1


_LAST_BUCKET = bucket_of(LONGEST_US)


class LatencyHistogram:
    """How many samples are in which bucket. Like HdrHistogram, it takes for a percentile and for
    the maximum the most that its bucket counts, for the minimum the least, for the mean the
    middle."""

    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts: dict[int, int] = {} if counts is None else counts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LatencyHistogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]  # it changes, so it is no key

    def record(self, value_s: float) -> None:
        """Count one sample; what is outside 1 µs … 1 h is counted at the nearest end."""
        us = int(value_s * 1e6 + 0.5)
        if us >= 2048:
            if us > LONGEST_US:
                us = LONGEST_US
            shift = us.bit_length() - 11
            us = (shift << 10) + (us >> shift)
        elif us < 1:
            us = 1
        counts = self.counts
        counts[us] = counts.get(us, 0) + 1

    def add(self, other: LatencyHistogram) -> None:
        counts = self.counts
        for bucket, count in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def buckets(self) -> Iterator[tuple[int, int]]:
        """From the shortest to the longest time: the most that a bucket in use counts, in
        microseconds, and how many samples it has."""
        return ((highest_us(bucket), count) for bucket, count in sorted(self.counts.items()))

    def count_within(self, us: int) -> int:
        """How many samples are at most so long, to the width of a bucket."""
        last = bucket_of(min(us, LONGEST_US))
        return sum(count for bucket, count in self.counts.items() if bucket <= last)

    def at_shares(self, shares: Sequence[float]) -> list[int]:
        """For each share (0 … 1, ascending) the microseconds within which that part of the samples
        is. Of an empty histogram: zeros."""
        if not self.counts:
            return [0] * len(shares)
        total, counts = self.count, self.counts
        filled = iter(sorted(counts))  # numbers alone: pairs take three times as long
        bucket = next(filled)
        seen = counts[bucket]
        found = []
        for share in shares:
            rank = min(total, max(1, ceil(round(share * total, 6))))
            while seen < rank:
                bucket = next(filled)
                seen += counts[bucket]
            found.append(highest_us(bucket))
        return found

    def at_share(self, share: float) -> int:
        return self.at_shares((share,))[0]

    def least_us(self) -> int:
        """0 of an empty histogram."""
        return lowest_us(min(self.counts)) if self.counts else 0

    def mean_us(self) -> float:
        """0.0 of an empty histogram."""
        if not self.counts:
            return 0.0
        doubled = sum(
            (lowest_us(bucket) + highest_us(bucket)) * count
            for bucket, count in self.counts.items()
        )
        return doubled / 2 / self.count

    def percentiles(self, *, encoded: bool = True) -> Percentiles:
        """In milliseconds; with the whole distribution if `encoded`."""
        if not self.counts:
            return Percentiles()
        p50, p90, p95, p99, p999 = self.at_shares((0.5, 0.9, 0.95, 0.99, 0.999))
        return Percentiles(
            count=self.count,
            min=self.least_us() / 1000,
            p50=p50 / 1000,
            p90=p90 / 1000,
            p95=p95 / 1000,
            p99=p99 / 1000,
            p999=p999 / 1000,
            max=highest_us(max(self.counts)) / 1000,
            mean=self.mean_us() / 1000,
            histogram=self.encode() if encoded else "",
        )

    def briefly(self) -> Percentiles:
        """Only what is shown while a run lasts: this is asked for each second, of all samples."""
        if not self.counts:
            return Percentiles()
        p50, p95, p99, longest = self.at_shares((0.5, 0.95, 0.99, 1.0))
        return Percentiles(
            count=self.count,
            p50=p50 / 1000,
            p95=p95 / 1000,
            p99=p99 / 1000,
            max=longest / 1000,
        )

    def pack(self) -> bytes:
        """Six bytes for each bucket in use; the same for the same counts."""
        buckets = sorted(self.counts)
        numbers = array("H", buckets)
        counts = array("I", map(self.counts.__getitem__, buckets))
        return _little_endian(numbers) + _little_endian(counts)

    @classmethod
    def unpack(cls, packed: bytes) -> LatencyHistogram:
        size = len(packed) // 6
        numbers, counts = array("H"), array("I")
        numbers.frombytes(packed[: 2 * size])
        counts.frombytes(packed[2 * size :])
        if sys.byteorder == "big":
            numbers.byteswap()
            counts.byteswap()
        return cls(dict(zip(numbers, counts, strict=True)))

    def encode(self) -> str:
        """HdrHistogram's V2 compressed format, in base64."""
        body = bytearray()
        following = 0
        for bucket, count in sorted(self.counts.items()):
            unused = bucket - following
            if unused:
                _write_varint(body, 0 if unused == 1 else 2 * unused - 1)
            _write_varint(body, 2 * count)
            following = bucket + 1
        header = _HEADER.pack(_COOKIE, len(body), 0, DIGITS, 1, LONGEST_US, 1.0)
        squeezed = zlib.compress(header + bytes(body))
        return base64.b64encode(
            _ENVELOPE.pack(_COOKIE_COMPRESSED, len(squeezed)) + squeezed
        ).decode()

    @classmethod
    def decode(cls, text: str) -> LatencyHistogram:
        """What `encode` wrote, or another HdrHistogram with the same buckets. "" is empty. Raises
        ValueError."""
        return cls(dict(_read_counts(_payload(text)))) if text else cls()

    @classmethod
    def of(cls, values_s: Iterable[float]) -> LatencyHistogram:
        histogram = cls()
        for value_s in values_s:
            histogram.record(value_s)
        return histogram


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _write_varint(body: bytearray, zigzag: int) -> None:
    while zigzag > 0x7F:
        body.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    body.append(zigzag)


def _payload(text: str) -> bytes:
    """The counts of an encoded histogram."""
    try:
        whole = base64.b64decode(text, validate=True)
        cookie, length = _ENVELOPE.unpack_from(whole)
        if cookie != _COOKIE_COMPRESSED or length != len(whole) - _ENVELOPE.size:
            raise ValueError("not a V2 compressed histogram")
        opened = zlib.decompressobj().decompress(whole[_ENVELOPE.size :], _ENCODED_BYTES_MAX)
        cookie, length, offset, digits, lowest, _, _ = _HEADER.unpack_from(opened)
    except (binascii.Error, struct.error, zlib.error) as wrong:
        raise ValueError(f"not an encoded histogram: {wrong}") from None
    if cookie != _COOKIE or (offset, digits, lowest) != (0, DIGITS, 1):
        raise ValueError("a histogram with other buckets: 3 digits from 1 are wanted")
    body = opened[_HEADER.size :]
    if length != len(body):
        raise ValueError("an encoded histogram that was cut off")
    return body


def _read_counts(body: bytes) -> Iterator[tuple[int, int]]:
    bucket = 0
    at = 0
    while at < len(body):
        zigzag = shift = 0
        while True:
            if at == len(body) or shift > 56:
                raise ValueError("an encoded histogram that was cut off")
            byte = body[at]
            at += 1
            zigzag |= (byte if shift == 56 else byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift > 56:
                break
        if zigzag & 1:
            bucket += (zigzag + 1) >> 1
        else:
            if zigzag:
                if bucket > _LAST_BUCKET:
                    raise ValueError("an encoded histogram of more than an hour")
                yield bucket, zigzag >> 1
            bucket += 1
