"""Figures of the webhooks; `app/config.py` has their defaults and bounds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class WebhookTarget:
    """Who is told. `events` empty: everything. `allow_internal`: host names, addresses and networks
    behind the guard that may be called all the same. A URL can hold a key in its path or query, so
    it is not shown."""

    name: str
    url: str = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    events: frozenset[str] = frozenset()
    time_out_s: float | None = None
    allow_internal: tuple[str, ...] = ()

    def wants(self, event: str) -> bool:
        return not self.events or event in self.events


@dataclass(slots=True, frozen=True)
class WebhookSettings:
    """`operation_*` is about URLs that come with an operation (a prompt's webhookUrl): which hosts
    they may name (none: any public one), what signs them, which internal ones are allowed."""

    targets: tuple[WebhookTarget, ...] = ()
    operation_hosts: tuple[str, ...] = ()
    operation_allow_internal: tuple[str, ...] = ()
    operation_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    ca_file: str | None = None
    time_out_s: float = 5.0
    prompt_time_out_s: float = 3.0
    retry_base_s: float = 1.0
    retry_cap_s: float = 300.0
    attempts_max: int = 100
    give_up_after_s: float = 86_400.0
    inflight_max: int = 1000
    inflight_per_host_max: int = 20
    circuit_failures: int = 5
    circuit_open_s: float = 30.0
    held_max: int = 2000
