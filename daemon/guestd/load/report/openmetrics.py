"""The figures of a finished run as OpenMetrics text, for a push gateway or a textfile collector.

Names begin with `guestd_load_` and end in base units: seconds, bytes, ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from ..results import Percentiles, Summary
from .texts import line
from .words import LATENCIES

#: Of labels whose values a scenario or a platform chooses.
SERIES_MAX = 500

MetricSample: TypeAlias = tuple[str, Mapping[str, str], float]
_QUANTILES = (("p50", "0.5"), ("p90", "0.9"), ("p95", "0.95"), ("p99", "0.99"), ("p999", "0.999"))
_NO_LABELS: Mapping[str, str] = {}


def openmetrics(summary: Summary) -> str:
    parts = [
        *_run(summary),
        *_guests(summary),
        _latencies(summary),
        *_thresholds(summary),
        *_trouble(summary),
        *_overhead(summary),
    ]
    return "".join(parts) + "# EOF\n"


def _family(
    name: str,
    kind: Literal["counter", "gauge", "info", "summary"],
    sentence: str,
    samples: Iterable[MetricSample],
    unit: str = "",
) -> str:
    """One family: its head, and a line for each sample (suffix, labels, value)."""
    whole = f"guestd_load_{name}"
    lines = [f"# HELP {whole} {sentence}", f"# TYPE {whole} {kind}"]
    lines += [f"# UNIT {whole} {unit}"] if unit else []
    lines += [
        f"{whole}{suffix}{_labels(labels)} {_value(value)}" for suffix, labels, value in samples
    ]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = [f'{name}="{_escaped(text)}"' for name, text in labels.items()]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(text: str) -> str:
    return line(text, 200).replace("\\", "\\\\").replace('"', '\\"')


def _value(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.9g}"


def _counts(name: str, label: str, sentence: str, counts: Sequence[tuple[str, float]]) -> str:
    """A counter; values alike in their label are added, and too many of them are left out."""
    merged: dict[str, float] = {}
    for value, number in counts:
        shown = _escaped(value)
        if shown in merged or len(merged) < SERIES_MAX:
            merged[shown] = merged.get(shown, 0.0) + number
    lines = [f"# HELP guestd_load_{name} {sentence}", f"# TYPE guestd_load_{name} counter"]
    lines += [
        f'guestd_load_{name}_total{{{label}="{value}"}} {_value(number)}'
        for value, number in merged.items()
    ]
    return "\n".join(lines) + "\n"


def _run(summary: Summary) -> list[str]:
    found = summary.environment
    labels = {
        "name": summary.name,
        "run_id": summary.run_id,
        "seed": str(summary.seed),
        "target": found.target,
        "scenario_sha256": found.scenario_sha256,
        "guestd": found.guestd,
        "stopped_by": summary.stopped_by,
    }
    gauges = [
        ("valid", "1 if the load generator was not in its own way", float(summary.valid)),
        ("exit_code", "The exit code of the command", float(summary.exit_code)),
    ]
    times = [
        _family(name, "gauge", sentence, [("", _NO_LABELS, at / 1000)], "seconds")
        for name, sentence, at in (
            ("started_timestamp_seconds", "When the run began", summary.started_at),
            ("ended_timestamp_seconds", "When the run ended", summary.ended_at),
        )
    ]
    info = _family("run", "info", "Which run this is", [("_info", labels, 1.0)])
    return [
        info,
        *(_family(name, "gauge", words, [("", _NO_LABELS, one)]) for name, words, one in gauges),
        *times,
    ]


def _guests(summary: Summary) -> list[str]:
    sessions, messages = summary.sessions, summary.messages
    return [
        _counts("sessions", "state", "Guest sessions by what became of them", [
            ("planned", sessions.planned), ("opened", sessions.opened), ("ended", sessions.ended),
            ("unconfirmed_end", sessions.unconfirmed_end), ("failed", sessions.failed),
        ]),
        _family("sessions_most_at_once", "gauge", "Most guest sessions at one time",
            [("", _NO_LABELS, sessions.most_at_once)]),
        _counts("messages", "state", "Messages by what became of them", [
            ("sent", messages.sent), ("confirmed", messages.confirmed),
            ("received", messages.received), ("failed", messages.failed),
        ]),
        _counts("wrong_messages", "kind", "Messages that did not arrive once and in order", [
            (kind, getattr(summary, kind))
            for kind in ("lost", "doubled", "reordered", "uncertain")
            if summary.is_known(kind)
        ]),
        _counts("steps", "result", "Steps of scenarios", [
            ("run", sum(one.run for one in summary.steps)),
            ("failed", sum(one.failed for one in summary.steps)),
        ]),
    ]  # fmt: skip


def _latencies(summary: Summary) -> str:
    samples: list[MetricSample] = []
    for field, _, _ in LATENCIES:
        samples += _summary(field, getattr(summary.latency_ms, field))
    return _family("latency_seconds", "summary", "Latencies by measure", samples, "seconds")


def _summary(measure: str, found: Percentiles) -> list[MetricSample]:
    labels = {"measure": measure}
    samples: list[MetricSample] = [
        ("", labels | {"quantile": quantile}, value / 1000)
        for name, quantile in _QUANTILES
        if (value := getattr(found, name)) is not None
    ]
    samples.append(("_count", labels, found.count))
    samples.append(("_sum", labels, (found.mean or 0.0) * found.count / 1000))
    return samples


def _thresholds(summary: Summary) -> list[str]:
    met: dict[str, float] = {}
    for one in summary.thresholds[:SERIES_MAX]:
        shown = line(one.expression, 200)
        met[shown] = min(met.get(shown, 1.0), float(one.ok))
    samples: list[MetricSample] = [("", {"expression": text}, ok) for text, ok in met.items()]
    return [_family("threshold_met", "gauge", "1 if the threshold holds", samples)]


def _trouble(summary: Summary) -> list[str]:
    return [
        _counts("throttled", "bucket", "Answers 429 by bucket",
            [(one.bucket, one.count) for one in summary.throttling]),
        _counts("lost_connections", "cause", "Lost connections by cause",
            [(one.cause, one.count) for one in summary.lost_connections]),
        _counts("dropped_connections", "step", "Connections that scenarios dropped",
            [("drop", summary.dropped_connections.count)]),
        _counts("failures", "kind", "Failures by kind",
            [(one.kind or "other", one.count) for one in summary.errors]),
    ]  # fmt: skip


def _overhead(summary: Summary) -> list[str]:
    mine = summary.overhead
    gauges = [
        ("cpu_ratio", "Share of a core that the load generator used", mine.cpu_share, "ratio"),
        ("loop_lag_p99_seconds", "Event loop lag, p99", mine.lag_p99_ms / 1000, "seconds"),
        ("loop_lag_max_seconds", "Event loop lag, most", mine.lag_max_ms / 1000, "seconds"),
        ("memory_bytes", "Memory of the load generator", mine.memory_bytes, "bytes"),
        ("workers", "Processes of the load generator", mine.workers, ""),
        ("late_starts", "Guests that were started late", mine.late_starts, ""),
    ]
    return [
        _family(name, "gauge", sentence, [("", _NO_LABELS, value)], unit)
        for name, sentence, value, unit in gauges
    ]
