"""The configuration: every key, its default and its bounds. `config.example.toml` says each in
words.

One TOML file, over it `GUESTD_SECTION__KEY` from the environment, over that the command line.
Unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from ..model.durations import milliseconds, seconds
from ..model.numbers import port_number

Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0)]
MaybeNoSeconds = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Milliseconds = Annotated[float, BeforeValidator(milliseconds), Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or port_number(port) is None:
        raise ValueError("write host:port")
    return value


HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
WebhookEvent = Literal[
    "session.connected",
    "session.terminated",
    "webchat.session.created",
    "chat.injection.completed",
    "AGENT_ASSIST_PROMPT_INJECTED",
]


def _flat(value: Any) -> Any:
    """A name with a dot that was written without quotes is a table in TOML; it means the same."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, Any] = {}
    for key, one in value.items():
        flat |= (
            {f"{key}.{rest}": path for rest, path in one.items()}
            if isinstance(one, dict)
            else {key: one}
        )
    return flat


Paths = Annotated[dict[str, str], BeforeValidator(_flat)]


#: Beyond it an integer is not exact as a float; no count or size of ours comes near.
INTEGER_MAX = 2**53


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _within_integers(cls, value: object) -> object:
        if isinstance(value, int) and abs(value) > INTEGER_MAX:
            raise ValueError(f"is beyond {INTEGER_MAX}; write a smaller number")
        return value


class OAuthClient(_Section):
    """One `[[platform.oauth_clients]]`. A secret is `file:PATH`, `credential:NAME`, or the secret
    itself."""

    id: Annotated[str, Field(min_length=1)]
    secret: SecretStr
    scope: str | None = None
    requests_per_minute: Count | None = None


class Platform(_Section):
    """Which deployment of which org. Without region and endpoints the embedded emulator stands
    in."""

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
    client_id: str | None = None
    client_secret: SecretStr | None = None
    client_secret_file: str | None = None
    client_auth: Literal["basic", "form"] = "basic"
    scope: str | None = None
    oauth_clients: tuple[OAuthClient, ...] = ()
    token_url: str | None = None
    paths: Paths = {}

    @property
    def is_given(self) -> bool:
        return self.region is not None or self.guest_socket_url is not None

    @property
    def has_client(self) -> bool:
        """There is an OAuth client for the platform's REST side."""
        return self.client_id is not None or bool(self.oauth_clients)


class Limits(_Section):
    max_sessions: Count = 500
    max_rest_sessions: Count = 500


class Sessions(_Section):
    duration_s: Annotated[float, BeforeValidator(seconds), Field(ge=1, le=2700)] = 1800.0
    join_timeout_s: Seconds = 10.0
    leave_timeout_s: Seconds = 15.0


class Reconnect(_Section):
    base_s: Seconds = 1.0
    jitter_s: MaybeNoSeconds = 1.0
    cap_s: Seconds = 30.0
    attempts_max: Count = 10
    retry_after_max_s: Seconds = 30.0


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


class Rest(_Section):
    timeout_s: Seconds = 10.0
    deadline_s: Seconds = 30.0
    attempts_max: Count = 3
    base_s: Seconds = 1.0
    cap_s: Seconds = 5.0
    jitter: Literal["equal", "full"] = "equal"
    retry_after_cap_s: Seconds = 10.0
    requests_per_minute: Count = 300
    token_buffer_s: MaybeNoSeconds = 60.0
    refused_rest_s: MaybeNoSeconds = 10.0
    connections_max: Count = 32
    answer_bytes_max: Annotated[int, Field(ge=1024)] = 8_388_608


class Operations(_Section):
    under_way_max: Count = 1000
    calls_inflight_max: Count = 64
    heartbeats_inflight_max: Count = 32
    remembered_max: Count = 200
    request_bytes_max: Annotated[int, Field(ge=1024)] = 262_144
    tries_max: Count = 4
    rest_base_s: Seconds = 1.0
    rest_jitter_s: MaybeNoSeconds = 1.0
    rest_cap_s: Seconds = 30.0
    retry_after_max_s: Seconds = 60.0
    keys_remembered_s: Seconds = 86_400.0
    session_duration_s: Annotated[float, BeforeValidator(seconds), Field(ge=1)] = 1800.0
    session_duration_max_s: Annotated[float, BeforeValidator(seconds), Field(ge=1)] = 2700.0
    heartbeat_interval_s: Seconds = 30.0
    heartbeats_per_duration: Count = 10
    heartbeat_failures_max: Count = 3
    prompt_deferrals_max: Count = 20
    prompt_age_max_s: Seconds = 3600.0
    adoption_prompts_max: Count = 1000
    adoption_pages_max: Count = 10_000
    injection_key_in_body: bool = False
    contact_reference: Literal["address", "id"] = "address"


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
    create: Literal["auto", "never"] = "auto"
    retention_s: Seconds = 86_400.0
    dead_retention_s: Seconds = 2_592_000.0
    free_bytes_min: Annotated[int, Field(ge=0)] = 268_435_456
    ballast_bytes: Annotated[int, Field(ge=0)] = 67_108_864
    events_per_session_max: Annotated[int, Field(ge=10)] = 1000
    events_max: Annotated[int, Field(ge=1000)] = 2_000_000
    uncommitted_max: Annotated[int, Field(ge=100)] = 20_000


