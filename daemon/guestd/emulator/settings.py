"""The emulator's settings: deployments, limits, the agent, faults. Every figure has the
platform's published default."""

from __future__ import annotations

import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from . import (
    DEFAULT_AGENT,
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    DEFAULT_DEPLOYMENT_ID,
    DEFAULT_QUEUE_ID,
)


def _drawn_seed() -> int:
    return secrets.randbits(31)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Deployment(_Strict):
    """One Messenger deployment (protocol §8)."""

    id: str = DEFAULT_DEPLOYMENT_ID
    status: Literal["Active", "Inactive"] = "Active"
    auto_start: bool = False
    conversation_clear: bool = True
    conversation_disconnect: Literal["disabled", "Send", "ReadOnly"] = "Send"
    agent_typing: bool = True
    user_typing: bool = True
    file_upload: bool = True
    file_types: tuple[str, ...] = ("*/*",)
    file_kilobytes_max: int = Field(10240, ge=1)
    blocked_extensions: tuple[str, ...] = (".exe", ".bat", ".cmd", ".js", ".scr")
    allowed_domains: tuple[str, ...] = ()
    session_duration_s: int = Field(259_200, ge=1)
    authentication: bool = False
    session_upgrade: bool = False


class QueueSettings(_Strict):
    """One routing queue. `answer_after_s`: how long a conversation waits in it for an agent."""

    id: str = DEFAULT_QUEUE_ID
    name: str = "Support"
    answer_after_s: float = Field(0.0, ge=0)


class EmulatorLimits(_Strict):
    """The published limits (protocol §5). None switches one off; `strict: false` accepts instead
    of refusing."""

    strict: bool = True
    messages_per_session_per_s: int | None = Field(5, ge=1)
    requests_per_connection_per_minute: int | None = Field(60, ge=1)
    configures_per_session_per_minute: int | None = Field(60, ge=1)
    connections_per_minute: int | None = Field(1000, ge=1)
    history_per_session_per_minute: int | None = Field(10, ge=1)
    echoes_per_connection_per_minute: int | None = Field(2, ge=1)
    connections_per_session: int | None = Field(3, ge=1)
    attribute_bytes: int | None = Field(2048, ge=1)
    text_bytes: int | None = Field(4096, ge=1)
    agent_text_characters: int | None = Field(4000, ge=1)
    webchat_messages_per_s: int | None = Field(10, ge=1)
    webchat_text_characters: int | None = Field(4096, ge=1)
    rest_calls_per_client_per_minute: int | None = Field(300, ge=1)

    def off(self) -> EmulatorLimits:
        """The rates switched off; the sizes stay."""
        return self.model_copy(
            update={
                name: None
                for name in type(self).model_fields
                if name.endswith(("_per_s", "_per_minute"))
            }
        )


class EmulatorSettings(_Strict):
    """Everything about one emulator. `seed` makes ids, the agent and faults repeatable; one that is
    not given is drawn, because a client that outlives an emulator takes ids that come again for
    messages that come again."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    tls_dir: Path | None = None
    tls_names: tuple[str, ...] = ()
    seed: int = Field(default_factory=_drawn_seed)
    deployments: tuple[Deployment, ...] = Field((Deployment(),), min_length=1)
    accept_any_deployment: bool = False
    limits: EmulatorLimits = EmulatorLimits()
    agent: str | dict[str, Any] = DEFAULT_AGENT
    faults: tuple[dict[str, Any], ...] = ()
    honor_legacy_attributes: bool = False
    upload_delay_s: float = Field(0.05, ge=0)
    upload_bytes_max: int = Field(16 * 1024 * 1024, ge=1)
    control_hosts: tuple[
        str, ...
    ] = ()  # host names for the admin API, besides loopback and plain addresses
    control_origins: tuple[
        str, ...
    ] = ()  # origins for the admin API, besides those of this machine
    trusted_proxies: tuple[str, ...] = (  # networks whose X-Forwarded-Proto is believed
        "127.0.0.0/8",
        "::1/128",
    )
    connections_max: int = Field(
        30_000, ge=1
    )  # ten thousand guests with a socket and REST calls each, and a reserve
    idle_timeout_s: float | None = Field(None, gt=0)
    connection_age_max_s: float | None = Field(None, gt=0)
    frame_bytes_max: int = Field(262_144, ge=1024)
    history_messages_max: int = Field(10_000, ge=10)
    journal_entries_max: int = Field(2_000, ge=0)
    oauth_clients: dict[str, str] = Field({DEFAULT_CLIENT_ID: DEFAULT_CLIENT_SECRET}, repr=False)
    oauth_scopes: dict[str, tuple[str, ...]] = {}  # of a client that is not named here: all
    token_life_s: float = Field(86_400, gt=0)
    queues: tuple[QueueSettings, ...] = (QueueSettings(),)
    bare_injections: bool = False  # answer an injection with a bare list, as the documents have it
    contact_reference: Literal["address", "id", "either"] = (
        "address"  # what contactId of a conversation must be
    )
    records_max: int = Field(50_000, ge=10)
    prompts_viewed: float = Field(0.9, ge=0, le=1)
    prompts_clicked: float = Field(0.4, ge=0, le=1)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            ip_network(one)
        return given
