"""The HTTP port: the simulator and the control API, with their tokens read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...api.control.info import DaemonFacts, TargetKind
from ...api.emulator_routes import PREFIX as EMULATOR_PREFIX
from ...api.server import HttpServer
from ...api.settings import ApiSettings, SimulatorSettings
from ...model.emulator_admin import EmulatorAdmin
from ...model.errors import ConfigError
from ...model.file_spool import FileSpool
from ...model.overview import BudgetView
from ...model.ports import Fleet, Operations, Webhooks
from ...observe.metrics import Metrics
from ...runtime.clock import epoch_ms
from ...transport.download import FileDownloader
from ...wire.dialects import TRAITS
from ..config import Config
from ..readiness import Readiness
from ..secret_files import read_secret
from .endpoints import PlatformTarget
from .storage import journal_directory

TOKEN_MIN = 16


def new_http_server(
    config: Config,
    place: PlatformTarget,
    fleet: Fleet,
    metrics: Metrics,
    readiness: Readiness,
    *,
    jwks: Callable[[], dict[str, Any]] | None,
    operations: Operations,
    spool: FileSpool,
    webhooks: Webhooks,
    budgets: Callable[[], Sequence[BudgetView]],
    emulator: EmulatorAdmin | None = None,
) -> HttpServer:
    """Raises ConfigError if a token cannot be read."""
    return HttpServer(
        fleet,
        metrics,
        simulator_settings(config),
        draw_id,
        readiness.health,
        jwks=jwks,
        api=api_settings(config),
        operations=operations,
        spool=spool,
        webhooks=webhooks,
        readiness=readiness.readiness,
        emulator=emulator,
        platform_asyncapi=platform_asyncapi,
        facts=replace(
            daemon_facts(config, place), emulator=EMULATOR_PREFIX if emulator is not None else ""
        ),
        budgets=budgets,
        downloader=FileDownloader(
            config.transport,
            config.platform,
            secure_only=place.endpoints.guest_socket.startswith("wss:"),
        ),
    )


def daemon_facts(config: Config, place: PlatformTarget) -> DaemonFacts:
    """What /v1/info tells."""
    platform, traits = config.platform, TRAITS[config.platform.dialect]
    kind: TargetKind = "platform" if platform.is_given else "embedded"
    if platform.emulator is not None:
        kind = "emulator"
    return DaemonFacts(
        dialect=platform.dialect,
        name_required=traits.name_required,
        kind=kind,
        region=platform.region or "",
        host=urlsplit(place.endpoints.guest_socket).netloc.rpartition("@")[2],
        deployment_id=place.deployment_id,
        started_ms=epoch_ms(),
        sessions_max=config.limits.max_sessions,
        text_max=config.messages.text_max or traits.text_max,
        text_unit=traits.text_unit,
        file_bytes_max=config.attachments.file_bytes_max,
        journal="disk" if journal_directory(config, os.environ) is not None else "memory",
    )


def draw_id() -> str:
    return secrets.token_hex(16)


def simulator_settings(config: Config) -> SimulatorSettings:
    """With its token. Raises ConfigError if that cannot be read or is not a token."""
    given = config.simulator
    return replace(given, token=_token("simulator", given.token, given.token_file))


def api_settings(config: Config) -> ApiSettings:
    """With its token. Raises ConfigError if that cannot be read or is not a token."""
    given = config.api
    return replace(given, token=_token("api", given.token, given.token_file))


def platform_asyncapi() -> bytes:
    """The AsyncAPI document of the platform's guest socket; loaded only where it is asked for."""
    from ...emulator.guest_api.asyncapi import document

    return document()


def _token(section: str, token: SecretStr | None, token_file: str | None) -> SecretStr | None:
    """The token of a section, None if it has none. Raises ConfigError."""
    if token is not None and token_file is not None:
        raise ConfigError(
            f"{section}.token", f"stands beside {section}.token_file", "give one of them"
        )
    if token_file is not None:
        field = f"{section}.token_file"
        try:
            found = read_secret(Path(token_file)).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(
                field, f"{token_file} cannot be read: {why}", "name a file we may read"
            ) from None
    elif token is not None:
        field, found = f"{section}.token", token.get_secret_value()
    else:
        return None
    if len(found) < TOKEN_MIN or not found.isascii() or not found.isprintable() or " " in found:
        remedy = "write one with: openssl rand -hex 32"
        raise ConfigError(
            field,
            f"must have at least {TOKEN_MIN} printable characters and no spaces",
            remedy,
        )
    return SecretStr(found)
