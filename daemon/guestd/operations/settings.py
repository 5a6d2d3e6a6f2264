"""The settings of REST operations; the example configuration says what each costs, and what happens
when a bound is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..policy.backoff import Backoff

#: What names a guest's contact in a conversation: its address, as the documents have it, or the id
#: that the platform gave it.
ContactReference = Literal["address", "id"]


@dataclass(slots=True, frozen=True)
class RestSessionSettings:
    """REST messaging sessions (SESS-1, SESS-2, SESS-5)."""

    sessions_max: int = 500
    duration_s: float = 1800.0
    duration_max_s: float = 2700.0
    heartbeat_interval_s: float = 30.0
    heartbeats_per_duration: int = 10
    heartbeat_failures_max: int = 3


@dataclass(slots=True, frozen=True)
class PromptSettings:
    """How long a prompt may be deferred because the agent's screen is full (ASSIST-2)."""

    deferrals_max: int = 20
    age_max_s: float = 3600.0


@dataclass(slots=True, frozen=True)
class AdoptionSettings:
    """How much of an adoption report is kept (ASSIST-4)."""

    prompts_max: int = 1000
    pages_max: int = 10_000


@dataclass(slots=True, frozen=True)
class OperationsSettings:
    """`injection_key_in_body`: the idempotency key of an injection is sent in the body too."""

    under_way_max: int = 1000
    calls_inflight_max: int = 64
    heartbeats_inflight_max: int = 32
    remembered_max: int = 200
    request_bytes_max: int = 262_144
    tries_max: int = 4
    rest: Backoff = field(default_factory=lambda: Backoff(base_s=1.0, jitter_s=1.0, cap_s=30.0))
    retry_after_max_s: float = (
        60.0  # what a Retry-After may ask for; the platform counts by the minute
    )
    keys_remembered_s: float = 86_400.0
    timer_tick_s: float = 0.05
    injection_key_in_body: bool = False
    contact_reference: ContactReference = "address"
    sessions: RestSessionSettings = RestSessionSettings()
    prompts: PromptSettings = PromptSettings()
    adoption: AdoptionSettings = AdoptionSettings()
