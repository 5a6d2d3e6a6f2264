"""The platform's REST side, and the operations that use it."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import SecretStr

from ...model.journal import Journal
from ...model.records import Note, no_note
from ...observe.metrics import Metrics
from ...operations.event_appender import EventAppender
from ...operations.service import OperationService
from ...operations.settings import (
    AdoptionSettings,
    OperationsSettings,
    PromptSettings,
    RestSessionSettings,
)
from ...operations.workflow import SignToken
from ...platform.calls import CallSettings, RestCalls
from ...platform.http import Http, HttpSettings
from ...platform.oauth import OAuthSettings, TokenSource
from ...platform.pace import Pace
from ...platform.table import table_with
from ...policy.backoff import Backoff
from ...policy.retry import RetryPolicy
from ...runtime.clock import LoopClock
from ..config import Config, OAuthClient
from .places import Place, split

if TYPE_CHECKING:
    from ...emulator import Emulator

logger = logging.getLogger("guestd")


def new_http(config: Config) -> Http:
    platform = config.platform
    return Http(
        HttpSettings(
            timeout_s=config.history.timeout_s,
            ca_file=platform.ca_file,
            proxy_url=platform.proxy_url,
            connect_to=split(platform.connect_to),
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
    note: Note = no_note,
) -> RestCalls:
    """The platform's REST side by name. The embedded emulator brings an OAuth client of its own.
    `note` tells the audit of rate limits and tokens."""
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
    clients = oauth_clients(config, place, emulator)
    calls = RestCalls(
        http,
        [TokenSource(http, one, policy, pace) for one in clients],
        CallSettings(place.endpoints.api, rest.timeout_s, rest.requests_per_minute),
        policy,
        pace,
        metrics,
        table_with(config.platform.paths),
    )
    calls.note_to(note)
    return calls


def oauth_clients(config: Config, place: Place, emulator: Emulator | None) -> list[OAuthSettings]:
    """The OAuth clients that share the load; none if none is configured."""
    platform, rest = config.platform, config.rest
    _warn_of_wide_permissions(platform.client_secret_file)
    return [
        OAuthSettings(
            token_url=platform.token_url or f"{place.endpoints.login}/oauth/token",
            client_id=one.id,
            client_secret=one.secret.get_secret_value(),
            client_auth=platform.client_auth,
            token_buffer_s=rest.token_buffer_s,
            timeout_s=rest.timeout_s,
            refused_rest_s=rest.refused_rest_s,
            scope=one.scope or "",
            requests_per_minute=one.requests_per_minute,
        )
        for one in _configured_clients(config, emulator)
    ]


def _configured_clients(config: Config, emulator: Emulator | None) -> tuple[OAuthClient, ...]:
    platform = config.platform
    if platform.oauth_clients:
        return platform.oauth_clients
    if platform.client_id is not None and platform.client_secret is not None:
        return (
            OAuthClient(id=platform.client_id, secret=platform.client_secret, scope=platform.scope),
        )
    if emulator is not None and emulator.settings.oauth_clients:
        client, secret = next(iter(emulator.settings.oauth_clients.items()))
        return (OAuthClient(id=client, secret=SecretStr(secret), scope=platform.scope),)
    return ()


def _warn_of_wide_permissions(name: str | None) -> None:
    """The service manager's credentials show a group bit for their ACL; anything for others, or
    writing, is too wide."""
    mode = stat.S_IMODE(Path(name).stat().st_mode) if name is not None else 0
    if mode & 0o037:
        logger.warning(
            "platform.client_secret_file %s has mode %04o; others can get at it: chmod 600",
            name,
            mode,
        )


def new_operations(
    config: Config,
    journal: Journal,
    scribe: EventAppender,
    calls: RestCalls,
    clock: LoopClock,
    metrics: Metrics,
    sign: SignToken | None = None,
) -> OperationService:
    """`sign` signs a guest's token where keys are configured."""
    return OperationService(
        operations_settings(config),
        journal,
        calls,
        scribe,
        clock,
        metrics,
        Random(),
        lambda: str(uuid4()),
        sign,
        calls.requests_per_minute,
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
        retry_after_max_s=given.retry_after_max_s,
        keys_remembered_s=given.keys_remembered_s,
        injection_key_in_body=given.injection_key_in_body,
        contact_reference=given.contact_reference,
        sessions=RestSessionSettings(
            sessions_max=config.limits.max_rest_sessions,
            duration_s=given.session_duration_s,
            duration_max_s=given.session_duration_max_s,
            heartbeat_interval_s=given.heartbeat_interval_s,
            heartbeats_per_duration=given.heartbeats_per_duration,
            heartbeat_failures_max=given.heartbeat_failures_max,
        ),
        prompts=PromptSettings(given.prompt_deferrals_max, given.prompt_age_max_s),
        adoption=AdoptionSettings(given.adoption_prompts_max, given.adoption_pages_max),
    )
