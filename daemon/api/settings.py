"""The bounds of the simulator, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class ApiSettings:
    host: str = "127.0.0.1"
    port: int = 3000
    origins_allowed: tuple[str, ...] = ()
    hosts_allowed: tuple[str, ...] = ()
    frame_bytes_max: int = 1_048_576
    frontends_max: int = 1000
    watcher_events_max: int = 256
    watcher_bytes_max: int = 1_048_576
    #: Per remote address; 0: half of all.
    frontends_per_address_max: int = 0
    #: What all frontends and event streams together may hold: queues and pages not sent yet.
    held_bytes_max: int = 33_554_432
    #: What all frontends together may have sent of frames that are not finished, or not worked on, beyond 16 KiB each.
    unfinished_bytes_max: int = 16_777_216
    write_timeout_s: float = 10.0
    guest_email: str = "guest@example.org"
