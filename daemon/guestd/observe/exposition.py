"""What a scrape sees: the counters of `metrics.py` under their public names, in the Prometheus text
format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

from .. import __version__
from .metrics import Histogram, Metrics
from .periods import STATES


def exposition(metrics: Metrics) -> bytes:
    """In the plain text format."""
    return exposition_for(metrics, "")[0]


def exposition_for(metrics: Metrics, accept: str) -> tuple[bytes, str]:
    """Body and content type, in the form that the Accept header of the scrape asks for; plain if
    that cannot be read."""
    encode, content_type = _encoder_for(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(metrics))
    for collector in (_PROCESS, _PLATFORM, _GC):
        registry.register(collector)
    return encode(registry), content_type


def _encoder_for(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """The library compares a version part by part and breaks on what is not a number; and it
    repeats the version in the content type, where only ASCII can be written."""
    if accept.isascii():
        try:
            return choose_encoder(accept)
        except (TypeError, ValueError):
            pass
    return choose_encoder("")


#: What the library knows of the process: memory, descriptors, processor time; the interpreter; its
#: garbage collection.
_NOWHERE = CollectorRegistry()
_PROCESS = ProcessCollector(registry=_NOWHERE)
_PLATFORM = PlatformCollector(registry=_NOWHERE)
_GC = GCCollector(registry=_NOWHERE)


_COUNTERS: tuple[tuple[str, str, Callable[[Metrics], float]], ...] = (
    (
        "guest_sessions_opened",
        "Guest sessions opened, or found under way at the start.",
        attrgetter("guest_sessions_total"),
    ),
    ("rest_sessions_opened", "REST messaging sessions opened.", attrgetter("rest_sessions_total")),
    (
        "rest_disconnections",
        "REST messaging sessions disconnected.",
        attrgetter("rest_disconnections"),
    ),
    ("frames_received", "Text frames from the platform.", attrgetter("frames_in")),
    ("frames_sent", "Text frames to the platform.", attrgetter("frames_out")),
    ("received_bytes", "Payload bytes from the platform.", attrgetter("bytes_in")),
    ("sent_bytes", "Payload bytes to the platform.", attrgetter("bytes_out")),
    ("uploaded_bytes", "Bytes of attachments the storage took.", attrgetter("upload_bytes")),
    ("messages_received", "Messages shown, echoes included.", attrgetter("messages_in")),
    ("messages_sent", "Messages sent, resends included.", attrgetter("messages_out")),
    ("commands_accepted", "Commands accepted.", attrgetter("commands_accepted")),
    ("commands_refused", "Commands refused.", attrgetter("commands_refused")),
    ("sessions_refused", "Guest sessions refused by the limit.", attrgetter("refused_sessions")),
    (
        "read_pauses",
        "Times all sockets stopped reading because the journal was full.",
        attrgetter("read_pauses"),
    ),
    ("frontends_lagging", "Lagging notices sent to frontends.", attrgetter("watchers_lagging")),
    (
        "frontends_closed_slow",
        "Frontends closed because they did not keep up.",
        attrgetter("watchers_closed_slow"),
    ),
    ("tokens_signed", "Guest tokens signed.", attrgetter("tokens_signed")),
    (
        "http_internal_errors",
        "Requests that failed by an error of guestd (500).",
        attrgetter("http_internal_errors"),
    ),
    ("audit_lines", "Lines written to the audit.", attrgetter("audit_lines")),
    (
        "log_dropped",
        "Lines of the log dropped because nothing read them.",
        lambda m: m.log_dropped(),
    ),
    (
        "journal_damaged_rows",
        "Damaged rows of the journal found by reading.",
        lambda m: m.journal_damaged_rows(),
    ),
    (
        "audit_failures",
        "Times the audit could not be written, and was tried again.",
        attrgetter("audit_failures"),
    ),
    (
        "audit_breaks",
        "Times the audit's files were found damaged or deleted.",
        attrgetter("audit_breaks"),
    ),
    (
        "audit_files_retired_early",
        "Files of the audit deleted before their time, because of audit.bytes_max.",
        attrgetter("audit_files_retired_early"),
    ),
)

_COUNTERS_BY: tuple[tuple[str, str, str, Callable[[Metrics], Mapping[str, int]]], ...] = (
    (
        "connects",
        "Tries to connect to the platform, by outcome.",
        "outcome",
        attrgetter("connects"),
    ),
    (
        "connections_lost",
        "Connections lost by guest sessions that were live, by cause.",
        "cause",
        attrgetter("connections_lost"),
    ),
    ("sessions_ended", "Guest sessions ended by cause.", "cause", attrgetter("endings")),
    (
        "commands_settled",
        "Accepted commands by what became of them.",
        "status",
        attrgetter("commands_settled"),
    ),
    ("rest_heartbeats", "REST heartbeats by outcome.", "outcome", attrgetter("rest_heartbeats")),
    ("uploads", "PUTs of attachments by outcome.", "outcome", attrgetter("uploads")),
    ("history_reads", "History pages by outcome.", "outcome", attrgetter("history_fetches")),
    (
        "frontends_refused",
        "Frontends and event streams refused or let go.",
        "reason",
        attrgetter("frontends_refused"),
    ),
    (
        "frontend_errors",
        "Errors told to frontends by code.",
        "code",
        attrgetter("simulator_errors"),
    ),
    (
        "token_checks",
        "Checks of guest tokens by outcome, our own after signing included, and the platform's of"
        " each request that carries one: accepted_by_platform, refused_by_platform.",
        "outcome",
        attrgetter("token_checks"),
    ),
    (
        "control_answers",
        "Answers of the control API by status.",
        "status",
        attrgetter("control_answers"),
    ),
    (
        "http_refused",
        "Connections and requests refused or given up, by limit.",
        "reason",
        attrgetter("http_refused"),
    ),
    (
        "rest_retries",
        "Requests to the platform's REST side made again, by call.",
        "operation",
        attrgetter("rest_retries"),
    ),
    (
        "platform_errors",
        "Calls of the platform's REST side that failed for good, by kind: token_validation,"
        " rate_limit, auth, network, other.",
        "kind",
        attrgetter("platform_errors"),
    ),
    (
        "platform_failed_attempts",
        "Requests to the platform's REST side that failed, made again or not, by the same kinds.",
        "kind",
        attrgetter("failed_attempts"),
    ),
    (
        "notices",
        "Things noticed by kind: unknown (frames of a kind that is not known, passed over), garbage"
        " (frames that cannot be read), duplicates, late, gap_left and others.",
        "kind",
        lambda m: {n.value: count for n, count in m.session_counts.items()},
    ),
    (
        "webhooks_delivered",
        "Webhooks delivered, by target.",
        "target",
        attrgetter("webhooks_delivered"),
    ),
    (
        "webhook_failures",
        "Tries to deliver a webhook that failed, by target.",
        "target",
        attrgetter("webhook_failures"),
    ),
    (
        "webhooks_dead",
        "Webhooks given up (dead letters), by target.",
        "target",
        attrgetter("webhooks_dead"),
    ),
)


class _Families:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        m = self._metrics
        yield from _gauges(m)
        yield from _storage(m)
        yield from _session_figures(m)
        operations = CounterMetricFamily(
            "guestd_operations", "REST operations over.", labels=["kind", "status"]
        )
        for words, count in sorted(m.operations.items()):
            operations.add_metric(words, float(count))
        yield operations
        for name, text, value in _COUNTERS:
            yield CounterMetricFamily(f"guestd_{name}", text, value=value(m))
        for name, text, label, counts in _COUNTERS_BY:
            yield _labeled(CounterMetricFamily(f"guestd_{name}", text, labels=[label]), counts(m))
        yield from _times(m)
        yield from _webhook_figures(m)
        yield _histogram(
            m.loop_lag_s, "guestd_loop_lag_seconds", "How late the event loop runs what is due."
        )
        yield _rest_family(m.rest_s)


Family = CounterMetricFamily | GaugeMetricFamily


def _gauges(m: Metrics) -> Iterator[Metric]:
    build = GaugeMetricFamily("guestd_build_info", "The running version.", labels=["version"])
    build.add_metric([__version__], 1.0)
    yield build
    yield _labeled(
        GaugeMetricFamily("guestd_sessions", "Guest sessions by state.", labels=["state"]),
        dict.fromkeys(STATES, 0) | m.sessions,
    )
    yield GaugeMetricFamily(
        "guestd_frontends", "Frontends connected to the simulator.", value=m.watchers
    )
    yield GaugeMetricFamily(
        "guestd_http_connections",
        "Open connections of the HTTP port.",
        value=m.http_connections,
    )
    for name, text, held_bytes in (
        (
            "watchers_held_bytes",
            "Bytes of events that wait for frontends and event streams.",
            m.watchers_held_bytes,
        ),
        (
            "frontends_unfinished_bytes",
            "Bytes of large frames not finished.",
            m.frontends_unfinished_bytes,
        ),
    ):
        yield GaugeMetricFamily(f"guestd_{name}", text, value=held_bytes())
    yield GaugeMetricFamily(
        "guestd_rest_sessions", "REST messaging sessions under way.", value=m.rest_sessions
    )


_READINESS = {
    "ready": "Whether new guest sessions are admitted and can live (/readyz).",
    "storage_low": "Whether the disk is nearly full: no new guest sessions.",
    "storage_full": "Whether the disk is full: no new work.",
}


def _storage(m: Metrics) -> Iterator[Metric]:
    """What is not known is left out: a journal in memory has no disk."""
    for word, is_so in sorted(m.readiness().items()):
        yield GaugeMetricFamily(f"guestd_{word}", _READINESS[word], value=float(is_so))
    disk = m.disk_figures()
    if disk is not None:
        text = "What the journal's files take on the disk."
        yield GaugeMetricFamily("guestd_journal_bytes", text, value=disk.journal_bytes)
        text = "What is free for guestd on the journal's file system."
        yield GaugeMetricFamily("guestd_journal_disk_free_bytes", text, value=disk.free_bytes)


def _session_figures(m: Metrics) -> Iterator[Metric]:
    figures = m.rest_figures()
    text = "Disconnections / sessions, of guest and REST messaging sessions."
    rate = figures["disconnection_rate"]
    yield GaugeMetricFamily("guestd_disconnection_ratio", text, value=rate)
    text = "Disconnections / sessions, of REST messaging sessions only."
    rate = m.rest_disconnections / (m.rest_sessions_total or 1)
    yield GaugeMetricFamily("guestd_rest_disconnection_ratio", text, value=rate)
    text = "Mean of what a delivered webhook took, from its request to the receiver's answer."
    average_s = figures["average_sync_latency_ms"] / 1000.0
    yield GaugeMetricFamily("guestd_sync_latency_average_seconds", text, value=average_s)


def _times(m: Metrics) -> Iterator[Metric]:
    ratio = "The share of the guest tokens whose latest check went wrong, since the start."
    yield GaugeMetricFamily(
        "guestd_token_validation_failure_ratio", ratio, value=m.token_verdicts.failed_share
    )
    yield _histogram(
        m.echo_latency_s,
        "guestd_echo_latency_seconds",
        "From sending a message to the platform's echo.",
    )
    yield _histogram(
        m.journal_commit_s,
        "guestd_journal_commit_seconds",
        "From giving a batch to its being durable.",
    )
    yield _histogram(m.journal_batch, "guestd_journal_batch_events", "Events per commit.")
    text = "How long the oldest event that is not durable yet has been waiting."
    yield GaugeMetricFamily(
        "guestd_journal_oldest_wait_seconds", text, value=m.journal_oldest_wait_s()
    )
    yield _histogram(
        m.rest_sync_s,
        "guestd_rest_sync_seconds",
        "REST calls that keep a messaging session in step.",
    )


def _webhook_figures(m: Metrics) -> Iterator[Metric]:
    held = GaugeMetricFamily(
        "guestd_webhooks_held", "Webhooks waiting in memory, by target.", labels=["target"]
    )
    yield _labeled(held, m.webhooks_held())
    text = "Hosts whose circuit is open, by target."
    circuits = GaugeMetricFamily("guestd_webhook_circuits_open", text, labels=["target"])
    yield _labeled(circuits, m.webhook_circuits_open())
    yield _histogram(
        m.webhook_latency_s,
        "guestd_webhook_latency_seconds",
        "From an event to its delivered webhook.",
    )
    text = "A delivered webhook, from its request to the receiver's answer."
    yield _histogram(m.sync_s, "guestd_sync_latency_seconds", text)


def _histogram(found: Histogram, name: str, text: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, text, buckets=found.buckets(), sum_value=found.total)


def _rest_family(found: dict[tuple[str, str], Histogram]) -> HistogramMetricFamily:
    text = "Each request to the platform's REST side, by call and outcome."
    family = HistogramMetricFamily("guestd_rest_seconds", text, labels=["operation", "outcome"])
    for labels, histogram in sorted(found.items()):
        family.add_metric(list(labels), histogram.buckets(), histogram.total)
    return family


def _labeled(family: Family, counts: Mapping[str, int]) -> Family:
    for word, count in sorted(counts.items()):
        family.add_metric([word], float(count))
    return family
