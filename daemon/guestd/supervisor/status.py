"""The figures of the status line."""

from __future__ import annotations

from typing import Any

from ..model.effects import SessionCounter
from ..observe.metrics import Metrics


def status_of(metrics: Metrics) -> dict[str, Any]:
    """The status line's figures; `echo_p99_s` is None before the first echo."""
    return {
        "live": metrics.sessions.get("live", 0),
        "resting": sum(
            metrics.sessions.get(state, 0) for state in ("resting", "waiting", "dialing", "joining")
        ),
        "leaving": metrics.sessions.get("leaving", 0),
        "messages_in": metrics.messages_in,
        "messages_out": metrics.messages_out,
        "reordered": metrics.session_counts.get(SessionCounter.REORDERED, 0),
        "gaps_filled": metrics.session_counts.get(SessionCounter.GAP_FILLED, 0),
        "echo_p99_s": metrics.echo_latency_s.quantile(0.99),
    }
