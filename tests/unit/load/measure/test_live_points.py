"""A run so far as points: bounded, each second of it in one of them, and only what is new to a reader."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestd.load.measure.live_points import ROWS_MAX, LivePoints
from guestd.load.measure.recorder import Recorder


def measured(recorder: Recorder, second: int) -> None:
    recorder.counted("sent", second + 0.1)
    recorder.measured("echo_latency", (second + 1) / 1000, second + 0.2)
    recorder.sampled(second + 0.9, {"live": 3}, 0.25, 1.0, 1)


def run(seconds: int) -> LivePoints:
    recorder, points = Recorder(), LivePoints()
    for second in range(seconds):
        measured(recorder, second)
        points.take(recorder.partial())
        points.settle(second + 1, second + 1)
    return points


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 1500))
def test_however_long_it_is_nothing_is_left_out(seconds):
    points = run(seconds)
    assert len(points.since(0)) <= ROWS_MAX + 32
    for version in range(seconds + 1, seconds + 100):  # rows that are still to be folded
        points.settle(seconds, version)
    found = points.since(0)
    assert len(found) <= ROWS_MAX
    assert sum(one.sent for one in found) == seconds == sum(one.echo_ms.count for one in found)
    assert sum(one.length_s for one in found) == seconds
    ends = [one.at_s + one.length_s for one in found]
    assert ends[:-1] == [one.at_s for one in found[1:]]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 900), st.integers(0, 900))
@example(513, 0)  # just when rows of two seconds become rows of four
@example(514, 300)
def test_a_reader_who_takes_what_is_new_has_what_all_have(seconds, first):
    recorder, points, kept = Recorder(), LivePoints(), []
    for second in range(seconds):
        measured(recorder, second)
        points.take(recorder.partial())
        points.settle(second + 1, second + 1)
        fresh = points.since(0 if second == first else second) if second >= first else []
        kept = [one for one in kept if not any(lies_within(one, by) for by in fresh)] + fresh
    if seconds > first:
        assert sorted(kept, key=lambda one: (one.at_s, one.length_s)) == sorted(
            points.since(0), key=lambda one: (one.at_s, one.length_s)
        )


def lies_within(one, by) -> bool:
    return by.at_s <= one.at_s < by.at_s + by.length_s


def test_a_second_that_is_not_over_is_not_told():
    recorder, points = Recorder(), LivePoints()
    for second in (0, 1):
        measured(recorder, second)
    points.take(recorder.partial())
    points.settle(1, 1)
    assert [one.at_s for one in points.since(0)] == [0.0]
    points.settle(2, 2)
    assert [one.at_s for one in points.since(1)] == [1.0]
    assert points.since(2) == []


def test_what_a_slow_worker_adds_to_a_second_is_told_again():
    first, second, points = Recorder("0"), Recorder("1"), LivePoints()
    measured(first, 0)
    points.take(first.partial())
    points.settle(1, 1)
    measured(second, 0)
    points.take(second.partial())
    points.settle(2, 2)
    (one,) = points.since(1)
    assert (one.sent, one.guests, one.echo_ms.count) == (2, {"live": 6}, 2)
