"""Configuration to objects: the only place that knows every class."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

from .. import __version__
from ..api.control.settings import ControlSettings
from ..api.settings import ApiSettings
from ..api.spool import Spool, SpoolSettings
from ..emulator import DEFAULT_DEPLOYMENT_ID
from ..identity.settings import IdentitySettings
from ..journal.settings import JournalSettings
from ..model.errors import ConfigError
from ..model.ports import DeploymentFacts, DialTarget, Journal, PlatformCalls, Uploader
from ..observe.metrics import Metrics
from ..operations.creation import Sign
from ..operations.desk import Desk
from ..operations.scribe import Scribe
from ..operations.settings import AdoptionFigures, OperationsSettings, PromptFigures, SessionFigures
from ..platform.calls import CallSettings, RestCalls
from ..platform.history import WebMessagingHistory
from ..platform.http import Http, HttpSettings
from ..platform.oauth import OAuthSettings, TokenSource
from ..platform.pace import Pace
from ..platform.regions import Endpoints, endpoints
from ..platform.table import table_with
from ..policy.backoff import Backoff
from ..policy.retry import RetryPolicy
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
    from ..identity.keys import KeyRing
    from ..identity.tokens import GuestTokens

logger = logging.getLogger("guestd")


#: A shorter bearer token could be guessed.
TOKEN_MIN = 16


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
            connections_max=config.rest.connections_max,
            answer_bytes_max=config.rest.answer_bytes_max,
        )
    )


def new_calls(
    config: Config,
    place: Place,
    http: Http,
    emulator: Emulator | None,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
) -> RestCalls:
    """The platform's REST side by name. The embedded emulator brings an OAuth client of its own."""
    rest = config.rest
    policy = RetryPolicy(
        attempts_max=rest.attempts_max,
        base_s=rest.base_s,
        cap_s=rest.cap_s,
        jitter=rest.jitter,
        retry_after_cap_s=rest.retry_after_cap_s,
        deadline_s=rest.deadline_s,
    )
    pace = Pace(loop.time)
    client = oauth_settings(config, place, emulator)
    return RestCalls(
        http,
        TokenSource(http, client, policy, pace) if client is not None else None,
        CallSettings(place.endpoints.api, rest.timeout_s, rest.requests_per_minute),
        policy,
        pace,
        metrics,
        table_with(config.platform.paths),
    )


def new_operations(
    config: Config,
    journal: Journal,
    scribe: Scribe,
    calls: RestCalls,
    clock: LoopClock,
    metrics: Metrics,
    sign: Sign | None = None,
) -> Desk:
    """`sign` signs a guest's token where keys are configured."""
    return Desk(
        operations_settings(config), journal, calls, scribe, clock, metrics, Random(), lambda: str(uuid4()), sign
    )


def operations_settings(config: Config) -> OperationsSettings:
    given = config.operations
    return OperationsSettings(
        under_way_max=given.under_way_max,
        calls_inflight_max=given.calls_inflight_max,
        heartbeats_inflight_max=given.heartbeats_inflight_max,
        remembered_max=given.remembered_max,
        request_bytes_max=given.request_bytes_max,
        tries_max=given.tries_max,
        rest=Backoff(given.rest_base_s, given.rest_jitter_s, given.rest_cap_s, given.tries_max),
        keys_remembered_s=given.keys_remembered_s,
        sessions=SessionFigures(
            sessions_max=config.limits.max_rest_sessions,
            duration_s=given.session_duration_s,
            duration_max_s=given.session_duration_max_s,
            heartbeat_interval_s=given.heartbeat_interval_s,
            heartbeats_per_duration=given.heartbeats_per_duration,
            heartbeat_failures_max=given.heartbeat_failures_max,
        ),
        prompts=PromptFigures(given.prompt_deferrals_max, given.prompt_age_max_s),
        adoption=AdoptionFigures(given.adoption_prompts_max, given.adoption_pages_max),
    )


def oauth_settings(config: Config, place: Place, emulator: Emulator | None) -> OAuthSettings | None:
    """None: no OAuth client is configured."""
    platform, rest = config.platform, config.rest
    if platform.client_id is not None and platform.client_secret is not None:
        client, secret = platform.client_id, platform.client_secret.get_secret_value()
    elif emulator is not None and emulator.settings.oauth_clients:
        client, secret = next(iter(emulator.settings.oauth_clients.items()))
    else:
        return None
    _warn_of_wide_permissions(platform.client_secret_file)
    return OAuthSettings(
        token_url=platform.token_url or f"{place.endpoints.login}/oauth/token",
        client_id=client,
        client_secret=secret,
        client_auth=platform.client_auth,
        token_buffer_s=rest.token_buffer_s,
        timeout_s=rest.timeout_s,
        refused_rest_s=rest.refused_rest_s,
    )


