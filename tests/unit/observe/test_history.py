"""Figures of periods, kept in memory that does not grow."""

from __future__ import annotations

from math import isnan

import pytest

from guestd.observe.metrics import Histogram, Metrics
from guestd.observe.periods import COLUMNS, Period, ProcessFigures
from guestd.observe.row_ring import RowRing


class TestRing:
    def test_the_newest_rows_push_out_the_oldest(self):
        ring = RowRing(("a",), 3)
        for n in range(5):
            ring.add({"a": n})
        assert (
            len(ring) == 3 and ring.last(10) == {"a": [2, 3, 4]} and ring.last(2) == {"a": [3, 4]}
        )

    @pytest.mark.parametrize("added", range(8))
    def test_whatever_was_added_the_last_come_in_order(self, added):
        ring = RowRing(("a",), 3)
        for n in range(added):
            ring.add({"a": n})
        for wanted in range(5):
            count = min(wanted, added, 3)
            assert ring.last(wanted)["a"] == list(range(added - count, added))

    def test_what_a_row_lacks_is_not_what_was_there_before(self):
        ring = RowRing(("a", "b"), 1)
        ring.add({"a": 1, "b": 2})
        ring.add({"a": 3})
        found = ring.last(1)
        assert found["a"] == [3] and isnan(found["b"][0])


def test_a_histogram_tells_what_was_observed_since():
    histogram = Histogram((1.0, 2.0))
    histogram.observe(0.5)
    before = histogram.counts()
    histogram.observe(1.5)
    histogram.observe(9.0)
    later = histogram.since(before)
    assert later.count == 2 and later.counts() == (0, 1, 1)


class TestPeriod:
    def test_a_row_has_what_was_counted_since_the_last_one(self):
        metrics = Metrics()
        metrics.messages_in = 5
        period = Period(metrics)
        metrics.messages_in += 3
        metrics.connections_lost["unanswered"] = 2
        metrics.connects_throttled = 1
        metrics.sessions["live"] = 7
        first = period.row(1_000, ProcessFigures(1.0, 10, 20))
        second = period.row(2_000, ProcessFigures(1.25, 10, 20))
        assert (first["in"], first["lost"], first["lost.unanswered"]) == (3, 2, 2)
        assert (first["throttled.connects"], first["live"], first["open_files"]) == (1, 7, 20)
        assert "cpu" not in first and second["cpu"] == 0.25
        assert (second["in"], second["lost"], second["at"]) == (0, 0, 2_000)

    def test_percentiles_are_of_the_period_alone_and_none_without_an_echo(self):
        metrics = Metrics()
        for _ in range(1000):
            metrics.echo_latency_s.observe(5.0)
        period = Period(metrics)
        metrics.echo_latency_s.observe(0.004)
        assert period.row(1_000, ProcessFigures())["echo_p99"] < 5.001
        assert "echo_p99" not in period.row(2_000, ProcessFigures())

    def test_every_figure_has_its_column(self):
        metrics = Metrics()
        period = Period(metrics)
        metrics.echo_latency_s.observe(0.1)
        metrics.loop_lag_s.observe(0.1)
        period.row(1_000, ProcessFigures())
        metrics.echo_latency_s.observe(0.1)
        metrics.loop_lag_s.observe(0.1)
        assert set(period.row(2_000, ProcessFigures())) == set(COLUMNS)