class Identity(_Section):
    directory: str | None = None
    key_bits: Annotated[int, Field(ge=2048, le=8192, multiple_of=256)] = 2048
    overlap_s: MaybeNoSeconds = 86_400.0
    keys_max: Annotated[int, Field(ge=2)] = 16
    reread_s: MaybeNoSeconds = 1.0
    token_life_s: Annotated[float, BeforeValidator(seconds), Field(ge=1)] = 300.0
    leeway_s: MaybeNoSeconds = 5.0
    token_bytes_max: Annotated[int, Field(ge=1024)] = 8192
    issuer: str | None = None
    audience: str | None = None
    kid: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None
    key_file: str | None = None
    rotate_every: Annotated[float, BeforeValidator(seconds), Field(ge=3600)] | None = None
    publish_before: MaybeNoSeconds = 86_400.0

    @model_validator(mode="after")
    def _time_to_publish(self) -> Self:
        if self.rotate_every is not None and self.publish_before >= self.rotate_every:
            raise ValueError(
                "publish_before must be shorter than rotate_every; publish a key later, or rotate"
                " less often"
            )
        return self


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
    host: str = "localhost"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    origins_allowed: tuple[str, ...] = ()
    hosts_allowed: tuple[str, ...] = ()
    token: SecretStr | None = None
    token_file: str | None = None
    open: bool = False
    frame_bytes_max: Annotated[int, Field(ge=1024)] = 1_048_576
    frontends_max: Count = 1000
    frontends_per_address_max: Annotated[int, Field(ge=0)] = 0
    queue_events_max: Annotated[int, Field(ge=16)] = 256
    queue_bytes_max: Annotated[int, Field(ge=16_384)] = 1_048_576
    held_bytes_max: Annotated[int, Field(ge=1_048_576)] = 33_554_432
    unfinished_bytes_max: Annotated[int, Field(ge=1_048_576)] = 16_777_216
    write_timeout_s: Seconds = 10.0
    guest_email: str = "guest@example.org"


class Api(_Section):
    token: SecretStr | None = None
    token_file: str | None = None
    unix_socket: str | None = None
    tcp: bool = True
    head_timeout_s: Seconds = 10.0
    keepalive_timeout_s: Seconds = 75.0
    connections_max: Annotated[int, Field(ge=16)] = 4096
    connections_per_address_max: Annotated[int, Field(ge=8)] = 2048
    new_per_address_per_s: Annotated[float, Field(gt=0.0, le=100_000.0, allow_inf_nan=False)] = (
        150.0
    )
    new_per_address_burst: Count = 250
    body_bytes_max: Annotated[int, Field(ge=1024)] = 1_048_576
    body_timeout_s: Seconds = 30.0
    bodies_waiting_max: Count = 256
    bodies_waiting_bytes_max: Annotated[int, Field(ge=1024)] = 33_554_432
    requests_max: Count = 512
    requests_per_address_max: Count = 256
    watchers_max: Count = 1000
    watchers_per_address_max: Annotated[int, Field(ge=0)] = 0
    uploads_max: Count = 200
    uploads_per_address_max: Count = 100
    upload_bytes_per_s_min: Count = 1024
    heartbeat_s: Seconds = 15.0
    answer_timeout_s: Seconds = 10.0
    wait_max_s: Seconds = 60.0


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


class WebhookTarget(_Section):
    """One `[[webhooks.targets]]`. A secret is `file:PATH`, `credential:NAME`, or the secret
    itself."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    url: str
    secrets: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=2)]
    events: tuple[WebhookEvent, ...] = ()
    time_out_s: Seconds | None = None
    allow_internal: tuple[str, ...] = ()


class Webhooks(_Section):
    targets: tuple[WebhookTarget, ...] = ()
    operation_hosts: tuple[str, ...] = ()
    operation_allow_internal: tuple[str, ...] = ()
    operation_secrets: Annotated[tuple[SecretStr, ...], Field(max_length=2)] = ()
    ca_file: str | None = None
    time_out_s: Seconds = 5.0
    prompt_time_out_s: Seconds = 3.0
    retry_base_s: Seconds = 1.0
    retry_cap_s: Seconds = 300.0
    attempts_max: Count = 100
    give_up_after_s: Seconds = 86_400.0
    inflight_max: Count = 1000
    inflight_per_host_max: Count = 20
    circuit_failures: Count = 5
    circuit_open_s: Seconds = 30.0
    held_max: Count = 2000


class Audit(_Section):
    directory: str | None = None
    bodies: bool = False
    file_bytes_max: Annotated[int, Field(ge=65_536)] = 67_108_864
    bytes_max: Annotated[int, Field(ge=131_072)] = 25_769_803_776
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    linger_s: MaybeNoSeconds = 0.25


class Config(_Section):
    platform: Platform = Platform()
    limits: Limits = Limits()
    sessions: Sessions = Sessions()
    reconnect: Reconnect = Reconnect()
    heartbeat: Heartbeat = Heartbeat()
    messages: Messages = Messages()
    inbox: Inbox = Inbox()
    history: History = History()
    rest: Rest = Rest()
    operations: Operations = Operations()
    admission: Admission = Admission()
    transport: Transport = Transport()
    journal: Journal = Journal()
    identity: Identity = Identity()
    attachments: Attachments = Attachments()
    simulator: Simulator = Simulator()
    api: Api = Api()
    emulator: EmbeddedEmulator = EmbeddedEmulator()
    drain: Drain = Drain()
    log: Log = Log()
    webhooks: Webhooks = Webhooks()
    audit: Audit = Audit()
