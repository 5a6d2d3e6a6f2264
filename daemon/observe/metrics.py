"""Counters as plain integers on the hot path; the Prometheus library sees them only when somebody scrapes.

A `Counter.inc()` of the library costs a lock and half a microsecond; an attribute costs nothing worth naming. Labels carry
words from closed lists (states, causes, notices), never a session id: the number of series is bounded by the code.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from .. import __version__
from ..model.effects import Notice

LATENCY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COUNT_BOUNDS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)


class Histogram:
    """Counts of values up to fixed bounds; the last bucket takes what is above them all."""

    __slots__ = ("_bounds", "_counts", "count", "total")

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS_S) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.count += 1
        self.total += value

    def quantile(self, q: float) -> float | None:
        """The value below which a share `q` lies, interpolated within its bucket; None before the first value."""
        if not self.count:
            return None
        wanted, seen, low = q * self.count, 0, 0.0
        for high, count in zip(self._bounds, self._counts, strict=False):
            if count and seen + count >= wanted:
                return low + (high - low) * (wanted - seen) / count
            seen += count
            low = high
        return self._bounds[-1]

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        buckets, running = [], 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            running += count
            buckets.append((str(bound), float(running)))
        buckets.append(("+Inf", float(self.count)))
        return HistogramMetricFamily(name, text, buckets=buckets, sum_value=self.total)


class Metrics:
    """Everything guestd counts. Dictionaries go from a word to a count."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "commands_accepted",
        "commands_refused",
        "connects",
        "deliveries",
        "echo_latency_s",
        "endings",
        "frames_in",
        "frames_out",
        "history_fetches",
        "journal_batch",
        "journal_commit_s",
        "loop_lag_s",
        "messages_in",
        "messages_out",
        "notices",
        "read_pauses",
        "reconnects",
        "refused_sessions",
        "sessions",
        "simulator_errors",
        "upload_bytes",
        "uploads",
        "watchers",
        "watchers_closed_slow",
        "watchers_lagging",
    )

    def __init__(self) -> None:
        self.frames_in = self.frames_out = self.bytes_in = self.bytes_out = 0
        self.messages_in = self.messages_out = 0
        self.commands_accepted = self.commands_refused = self.refused_sessions = self.read_pauses = 0
        self.watchers = self.watchers_lagging = self.watchers_closed_slow = 0
        self.sessions: dict[str, int] = {}
        self.connects: dict[str, int] = {}
        self.reconnects: dict[str, int] = {}
        self.endings: dict[str, int] = {}
        self.deliveries: dict[str, int] = {}
        self.history_fetches: dict[str, int] = {}
        self.simulator_errors: dict[str, int] = {}
        self.notices: dict[Notice, int] = {}
        self.uploads: dict[str, int] = {}
        self.upload_bytes = 0
        self.echo_latency_s = Histogram()
        self.journal_commit_s = Histogram()
        self.journal_batch = Histogram(COUNT_BOUNDS)
        self.loop_lag_s = Histogram()

    def notice(self, notice: Notice, count: int = 1) -> None:
        self.notices[notice] = self.notices.get(notice, 0) + count

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self))
        return generate_latest(registry)


class _Families:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        m = self._metrics
        build = GaugeMetricFamily("guestd_build_info", "The running version.", labels=["version"])
        build.add_metric([__version__], 1.0)
        yield build
        yield _labeled(GaugeMetricFamily("guestd_sessions", "Guest sessions by state.", labels=["state"]), m.sessions)
        yield GaugeMetricFamily("guestd_frontends", "Frontends connected to the simulator.", value=m.watchers)
        for name, text, value in (
            ("frames_received", "Text frames from the platform.", m.frames_in),
            ("frames_sent", "Text frames to the platform.", m.frames_out),
            ("received_bytes", "Payload bytes from the platform.", m.bytes_in),
            ("sent_bytes", "Payload bytes to the platform.", m.bytes_out),
            ("uploaded_bytes", "Bytes of attachments the storage took.", m.upload_bytes),
            ("messages_received", "Messages shown, echoes included.", m.messages_in),
            ("messages_sent", "Messages sent, resends included.", m.messages_out),
            ("commands_accepted", "Commands accepted.", m.commands_accepted),
            ("commands_refused", "Commands refused.", m.commands_refused),
            ("sessions_refused", "Guest sessions refused by the limit.", m.refused_sessions),
            ("read_pauses", "Times all sockets stopped reading because the journal was full.", m.read_pauses),
            ("frontends_lagging", "Lagging notices sent to frontends.", m.watchers_lagging),
            ("frontends_closed_slow", "Frontends closed because they did not keep up.", m.watchers_closed_slow),
        ):
            yield CounterMetricFamily(f"guestd_{name}", text, value=value)
        for name, text, label, counts in (
            ("connects", "Dials by outcome.", "outcome", m.connects),
            ("reconnects", "Lost links by cause.", "cause", m.reconnects),
            ("sessions_ended", "Guest sessions ended by cause.", "cause", m.endings),
            ("deliveries", "Commands by what became of them.", "status", m.deliveries),
            ("uploads", "PUTs of attachments by outcome.", "outcome", m.uploads),
            ("history_reads", "History pages by outcome.", "outcome", m.history_fetches),
            ("frontend_errors", "Errors told to frontends by code.", "code", m.simulator_errors),
            ("notices", "Things noticed by kind.", "kind", {n.value: count for n, count in m.notices.items()}),
        ):
            yield _labeled(CounterMetricFamily(f"guestd_{name}", text, labels=[label]), counts)
        yield m.echo_latency_s.family("guestd_echo_latency_seconds", "From sending a message to the platform's echo.")
        yield m.journal_commit_s.family("guestd_journal_commit_seconds", "From giving a batch to its being durable.")
        yield m.journal_batch.family("guestd_journal_batch_events", "Events per commit.")
        yield m.loop_lag_s.family("guestd_loop_lag_seconds", "How late the event loop runs what is due.")


Family = CounterMetricFamily | GaugeMetricFamily


def _labeled(family: Family, counts: dict[str, int]) -> Family:
    for word, count in sorted(counts.items()):
        family.add_metric([word], float(count))
    return family