def _warn_of_wide_permissions(name: str | None) -> None:
    """The service manager's credentials show a group bit for their ACL; anything for others, or writing, is too wide."""
    mode = stat.S_IMODE(Path(name).stat().st_mode) if name is not None else 0
    if mode & 0o037:
        logger.warning("platform.client_secret_file %s has mode %04o; others can get at it: chmod 600", name, mode)


def journal_directory(config: Config, environment: Mapping[str, str]) -> Path | None:
    """Configured, or given by the service manager (the first of StateDirectory=), or none: memory."""
    found = config.journal.directory or environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(found) if found else None


def identity_settings(config: Config, environment: Mapping[str, str]) -> IdentitySettings | None:
    """None if there is no place for keys: neither configured nor beside a journal. Then there are no guest tokens."""
    journal = journal_directory(config, environment)
    if config.identity.directory is not None:
        directory = Path(config.identity.directory)
    elif journal is not None:
        directory = journal / "keys"
    else:
        return None
    identity = config.identity
    return IdentitySettings(
        directory=directory,
        key_bits=identity.key_bits,
        overlap_s=identity.overlap_s,
        keys_max=identity.keys_max,
        reread_s=identity.reread_s,
        token_life_s=identity.token_life_s,
        leeway_s=identity.leeway_s,
        token_bytes_max=identity.token_bytes_max,
        issuer=identity.issuer,
        audience=identity.audience,
    )


def new_key_ring(settings: IdentitySettings) -> KeyRing:
    """Loaded only for who has keys: cryptography takes some fifty milliseconds to come in."""
    from ..identity.keys import KeyRing

    return KeyRing(settings)


def new_guest_tokens(settings: IdentitySettings, ring: KeyRing, metrics: Metrics) -> GuestTokens:
    from ..identity.tokens import GuestTokens

    return GuestTokens(settings, ring, metrics)


def new_signer(settings: IdentitySettings, ring: KeyRing, metrics: Metrics) -> Sign:
    """What signs the token of a guest who brings none (SESS-7)."""
    tokens = new_guest_tokens(settings, ring, metrics)
    return lambda guest_id, metadata: tokens.sign(guest_id, metadata).token


def journal_settings(config: Config) -> JournalSettings:
    journal = config.journal
    return JournalSettings(
        retention_s=journal.retention_s,
        dead_retention_s=journal.dead_retention_s,
        create=journal.create,
        free_bytes_min=journal.free_bytes_min,
        ballast_bytes=journal.ballast_bytes,
    )


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


def control_settings(config: Config) -> ControlSettings:
    """Raises ConfigError if the token cannot be read or is none."""
    api = config.api
    return ControlSettings(
        token=_token(config),
        unix_socket=api.unix_socket or "",
        tcp=api.tcp,
        body_bytes_max=api.body_bytes_max,
        body_timeout_s=api.body_timeout_s,
        requests_max=api.requests_max,
        watchers_max=api.watchers_max,
        uploads_max=api.uploads_max,
        heartbeat_s=api.heartbeat_s,
        answer_timeout_s=api.answer_timeout_s,
        wait_max_s=api.wait_max_s,
    )


def _token(config: Config) -> str:
    api = config.api
    if api.token is not None and api.token_file is not None:
        raise ConfigError("api.token", "stands beside api.token_file", "give one of them")
    if api.token_file is not None:
        field = "api.token_file"
        try:
            token = Path(api.token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(field, f"{api.token_file} cannot be read: {why}", "name a file we may read") from None
    elif api.token is not None:
        field, token = "api.token", api.token.get_secret_value()
    else:
        return ""
    if len(token) < TOKEN_MIN or not token.isascii() or not token.isprintable() or " " in token:
        remedy = "write one with: openssl rand -hex 32"
        raise ConfigError(field, f"is no token of at least {TOKEN_MIN} printable characters without spaces", remedy)
    return token


def _split(host_and_port: str | None) -> tuple[str, int] | None:
    if host_and_port is None:
        return None
    host, _, port = host_and_port.rpartition(":")
    return host.strip("[]"), int(port)
