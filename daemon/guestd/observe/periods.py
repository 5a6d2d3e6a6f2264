"""What was counted within a period: the difference of the counters between its two ends, and the
gauges at its end.

A percentile of a period is read from the difference of two histograms, never from percentiles of
shorter periods: those cannot be added."""

from __future__ import annotations

from typing import NamedTuple

from ..model.effects import SessionCounter
from ..model.endings import Cause
from .metrics import Histogram, Metrics

STATES = ("waiting", "dialing", "joining", "live", "resting", "leaving")
SETTLED = ("confirmed", "failed", "uncertain")
#: By which causes a connection may be lost that was live.
LOST_BY = (
    Cause.CLOSED_BY_PEER,
    Cause.LOST,
    Cause.UNANSWERED,
    Cause.PROTOCOL_VIOLATION,
    Cause.CLOSED_BY_US,
    Cause.RECONNECT_ASKED,
    Cause.THROTTLED,
)
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class ProcessFigures(NamedTuple):
    """`cpu_s` since the start; 0 where the system does not say."""

    cpu_s: float = 0.0
    rss_bytes: int = 0
    open_files: int = 0


COUNTED = (
    "in",
    "out",
    *SETTLED,
    "opened",
    "ended",
    "connects",
    "connects_failed",
    "lost",
    *(f"lost.{cause.value}" for cause in LOST_BY),
    "throttled.messages",
    "throttled.connects",
    "throttled.rest",
)
COLUMNS = (
    "at",
    *STATES,
    *COUNTED,
    *(f"echo_{name}" for name in _QUANTILES),
    "loop_lag_p99",
    "cpu",
    "rss",
    "open_files",
    "watchers",
)


class Period:
    """`row` ends one period and begins the next."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counted = counted_by(metrics)
        self._echo = metrics.echo_latency_s.counts()
        self._lag = metrics.loop_lag_s.counts()
        self._cpu_s: float | None = None
        self._at_ms = 0

    def row(self, at_ms: int, process: ProcessFigures) -> dict[str, float]:
        """Milliseconds for `echo_…` and `loop_lag_p99`, which are left out if there was none;
        `cpu` is the share of one core."""
        metrics, before = self._metrics, self._counted
        self._counted = counted_by(metrics)
        row: dict[str, float] = {"at": at_ms}
        row.update((state, metrics.sessions.get(state, 0)) for state in STATES)
        row.update((name, value - before[name]) for name, value in self._counted.items())
        echo, lag = metrics.echo_latency_s.since(self._echo), metrics.loop_lag_s.since(self._lag)
        self._echo, self._lag = metrics.echo_latency_s.counts(), metrics.loop_lag_s.counts()
        row.update(_quantiles(echo))
        if (late_s := lag.quantile(0.99)) is not None:
            row["loop_lag_p99"] = round(late_s * 1000.0, 3)
        span_s = (at_ms - self._at_ms) / 1000.0
        if self._cpu_s is not None and span_s > 0.0:
            row["cpu"] = round((process.cpu_s - self._cpu_s) / span_s, 4)
        self._cpu_s, self._at_ms = process.cpu_s, at_ms
        row |= {"rss": process.rss_bytes, "open_files": process.open_files}
        row["watchers"] = metrics.watchers
        return row


def _quantiles(echo: Histogram) -> dict[str, float]:
    return {
        f"echo_{name}": round(found * 1000.0, 3)
        for name, q in _QUANTILES.items()
        if (found := echo.quantile(q)) is not None
    }


def counted_by(metrics: Metrics) -> dict[str, int]:
    """All that is counted, since the start."""
    lost, connects = metrics.connections_lost, metrics.connects
    counted = {
        "in": metrics.messages_in,
        "out": metrics.messages_out,
        **{status: metrics.commands_settled.get(status, 0) for status in SETTLED},
        "opened": metrics.guest_sessions_total,
        "ended": sum(metrics.endings.values()),
        "connects": connects.get("ok", 0),
        "connects_failed": sum(connects.values()) - connects.get("ok", 0),
        "lost": sum(lost.values()),
    }
    counted |= {f"lost.{cause.value}": lost.get(cause.value, 0) for cause in LOST_BY}
    return counted | throttled_by(metrics)


def throttled_by(metrics: Metrics) -> dict[str, int]:
    """How often the platform asked to wait, by what for."""
    return {
        "throttled.messages": metrics.session_counts.get(SessionCounter.THROTTLED, 0),
        "throttled.connects": metrics.connects_throttled,
        "throttled.rest": sum(
            found.count for (_, word), found in metrics.rest_s.items() if word == "rate_limited"
        ),
    }
