"""How links are dialed and what bounds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class TransportSettings:
    frame_bytes_max: int = 262_144
    dial_timeout_s: float = 10.0
    close_timeout_s: float = 5.0
    read_budget_frames: int = 256  # frames of one link handled within one turn of the loop
    write_high_water_bytes: int = 65_536
    dns_ttl_s: float = 30.0
    retry_after_max_s: float = (
        30.0  # what a refused upgrade may ask for: no more than our own longest rest
    )
    ca_file: str | None = None
    proxy_url: str | None = None
    connect_to: tuple[str, int] | None = None
    local_addresses: tuple[str, ...] = ()
