"""The configuration: every key, its default and its bounds. `config.example.toml` says each in words.

One TOML file, over it `GUESTD_SECTION__KEY` from the environment, over that the command line. Unknown keys are refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from .durations import milliseconds, seconds

Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0)]
MaybeNoSeconds = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Milliseconds = Annotated[float, BeforeValidator(milliseconds), Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("write host:port")
    return value


HostAndPort = Annotated[str, AfterValidator(_host_and_port)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Platform(_Section):
    """Which deployment of which org. Without region and endpoints the embedded emulator stands in."""

    region: str | None = None
    deployment_id: str | None = None
    dialect: Literal["webmessaging", "webchat"] = "webmessaging"
    origin: str | None = None
    application: str | None = None
    ca_file: str | None = None
    proxy_url: str | None = None
    connect_to: HostAndPort | None = None
    guest_socket_url: str | None = None
    api_url: str | None = None
    cdn_url: str | None = None

    @property
    def is_given(self) -> bool:
        return self.region is not None or self.guest_socket_url is not None


class Limits(_Section):
    max_sessions: Count = 500


class Sessions(_Section):
    duration_s: Annotated[float, BeforeValidator(seconds), Field(ge=1, le=2700)] = 1800.0
    join_timeout_s: Seconds = 10.0
    leave_timeout_s: Seconds = 15.0


class Reconnect(_Section):
    base_s: Seconds = 1.0
    jitter_s: MaybeNoSeconds = 1.0
    cap_s: Seconds = 30.0
    attempts_max: Count = 10


class Heartbeat(_Section):
    interval_s: Annotated[float, BeforeValidator(seconds), Field(ge=16)] = 30.0
    timeout_s: Seconds = 10.0


class Messages(_Section):
    pacing: Literal["queue", "reject"] = "queue"
    when_down: Literal["queue", "reject"] = "reject"
    per_s: Annotated[float, Field(gt=0)] | None = None
    requests_per_minute: Count | None = None
    text_max: Count | None = None
    waiting_max: Count = 32
    confirm_timeout_s: Seconds = 10.0


class Inbox(_Section):
    hold_initial_ms: Milliseconds = 100.0
    hold_min_ms: Milliseconds = 0.0
    hold_max_ms: Milliseconds = 2000.0
    gap_wait_s: MaybeNoSeconds = 2.0
    held_max: Count = 256
    remembered_max: Count = 256


class History(_Section):
    retry_s: Seconds = 2.0
    attempts_max: Count = 8
    reads_per_minute: Count = 10
    inflight_max: Count = 16
    timeout_s: Seconds = 15.0


class Admission(_Section):
    connects_per_minute: Count = 1000
    burst: Count = 50
    dials_inflight_max: Count = 100


class Transport(_Section):
    frame_bytes_max: Annotated[int, Field(ge=1024)] = 262_144
    dial_timeout_s: Seconds = 10.0
    close_timeout_s: Seconds = 5.0
    read_budget_frames: Count = 256
    dns_ttl_s: Seconds = 30.0
    local_addresses: tuple[str, ...] = ()


class Journal(_Section):
    directory: str | None = None
    retention_s: Seconds = 86_400.0
    events_per_session_max: Annotated[int, Field(ge=10)] = 1000
    events_max: Annotated[int, Field(ge=1000)] = 2_000_000
    uncommitted_max: Annotated[int, Field(ge=100)] = 20_000


class Attachments(_Section):
    per_session_max: Count = 3
    inflight_max: Count = 100
    attempts_max: Count = 4
    retry_s: Seconds = 1.0
    slot_timeout_s: Seconds = 15.0
    stall_timeout_s: Seconds = 30.0
    confirm_timeout_s: Seconds = 30.0
    file_bytes_max: Count = 104_857_600
    types: tuple[str, ...] | None = None
    spool_directory: str | None = None
    spool_bytes_max: Count = 2_147_483_648


class Simulator(_Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    origins_allowed: tuple[str, ...] = ()
    hosts_allowed: tuple[str, ...] = ()
    frame_bytes_max: Annotated[int, Field(ge=1024)] = 1_048_576
    frontends_max: Count = 1000
    queue_events_max: Annotated[int, Field(ge=16)] = 256
    queue_bytes_max: Annotated[int, Field(ge=16_384)] = 1_048_576
    write_timeout_s: Seconds = 10.0
    guest_email: str = "guest@example.org"


class EmbeddedEmulator(_Section):
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    agent: str = "human"
    seed: int = 0


class Drain(_Section):
    sessions: Literal["auto", "end", "keep"] = "auto"
    grace_s: MaybeNoSeconds = 30.0


class Log(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    form: Literal["auto", "json", "text"] = "auto"


class Config(_Section):
    platform: Platform = Platform()
    limits: Limits = Limits()
    sessions: Sessions = Sessions()
    reconnect: Reconnect = Reconnect()
    heartbeat: Heartbeat = Heartbeat()
    messages: Messages = Messages()
    inbox: Inbox = Inbox()
    history: History = History()
    admission: Admission = Admission()
    transport: Transport = Transport()
    journal: Journal = Journal()
    attachments: Attachments = Attachments()
    simulator: Simulator = Simulator()
    emulator: EmbeddedEmulator = EmbeddedEmulator()
    drain: Drain = Drain()
    log: Log = Log()
