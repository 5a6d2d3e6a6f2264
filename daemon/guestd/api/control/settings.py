"""The bounds of the control API, and its access rules."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class ControlSettings:
    """`token` "": no bearer token is required. `unix_socket` "": none. `tcp`: whether the HTTP
    port serves `/v1` too."""

    token: str = field(default="", repr=False)
    unix_socket: str = ""
    tcp: bool = True
    body_bytes_max: int = 1_048_576
    body_timeout_s: float = 30.0
    bodies_waiting_max: int = 256
    bodies_waiting_bytes_max: int = 33_554_432
    requests_max: int = 512
    requests_per_address_max: int = 256
    watchers_max: int = 1000
    #: Per remote address; 0: half of all. A Unix socket has none and is not counted.
    watchers_per_address_max: int = 0
    uploads_max: int = 200
    uploads_per_address_max: int = 100
    upload_bytes_per_s_min: int = 1024
    heartbeat_s: float = 15.0
    answer_timeout_s: float = 10.0
    wait_max_s: float = 60.0
