"""Counters as the scraper sees them, and the histogram's arithmetic."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from guestd.model.effects import SessionCounter
from guestd.model.journal import DiskFigures
from guestd.observe.exposition import exposition
from guestd.observe.metrics import Histogram, Metrics


def test_the_exposition_is_read_by_the_library_itself():
    metrics = Metrics()
    metrics.messages_in = 7
    metrics.sessions["live"] = 3
    metrics.count_session(SessionCounter.DUPLICATE, 2)
    metrics.echo_latency_s.observe(0.003)
    families = {
        family.name: family
        for family in text_string_to_metric_families(exposition(metrics).decode())
    }
    samples = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples[("guestd_messages_received_total", ())] == 7
    assert samples[("guestd_sessions", (("state", "live"),))] == 3
    assert samples[("guestd_sessions", (("state", "resting"),))] == 0, "there before the first"
    assert samples[("guestd_notices_total", (("kind", "duplicates"),))] == 2
    assert samples[("guestd_echo_latency_seconds_count", ())] == 1
    assert samples[("guestd_echo_latency_seconds_bucket", (("le", "0.005"),))] == 1
    assert samples[("guestd_echo_latency_seconds_bucket", (("le", "0.0025"),))] == 0


def test_no_label_ever_holds_a_session():
    text = exposition(Metrics()).decode()
    assert "session_id" not in text and "guest=" not in text


def test_quantiles_are_interpolated_within_their_bucket():
    histogram = Histogram((1.0, 2.0, 4.0))
    assert histogram.quantile(0.5) is None
    for value in (0.5, 1.5, 1.5, 3.0):
        histogram.observe(value)
    assert histogram.quantile(0.5) == pytest.approx(1.5)
    assert histogram.quantile(1.0) == pytest.approx(4.0)
    histogram.observe(99.0)
    assert histogram.quantile(1.0) == 4.0


def test_the_disk_and_the_readiness_are_gauges_where_they_are_known():
    metrics = Metrics()
    text = exposition(metrics).decode()
    assert "guestd_ready" not in text and "guestd_journal_bytes" not in text
    metrics.disk_figures = lambda: DiskFigures(journal_bytes=4096, free_bytes=10_000)
    metrics.readiness = lambda: {"ready": False, "storage_low": True, "storage_full": False}
    lines = exposition(metrics).decode().splitlines()
    assert "guestd_journal_bytes 4096.0" in lines
    assert "guestd_journal_disk_free_bytes 10000.0" in lines
    assert "guestd_ready 0.0" in lines and "guestd_storage_low 1.0" in lines
    assert "guestd_storage_full 0.0" in lines


def test_what_the_process_and_the_build_are_is_there():
    text = exposition(Metrics()).decode()
    for name in ("guestd_build_info", "process_resident_memory_bytes", "process_open_fds"):
        assert f"\n{name}" in text
    assert "process_start_time_seconds" in text and "python_info" in text


def test_help_speaks_to_operators_and_every_name_says_one_thing():
    text = exposition(Metrics()).decode()
    assert not re.search(r"[A-Z]{3,}-[0-9]", text), "no ids of contracts"
    for name in ("guestd_connections_lost", "guestd_commands_settled"):
        assert f"# TYPE {name}_total counter" in text
    for gone in ("reconnects", "guestd_deliveries", "disconnection_rate"):
        assert gone not in text
