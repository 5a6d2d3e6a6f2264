"""The bounds of the fleet as a whole. Each says in the configuration's example what it costs and
what happens when full."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class SupervisorSettings:
    max_sessions: int = 500  # SESS-1
    connects_per_minute: int = 1000  # the platform's published limit per deployment, protocol §5
    connects_burst: int = 50
    dials_inflight_max: int = 100
    history_inflight_max: int = 16
    uncommitted_max: int = 20_000
    timer_tick_s: float = 0.05
    uploads_inflight_max: int = 100
