"""Counters as plain integers on the hot path; the Prometheus library sees them only when somebody scrapes.

A `Counter.inc()` of the library costs a lock and half a microsecond; an attribute costs nothing worth naming. Labels carry
words from closed lists (states, causes, notices), never a session id: the number of series is bounded by the code.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

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
        return HistogramMetricFamily(name, text, buckets=self.buckets(), sum_value=self.total)

    def buckets(self) -> list[tuple[str, float]]:
        found, running = [], 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            running += count
            found.append((str(bound), float(running)))
        found.append(("+Inf", float(self.count)))
        return found


class Metrics:
    """Everything guestd counts. Dictionaries go from a word to a count."""

    __slots__ = (
        "audit_failures",
        "audit_lines",
        "bytes_in",
        "bytes_out",
        "commands_accepted",
        "commands_refused",
        "connects",
        "control_answers",
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
        "operations",
        "platform_errors",
        "read_pauses",
        "reconnects",
        "refused_sessions",
        "rest_disconnections",
        "rest_heartbeats",
        "rest_retries",
        "rest_s",
        "rest_sessions",
        "rest_sessions_total",
        "rest_sync_s",
        "sessions",
        "simulator_errors",
        "token_checks",
        "tokens_signed",
        "upload_bytes",
        "uploads",
        "watchers",
        "watchers_closed_slow",
        "watchers_lagging",
        "webhook_circuits_open",
        "webhook_failures",
        "webhook_latency_s",
        "webhooks_dead",
        "webhooks_delivered",
        "webhooks_held",
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
        self.tokens_signed = 0
        self.token_checks: dict[str, int] = {}
        self.control_answers: dict[str, int] = {}
        self.notices: dict[Notice, int] = {}
        self.uploads: dict[str, int] = {}
        self.upload_bytes = 0
        self.echo_latency_s = Histogram()
        self.journal_commit_s = Histogram()
        self.journal_batch = Histogram(COUNT_BOUNDS)
        self.loop_lag_s = Histogram()
        self.operations: dict[tuple[str, str], int] = {}
        self.rest_sessions = self.rest_sessions_total = self.rest_disconnections = 0
        self.rest_heartbeats: dict[str, int] = {}
        self.rest_sync_s = Histogram()
        self.rest_s: dict[tuple[str, str], Histogram] = {}
        self.rest_retries: dict[str, int] = {}
        self.platform_errors: dict[str, int] = {}
        self.webhooks_delivered: dict[str, int] = {}
        self.webhook_failures: dict[str, int] = {}
        self.webhooks_dead: dict[str, int] = {}
        self.webhooks_held: Callable[[], dict[str, int]] = dict
        self.webhook_circuits_open: Callable[[], dict[str, int]] = dict
        self.webhook_latency_s = Histogram()
        self.audit_lines = self.audit_failures = 0

    @property
    def token_failure_ratio(self) -> float:
        """Which share of all checks of guest tokens went wrong (GUEST-3); 0 before the first."""
        checked = sum(self.token_checks.values())
        return (checked - self.token_checks.get("valid", 0)) / checked if checked else 0.0

    def rest_figures(self) -> dict[str, float]:
        """SESS-8: REST messaging sessions since the start, disconnections / total, and the mean of what a sync takes."""
        total, syncs = self.rest_sessions_total, self.rest_sync_s.count
        return {
            "total_sessions": total,
            "disconnection_rate": self.rest_disconnections / total if total else 0.0,
            "average_sync_latency_ms": self.rest_sync_s.total * 1000.0 / syncs if syncs else 0.0,
        }

    def webhook(self, counts: dict[str, int], target: str) -> None:
        counts[target] = counts.get(target, 0) + 1

    def notice(self, notice: Notice, count: int = 1) -> None:
        self.notices[notice] = self.notices.get(notice, 0) + count

    def observe_rest(self, operation: str, outcome: str, seconds: float) -> None:
        """One request to the platform's REST side (HTTP-4); both words are from closed lists."""
        found = self.rest_s.get((operation, outcome))
        if found is None:
            found = self.rest_s[operation, outcome] = Histogram()
        found.observe(seconds)

    def count_rest_retry(self, operation: str) -> None:
        self.rest_retries[operation] = self.rest_retries.get(operation, 0) + 1

    def count_platform_error(self, kind: str) -> None:
        """A call that failed for good, by kind (GUEST-3): rate_limit, auth, network, other."""
        self.platform_errors[kind] = self.platform_errors.get(kind, 0) + 1

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
        yield GaugeMetricFamily("guestd_rest_sessions", "REST messaging sessions under way.", value=m.rest_sessions)
        rate = m.rest_figures()["disconnection_rate"]
        yield GaugeMetricFamily("guestd_rest_disconnection_rate", "Disconnections / sessions (SESS-8).", value=rate)
        operations = CounterMetricFamily("guestd_operations", "REST operations over.", labels=["kind", "status"])
        for words, count in sorted(m.operations.items()):
            operations.add_metric(words, float(count))
        yield operations
        for name, text, value in (
            ("rest_sessions_opened", "REST messaging sessions opened.", m.rest_sessions_total),
            ("rest_disconnections", "REST messaging sessions disconnected.", m.rest_disconnections),
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
            ("tokens_signed", "Guest tokens signed.", m.tokens_signed),
            ("audit_lines", "Lines written to the audit.", m.audit_lines),
            ("audit_failures", "Times the audit could not be written, and was tried again.", m.audit_failures),
        ):
            yield CounterMetricFamily(f"guestd_{name}", text, value=value)
        for name, text, label, counts in (
            ("connects", "Dials by outcome.", "outcome", m.connects),
            ("reconnects", "Lost links by cause.", "cause", m.reconnects),
            ("sessions_ended", "Guest sessions ended by cause.", "cause", m.endings),
            ("deliveries", "Commands by what became of them.", "status", m.deliveries),
            ("rest_heartbeats", "REST heartbeats by outcome.", "outcome", m.rest_heartbeats),
            ("uploads", "PUTs of attachments by outcome.", "outcome", m.uploads),
            ("history_reads", "History pages by outcome.", "outcome", m.history_fetches),
            ("frontend_errors", "Errors told to frontends by code.", "code", m.simulator_errors),
            (
                "token_checks",
                "Checks of guest tokens by outcome, our own after signing included.",
                "outcome",
                m.token_checks,
            ),
            ("control_answers", "Answers of the control API by status.", "status", m.control_answers),
            ("rest_retries", "Requests to the platform's REST side made again, by call.", "operation", m.rest_retries),
            ("platform_errors", "Calls of the platform's REST side that failed for good.", "kind", m.platform_errors),
            ("notices", "Things noticed by kind.", "kind", {n.value: count for n, count in m.notices.items()}),
            ("webhooks_delivered", "Webhooks delivered, by target.", "target", m.webhooks_delivered),
            ("webhook_failures", "Tries to deliver a webhook that failed, by target.", "target", m.webhook_failures),
            ("webhooks_dead", "Webhooks given up (dead letters), by target.", "target", m.webhooks_dead),
        ):
            yield _labeled(CounterMetricFamily(f"guestd_{name}", text, labels=[label]), counts)
        ratio = "The share of checks of guest tokens that went wrong, since the start."
        yield GaugeMetricFamily("guestd_token_validation_failure_ratio", ratio, value=m.token_failure_ratio)
        yield m.echo_latency_s.family("guestd_echo_latency_seconds", "From sending a message to the platform's echo.")
        yield m.journal_commit_s.family("guestd_journal_commit_seconds", "From giving a batch to its being durable.")
        yield m.journal_batch.family("guestd_journal_batch_events", "Events per commit.")
        yield m.rest_sync_s.family("guestd_rest_sync_seconds", "REST calls that keep a messaging session in step.")
        held = GaugeMetricFamily("guestd_webhooks_held", "Webhooks waiting in memory, by target.", labels=["target"])
        yield _labeled(held, m.webhooks_held())
        text = "Hosts whose circuit is open, by target."
        circuits = GaugeMetricFamily("guestd_webhook_circuits_open", text, labels=["target"])
        yield _labeled(circuits, m.webhook_circuits_open())
        yield m.webhook_latency_s.family("guestd_webhook_latency_seconds", "From an event to its delivered webhook.")
        yield m.loop_lag_s.family("guestd_loop_lag_seconds", "How late the event loop runs what is due.")
        yield _rest_family(m.rest_s)


Family = CounterMetricFamily | GaugeMetricFamily


def _rest_family(found: dict[tuple[str, str], Histogram]) -> HistogramMetricFamily:
    text = "Each request to the platform's REST side, by call and outcome."
    family = HistogramMetricFamily("guestd_rest_seconds", text, labels=["operation", "outcome"])
    for labels, histogram in sorted(found.items()):
        family.add_metric(list(labels), histogram.buckets(), histogram.total)
    return family


def _labeled(family: Family, counts: dict[str, int]) -> Family:
    for word, count in sorted(counts.items()):
        family.add_metric([word], float(count))
    return family
