"""Configuration to objects: the only place that knows every class."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from .. import __version__
from ..api.settings import ApiSettings
from ..api.spool import Spool, SpoolSettings
from ..emulator import DEFAULT_DEPLOYMENT_ID
from ..model.ports import DeploymentFacts, DialTarget, Journal, PlatformCalls, Uploader
from ..observe.metrics import Metrics
from ..platform.history import WebMessagingHistory
from ..platform.http import Http, HttpSettings
from ..platform.regions import Endpoints, endpoints
from ..session.settings import SessionSettings
from ..supervisor.clock import LoopClock
from ..supervisor.settings import SupervisorSettings
from ..supervisor.supervisor import Supervisor
from ..transport import TransportSettings, WebsocketDialer
from ..transport.upload import FileUploader, UploadSettings
from ..wire.dialect import Dialect
from ..wire.webchat import Webchat
from ..wire.webmessaging import WebMessaging
from .config import Config

if TYPE_CHECKING:
    from ..emulator import Emulator


@dataclass(slots=True, frozen=True)
class Place:
    """Where the platform is, real or emulated, and which deployment."""

    endpoints: Endpoints
    deployment_id: str


def place_of(config: Config, emulator: Emulator | None) -> Place:
    platform = config.platform
    if emulator is not None:
        base = Endpoints(emulator.ws_url, emulator.url, emulator.url, emulator.url)
        return Place(base, DEFAULT_DEPLOYMENT_ID)
    base = endpoints(platform.region) if platform.region is not None else Endpoints("", "", "", "")
    socket_url = (platform.guest_socket_url or base.guest_socket).rstrip("/")
    same_host = "http" + socket_url[2:]
    return Place(
        Endpoints(
            socket_url,
            (platform.api_url or base.api or same_host).rstrip("/"),
            (platform.cdn_url or base.cdn or same_host).rstrip("/"),
            base.login or same_host,
        ),
        platform.deployment_id or "",
    )


def new_emulator(config: Config) -> Emulator:
    """The embedded one; its connection limit follows our own admission, so that a large demo is not throttled by it."""
    from ..emulator import Emulator, EmulatorSettings
    from ..emulator.settings import Limits

    per_minute = max(1000, config.admission.connects_per_minute)
    return Emulator(
        EmulatorSettings(
            port=config.emulator.port,
            agent=config.emulator.agent,
            seed=config.emulator.seed,
            limits=Limits(connections_per_minute=per_minute),
        )
    )


def new_http(config: Config) -> Http:
    platform = config.platform
    return Http(
        HttpSettings(
            timeout_s=config.history.timeout_s,
            ca_file=platform.ca_file,
            proxy_url=platform.proxy_url,
            connect_to=_split(platform.connect_to),
            origin=platform.origin or "",
        )
    )


def journal_directory(config: Config, environment: Mapping[str, str]) -> Path | None:
    """Configured, or given by the service manager (the first of StateDirectory=), or none: memory."""
    found = config.journal.directory or environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(found) if found else None


def new_supervisor(
    config: Config,
    place: Place,
    facts: DeploymentFacts,
    http: Http,
    journal: Journal,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
    uploader: Uploader | None = None,
    calls: PlatformCalls | None = None,
) -> Supervisor:
    platform, transport = config.platform, config.transport
    dialect: Dialect = (
        Webchat()
        if platform.dialect == "webchat"
        else WebMessaging(place.deployment_id, platform.application or f"guestd-{__version__}")
    )
    dialer = WebsocketDialer(
        TransportSettings(
            frame_bytes_max=transport.frame_bytes_max,
            dial_timeout_s=transport.dial_timeout_s,
            close_timeout_s=transport.close_timeout_s,
            read_budget_frames=transport.read_budget_frames,
            dns_ttl_s=transport.dns_ttl_s,
            local_addresses=transport.local_addresses,
            ca_file=platform.ca_file,
            proxy_url=platform.proxy_url,
            connect_to=_split(platform.connect_to),
        )
    )
    headers = (("Origin", platform.origin),) if platform.origin else ()
    return Supervisor(
        SupervisorSettings(
            max_sessions=config.limits.max_sessions,
            connects_per_minute=config.admission.connects_per_minute,
            connects_burst=config.admission.burst,
            dials_inflight_max=config.admission.dials_inflight_max,
            history_inflight_max=config.history.inflight_max,
            uncommitted_max=config.journal.uncommitted_max,
            uploads_inflight_max=config.attachments.inflight_max,
        ),
        session_settings(config, facts),
        dialect,
        dialer,
        DialTarget(dialect.url(place.endpoints.guest_socket), headers),
        journal,
        WebMessagingHistory(http, place.endpoints.api) if dialect.traits.has_history else None,
        LoopClock(loop),
        Random(),
        metrics,
        loop,
        uploader=uploader,
        calls=calls,
    )


def new_uploader(config: Config, place: Place) -> FileUploader:
    platform = config.platform
    return FileUploader(
        UploadSettings(
            stall_timeout_s=config.attachments.stall_timeout_s,
            connections_max=config.attachments.inflight_max,
            dns_ttl_s=config.transport.dns_ttl_s,
            secure_only=place.endpoints.guest_socket.startswith("wss:"),
            ca_file=platform.ca_file,
            proxy_url=platform.proxy_url,
            connect_to=_split(platform.connect_to),
        )
    )


def new_spool(config: Config, environment: Mapping[str, str]) -> Spool:
    """In its own directory if one is named, else beside the journal, else a private one that ends with the process."""
    attachments, journal = config.attachments, journal_directory(config, environment)
    directory = Path(attachments.spool_directory) if attachments.spool_directory else journal and journal / "spool"
    return Spool(
        SpoolSettings(directory, attachments.file_bytes_max, attachments.spool_bytes_max, durable=journal is not None)
    )


def session_settings(config: Config, facts: DeploymentFacts) -> SessionSettings:
    return SessionSettings(
        duration_s=config.sessions.duration_s,
        reconnect_base_s=config.reconnect.base_s,
        reconnect_jitter_s=config.reconnect.jitter_s,
        reconnect_cap_s=config.reconnect.cap_s,
        reconnect_attempts_max=config.reconnect.attempts_max,
        join_timeout_s=config.sessions.join_timeout_s,
        heartbeat_interval_s=config.heartbeat.interval_s,
        heartbeat_timeout_s=config.heartbeat.timeout_s,
        leave_timeout_s=config.sessions.leave_timeout_s,
        pacing=config.messages.pacing,
        when_down=config.messages.when_down,
        messages_per_s=config.messages.per_s,
        requests_per_minute=config.messages.requests_per_minute,
        text_max=config.messages.text_max,
        outbox_commands_max=config.messages.waiting_max,
        confirm_timeout_s=config.messages.confirm_timeout_s,
        hold_initial_ms=config.inbox.hold_initial_ms,
        hold_min_ms=config.inbox.hold_min_ms,
        hold_max_ms=config.inbox.hold_max_ms,
        gap_wait_s=config.inbox.gap_wait_s,
        inbox_held_max=config.inbox.held_max,
        inbox_remembered_max=config.inbox.remembered_max,
        history_retry_s=config.history.retry_s,
        history_attempts_max=config.history.attempts_max,
        history_reads_per_minute=config.history.reads_per_minute,
        uploads_per_session_max=config.attachments.per_session_max,
        upload_attempts_max=config.attachments.attempts_max,
        upload_retry_s=config.attachments.retry_s,
        slot_timeout_s=config.attachments.slot_timeout_s,
        upload_confirm_timeout_s=config.attachments.confirm_timeout_s,
        file_bytes_max=min(
            config.attachments.file_bytes_max, facts.file_bytes_max or config.attachments.file_bytes_max
        ),
        file_types=config.attachments.types or facts.file_types or None,
        join_on_new_session=facts.auto_start,
        conversation_clear=facts.conversation_clear,
    )


def api_settings(config: Config) -> ApiSettings:
    simulator = config.simulator
    return ApiSettings(
        host=simulator.host,
        port=simulator.port,
        origins_allowed=simulator.origins_allowed,
        hosts_allowed=simulator.hosts_allowed,
        frame_bytes_max=simulator.frame_bytes_max,
        frontends_max=simulator.frontends_max,
        watcher_events_max=simulator.queue_events_max,
        watcher_bytes_max=simulator.queue_bytes_max,
        write_timeout_s=simulator.write_timeout_s,
        guest_email=simulator.guest_email,
    )


def _split(host_and_port: str | None) -> tuple[str, int] | None:
    if host_and_port is None:
        return None
    host, _, port = host_and_port.rpartition(":")
    return host.strip("[]"), int(port)
