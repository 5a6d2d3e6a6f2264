"""A run at one moment as JSON: a line a second without a terminal, and what `/v1/load` gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..measure.figures import sentence_of
from ..measure.live_view import LiveView
from ..results import Percentiles, Point, ThresholdResult

STATES = ("live", "opening", "resting", "waiting", "leaving")

#: Of waits and of each sort of errors; there may be more kinds than anyone reads.
KINDS_MAX = 20

Json = dict[str, Any]


def live_figures(view: LiveView) -> Json:
    """Counts are since the start, `per_s` of the last second; the names are those of the
    summary."""
    return {
        "at_s": round(view.elapsed_s, 3),
        "left_s": None if view.left_s is None else round(view.left_s, 3),
        "guests_wanted": view.guests_wanted,
        "guests": {state: view.guests.get(state, 0) for state in STATES},
        "sessions": {"planned": view.planned, "opened": view.opened, "ended": view.ended,
            "unconfirmed_end": view.unconfirmed_end, "failed": view.failed},
        "messages": {"sent": view.sent, "confirmed": view.confirmed, "received": view.received},
        "per_s": {"opened": round(view.opened_per_s, 2), "sent": round(view.sent_per_s, 2),
            "received": round(view.received_per_s, 2)},
        "echo_ms": _percentiles(view.echo),
        "first_reply_ms": _percentiles(view.first_reply),
        "waits": _counted(view.waits),
        "errors": _counted((one.what, one.count) for one in view.errors),
        "lost_connections": _counted((one.cause, one.count) for one in view.lost_connections),
        "dropped_connections": view.dropped_connections,
        "throttled": _counted((one.bucket, one.count) for one in view.throttling),
        "warnings": _counted(view.warnings),
        "thresholds": [_threshold(one) for one in view.thresholds],
        "cpu": round(view.overhead.cpu_share, 4),
        "cpu_max": view.overhead.cpu_share_max,
        "lag_ms": round(view.overhead.lag_p99_ms, 2),
        "lag_ms_max": view.overhead.lag_limit_ms,
        "too_slow": list(view.overhead.reasons),
        "stopping": view.stopping,
    }  # fmt: skip


def live_point(one: Point) -> Json:
    """A part of the run, as in the summary's `points`, with what is drawn of it."""
    return {
        "at_s": one.at_s,
        "length_s": one.length_s,
        "guests": {state: count for state, count in one.guests.items() if state in STATES},
        "sent": one.sent,
        "received": one.received,
        "opened": one.opened,
        "ended": one.ended,
        "steps_failed": one.steps_failed,
        "echo_ms": _percentiles(one.echo_ms),
        "first_reply_ms": _percentiles(one.first_reply_ms),
        "lost_connections": one.lost_connections,
        "throttled": one.throttled,
        "cpu": round(one.cpu, 4),
        "lag_ms": round(one.lag_ms, 2),
    }


def _percentiles(found: Percentiles) -> dict[str, float | None]:
    return {name: getattr(found, name) for name in ("count", "p50", "p95", "p99", "max")}


def _threshold(one: ThresholdResult) -> Json:
    return {
        "expression": one.expression,
        "about": sentence_of(one.expression),
        "ok": None if one.is_open else one.ok,
        "value": one.value,
        "limit": one.limit,
        "unit": one.unit,
        "note": one.note,
    }


def _counted(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The most frequent by their words; those of the same words together."""
    found: dict[str, int] = {}
    for what, count in pairs:
        found[what] = found.get(what, 0) + count
    return dict(sorted(found.items(), key=lambda one: -one[1])[:KINDS_MAX])
