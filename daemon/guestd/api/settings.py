"""The bounds of the simulator, and its access rules."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class ApiSettings:
    """`token` "": frontends need no token. `is_open`: not even from beyond loopback."""

    host: str = "localhost"
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
    #: What all frontends together may have sent of frames that are not finished, or not worked on,
    #: beyond 16 KiB each.
    unfinished_bytes_max: int = 16_777_216
    write_timeout_s: float = 10.0
    guest_email: str = "guest@example.org"
    head_timeout_s: float = 10.0
    keepalive_timeout_s: float = 75.0
    connections_max: int = 4096
    connections_per_address_max: int = 2048
    new_per_address_per_s: float = 150.0
    new_per_address_burst: int = 250
    token: str = field(default="", repr=False)
    is_open: bool = False
