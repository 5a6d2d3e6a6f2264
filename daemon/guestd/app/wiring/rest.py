"""The platform's REST side, and the operations that use it."""

from __future__ import annotations

import asyncio
import logging
import stat
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import uuid4

from ...model.journal import Journal
from ...model.records import Note, no_note
from ...observe.metrics import Metrics
from ...operations.event_appender import EventAppender
from ...operations.service import OperationService
from ...operations.workflow import SignToken
from ...platform.calls import RestCalls
from ...platform.http import Http
from ...platform.oauth import OAuthAccess, TokenSource
from ...platform.pace import Pace
from ...platform.settings import OAuthClient
from ...platform.table import table_with
from ...runtime.clock import LoopClock
from ..config import Config
from .endpoints import PlatformTarget

logger = logging.getLogger("guestd")


def new_http(config: Config) -> Http:
    return Http(config.platform, config.rest, config.history)


def new_calls(
    config: Config,
    target: PlatformTarget,
    http: Http,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
    note: Note = no_note,
) -> RestCalls:
    """The platform's REST side by name. An emulator brings an OAuth client of its own.
    `note` tells the audit of rate limits and tokens."""
    pace = Pace(loop.time)
    calls = RestCalls(
        http,
        [TokenSource(http, one, config.rest, pace) for one in oauth_clients(config, target)],
        target.endpoints.api,
        config.rest,
        pace,
        metrics,
        table_with(config.platform.paths),
    )
    calls.note_to(note)
    return calls


def oauth_clients(config: Config, target: PlatformTarget) -> list[OAuthAccess]:
    """The OAuth clients that share the load; none if none is configured."""
    platform = config.platform
    _warn_of_wide_permissions(platform.client_secret_file)
    url = platform.token_url or f"{target.endpoints.login}/oauth/token"
    return [
        OAuthAccess(url, one, platform.client_auth) for one in _configured_clients(config, target)
    ]


def _configured_clients(config: Config, target: PlatformTarget) -> tuple[OAuthClient, ...]:
    platform = config.platform
    if platform.oauth_clients:
        return platform.oauth_clients
    if platform.client_id is not None and platform.client_secret is not None:
        return (
            OAuthClient(id=platform.client_id, secret=platform.client_secret, scope=platform.scope),
        )
    if target.client is not None:
        return (replace(target.client, scope=platform.scope),)
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
    appender: EventAppender,
    calls: RestCalls,
    clock: LoopClock,
    metrics: Metrics,
    sign: SignToken | None = None,
) -> OperationService:
    """`sign` signs a guest's token where keys are configured."""
    return OperationService(
        config.operations,
        journal,
        calls,
        appender,
        clock,
        metrics,
        Random(),
        lambda: str(uuid4()),
        sign,
        calls.requests_per_minute,
        sessions_max=config.limits.max_rest_sessions,
    )
