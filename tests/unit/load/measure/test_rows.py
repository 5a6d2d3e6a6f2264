"""A run over time is at most 200 points, whose percentiles are of the samples."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.load.measure.histogram import LatencyHistogram
from guestd.load.measure.merged import RunMeasures
from guestd.load.measure.recorder import Recorder
from guestd.load.measure.rows import POINTS_MAX, points
from tests.thoroughness import examples


def run(seconds: int) -> RunMeasures:
    recorder, merged = Recorder(), RunMeasures()
    for second in range(seconds):
        recorder.counted("sent", second + 0.1)
        recorder.measured("echo_latency", (second + 1) / 1000, second + 0.2)
        recorder.sampled(second + 0.9, {"live": second}, 0.25, 1.0, 1)
        recorder.lag(0.004, second + 0.5)
    merged.absorb(recorder.partial())
    return merged


@settings(max_examples=examples(40))
@given(st.integers(1, 1000))
def test_nothing_is_left_out_and_there_are_at_most_200(seconds):
    merged = run(seconds)
    found = points(merged.timeline)
    assert len(found) <= POINTS_MAX
    assert sum(point.sent for point in found) == seconds
    assert sum(point.echo_ms.count for point in found) == seconds
    assert [point.at_s for point in found] == sorted(point.at_s for point in found)
    assert sum(point.length_s for point in found) == seconds
    assert found[-1].guests == ({"live": seconds - 1} if seconds > 1 else {})


def test_a_point_has_the_percentiles_of_all_its_samples():
    (first, *_) = points(run(600).timeline)
    assert (first.at_s, first.length_s) == (0.0, 3.0)
    assert first.echo_ms == LatencyHistogram.of([0.001, 0.002, 0.003]).percentiles(encoded=False)
    assert first.guests == {"live": 2}
    assert (first.cpu, first.lag_ms) == (0.25, 4.0)


def test_where_nothing_was_measured_a_point_says_so():
    recorder, merged = Recorder(), RunMeasures()
    recorder.counted("sent", 0.5)
    recorder.counted("sent", 4.5)
    merged.absorb(recorder.partial())
    found = points(merged.timeline, ended_s=4.75)
    assert [point.sent for point in found] == [1, 0, 0, 0, 1]
    assert found[2].echo_ms.p99 is None
    assert found[-1].length_s == 0.75


def test_what_came_after_the_end_is_part_of_the_last_point():
    recorder, merged = Recorder(), RunMeasures()
    recorder.counted("sent", 0.5)
    recorder.counted("ended", 9.5)
    merged.absorb(recorder.partial())
    found = points(merged.timeline, ended_s=2.0)
    assert [(point.sent, point.ended) for point in found] == [(1, 0), (0, 1)]


def test_guests_of_all_processes_are_added_and_the_busiest_is_shown():
    merged = RunMeasures()
    for worker, cpu_s in (("a", 0.2), ("b", 0.6)):
        recorder = Recorder(worker)
        recorder.sampled(0.5, {"live": 3}, cpu_s, 1.0, 1)
        merged.absorb(recorder.partial())
    (point,) = points(merged.timeline)
    assert point.guests == {"live": 6}
    assert point.cpu == pytest.approx(0.6)


def test_a_run_without_rows_has_no_points():
    assert points(RunMeasures().timeline) == []


def test_the_last_minute_is_there_by_seconds():
    recorder, merged = Recorder(), RunMeasures()
    for second in range(1500):
        recorder.counted("sent", second + 0.1)
        recorder.measured("echo_latency", (second + 1) / 1000, second + 0.2)
        merged.absorb(recorder.partial())
    assert merged.timeline.length_s == 2
    found = merged.recent.points(1500.5)
    assert [point.at_s for point in found] == [float(second) for second in range(1440, 1500)]
    assert [point.echo_ms.count for point in found] == [1] * 60
    assert found[-1].echo_ms == LatencyHistogram.of([1.5]).percentiles(encoded=False)


def test_a_second_of_the_last_minute_that_is_added_to_is_counted_anew():
    recorder, merged = Recorder(), RunMeasures()
    for at_s in (1.5, 2.5, 1.6):
        recorder.counted("sent", at_s)
        merged.absorb(recorder.partial())
        merged.recent.points(3.0)
    assert [point.sent for point in merged.recent.points(4.0)] == [0, 2, 1, 0]
    assert [point.sent for point in merged.recent.points(3.0, seconds=2)] == [2, 1]


def test_what_comes_more_than_a_minute_late_is_not_recent():
    recorder, merged = Recorder(), RunMeasures()
    for at_s in (100.0, 40.0, 41.0):
        recorder.counted("sent", at_s)
        merged.absorb(recorder.partial())
    assert sum(point.sent for point in merged.recent.points(101.0, seconds=101)) == 2
    assert merged.count("sent") == 3
