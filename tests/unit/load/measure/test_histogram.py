"""Against HdrHistogram itself, and against the samples sorted."""

from __future__ import annotations

import base64
import zlib
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.measure.histogram import (
    LONGEST_US,
    LatencyHistogram,
    bucket_of,
    highest_us,
    lowest_us,
)

MICROSECONDS = st.integers(1, LONGEST_US) | st.integers(1, 5000)
SAMPLES = st.lists(MICROSECONDS, min_size=1, max_size=200)
#: Of 1, 1, 2047, 2048, 70,000, 70,000 and 3,600,000,000 µs, by hdrhistogram 0.10.8.
WRITTEN_BY_THE_LIBRARY = "HISTFAAAACx4nJNpmSzMwMDAywABzFCaEURcm7yEwf4DVIDlpzwTU3sgy+2fjEwAplkIaA=="
SHARES = (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


def of(samples: list[int]) -> LatencyHistogram:
    return LatencyHistogram.of(us / 1e6 for us in samples)


def library():
    return pytest.importorskip("hdrh.histogram").HdrHistogram


@given(MICROSECONDS)
def test_a_bucket_has_what_it_counts_between_its_ends(us):
    bucket = bucket_of(us)
    assert lowest_us(bucket) <= us <= highest_us(bucket)
    assert bucket_of(lowest_us(bucket)) == bucket == bucket_of(highest_us(bucket))
    assert highest_us(bucket) - lowest_us(bucket) <= us / 1000


@given(SAMPLES)
def test_percentiles_are_those_of_the_sorted_samples_to_a_thousandth(samples):
    ordered = sorted(samples)
    found = of(samples).at_shares(SHARES)
    for share, us in zip(SHARES, found, strict=True):
        exact = ordered[max(1, ceil(round(share * len(ordered), 6))) - 1]
        assert exact <= us <= exact * 1.001 + 1


@given(SAMPLES)
def test_the_mean_the_ends_and_the_count_are_those_of_the_samples(samples):
    figures = of(samples).percentiles()
    assert figures.count == len(samples)
    assert figures.mean == pytest.approx(sum(samples) / len(samples) / 1000, rel=1e-3)
    assert figures.min == pytest.approx(min(samples) / 1000, rel=1e-3)
    assert figures.max == pytest.approx(max(samples) / 1000, rel=1e-3)


@given(SAMPLES)
def test_what_is_encoded_packed_and_read_again_is_the_same(samples):
    histogram = of(samples)
    assert LatencyHistogram.decode(histogram.encode()) == histogram
    assert LatencyHistogram.unpack(histogram.pack()) == histogram


@given(SAMPLES)
def test_the_library_reads_it_and_says_the_same(samples):
    ours = of(samples)
    theirs = library().decode(ours.encode())
    assert theirs.get_total_count() == len(samples)
    for share in (0.5, 0.9, 0.99, 1.0):
        # the library rounds the rank to the nearest, HdrHistogram of Java and this one up
        rank = max(1, ceil(round(share * len(samples), 6)))
        assert theirs.get_value_at_percentile(100 * rank / len(samples)) == ours.at_share(share)
    assert theirs.get_mean_value() == pytest.approx(ours.mean_us(), abs=1)
    assert theirs.get_max_value() == ours.at_share(1.0)


@given(SAMPLES)
def test_what_the_library_writes_is_read(samples):
    theirs = library()(1, LONGEST_US, 3)
    for us in samples:
        theirs.record_value(us)
    assert LatencyHistogram.decode(theirs.encode().decode()) == of(samples)


def test_a_histogram_that_hdrhistogram_wrote_is_read_without_the_library():
    samples = [1, 1, 2047, 2048, 70_000, 70_000, 3_600_000_000]
    assert LatencyHistogram.decode(WRITTEN_BY_THE_LIBRARY) == of(samples)


@given(SAMPLES, SAMPLES, SAMPLES)
def test_adding_does_not_depend_on_the_order(a, b, c):
    left = of(a)
    left.add(of(b))
    left.add(of(c))
    right = of(c)
    right.add(of(a))
    right.add(of(b))
    assert left == right == of(a + b + c)
    assert left.pack() == right.pack()


def test_what_is_outside_is_counted_at_the_ends():
    assert list(LatencyHistogram.of([-1.0, 0.0, 1e-9]).buckets()) == [(1, 3)]
    (us, count), *rest = LatencyHistogram.of([3600.0, 1e9]).buckets()
    assert (count, rest) == (2, [])
    assert us == pytest.approx(LONGEST_US, rel=1e-3)


def test_an_empty_one_says_nothing():
    empty = LatencyHistogram()
    assert empty.percentiles().p99 is None
    assert empty.percentiles().count == 0
    assert LatencyHistogram.decode("") == empty
    assert LatencyHistogram.decode(empty.encode()) == empty


@given(SAMPLES, MICROSECONDS)
def test_how_many_are_within_a_limit_is_counted_to_a_bucket(samples, limit):
    within = of(samples).count_within(limit)
    assert sum(us <= limit for us in samples) <= within
    assert within <= sum(us <= limit * 1.001 + 1 for us in samples)


def altered(change) -> str:
    """A good histogram whose decompressed bytes were changed."""
    whole = base64.b64decode(of([5, 70_000]).encode())
    squeezed = zlib.compress(change(zlib.decompress(whole[8:])))
    return base64.b64encode(whole[:4] + len(squeezed).to_bytes(4, "big") + squeezed).decode()


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "AAAA",
        "HISTFAAAAAA=",
        of([5]).encode()[:-8],
        altered(lambda opened: opened[:-1]),
        altered(lambda opened: opened[:7] + b"\x01" + opened[8:]),
        altered(lambda opened: opened[:-1] + b"\xff"),
        altered(lambda opened: opened[:11] + b"\x01" + opened[12:]),
        altered(lambda opened: opened[:15] + b"\x02" + opened[16:]),
        altered(lambda opened: opened + b"\x00" * 300_000),
    ],
)
def test_what_is_no_histogram_is_refused(text):
    with pytest.raises(ValueError, match="histogram"):
        LatencyHistogram.decode(text)


def test_a_count_beyond_an_hour_is_refused():
    def far(opened: bytes) -> bytes:
        body = b"\xff\xff\xff\x01\x02"
        return opened[:4] + len(body).to_bytes(4, "big") + opened[8:40] + body

    with pytest.raises(ValueError, match="hour"):
        LatencyHistogram.decode(altered(far))
