"""Webhooks and the audit: configuration to objects, and what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from pydantic import SecretStr

from ...audit.audit import Audit
from ...audit.settings import AuditSettings
from ...model.errors import ConfigError
from ...model.journal import Journal
from ...observe.metrics import Metrics
from ...operations.event_appender import EventAppender
from ...runtime.clock import LoopClock
from ...webhooks.settings import WebhookSettings, WebhookTarget
from ...webhooks.ssrf_guard import SsrfGuard, SsrfRefused
from ...webhooks.webhooks import WebhookService
from .. import config as given
from ..config import Config
from ..secret_files import read_secret

SECRET_BYTES_MIN = 16


def webhook_settings(config: Config, environment: Mapping[str, str]) -> WebhookSettings:
    """Raises ConfigError: a secret that cannot be read or is too short, a URL that must not be
    called, a name given twice."""
    hooks = config.webhooks
    names = [one.name for one in hooks.targets]
    for name in names:
        if names.count(name) > 1 or name == "operation":
            problem = f"{name!r} is taken" if name == "operation" else f"{name!r} is there twice"
            raise ConfigError("webhooks.targets", problem, "give every target a name of its own")
    if hooks.ca_file is not None and not Path(hooks.ca_file).is_file():
        raise ConfigError(
            "webhooks.ca_file", f"there is no file {hooks.ca_file}", "name a PEM file with the CA"
        )
    return WebhookSettings(
        targets=tuple(_target(one, environment) for one in hooks.targets),
        operation_hosts=hooks.operation_hosts,
        operation_allow_internal=hooks.operation_allow_internal,
        operation_secrets=_secrets(
            "webhooks.operation_secrets", hooks.operation_secrets, environment
        ),
        ca_file=hooks.ca_file,
        time_out_s=hooks.time_out_s,
        prompt_time_out_s=hooks.prompt_time_out_s,
        retry_base_s=hooks.retry_base_s,
        retry_cap_s=hooks.retry_cap_s,
        attempts_max=hooks.attempts_max,
        give_up_after_s=hooks.give_up_after_s,
        inflight_max=hooks.inflight_max,
        inflight_per_host_max=hooks.inflight_per_host_max,
        circuit_failures=hooks.circuit_failures,
        circuit_open_s=hooks.circuit_open_s,
        held_max=hooks.held_max,
    )


def audit_directory(config: Config, journal_directory: Path | None) -> Path | None:
    """Configured, or beside the journal on disk; None: there is no audit."""
    if config.audit.directory is not None:
        return Path(config.audit.directory)
    return journal_directory / "audit" if journal_directory is not None else None


def new_webhooks(
    config: Config,
    environment: Mapping[str, str],
    journal: Journal,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
    scribe: EventAppender,
) -> WebhookService:
    settings, clock = webhook_settings(config, environment), LoopClock(loop)
    return WebhookService(
        loop,
        clock,
        journal,
        settings,
        metrics,
        Random(),
        row_of=scribe.row,
    )


def new_audit(
    config: Config,
    directory: Path,
    journal: Journal,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
) -> Audit:
    audit = config.audit
    settings = AuditSettings(
        directory,
        audit.bodies,
        audit.file_bytes_max,
        audit.bytes_max,
        audit.retention_days,
        audit.linger_s,
    )
    return Audit(loop, LoopClock(loop), journal, settings, metrics)


def _target(one: given.WebhookTarget, environment: Mapping[str, str]) -> WebhookTarget:
    place = f"webhooks.targets.{one.name}"
    try:
        SsrfGuard(one.allow_internal).endpoint(one.url)
    except SsrfRefused as error:
        raise ConfigError(
            f"{place}.url", str(error), "see allow_internal for hosts of your own network"
        ) from None
    secrets = _secrets(f"{place}.secrets", one.secrets, environment)
    return WebhookTarget(
        one.name, one.url, secrets, frozenset(one.events), one.time_out_s, one.allow_internal
    )


def _secrets(
    place: str, texts: Sequence[SecretStr], environment: Mapping[str, str]
) -> tuple[bytes, ...]:
    found = tuple(_secret(place, one.get_secret_value(), environment) for one in texts)
    if any(len(one) < SECRET_BYTES_MIN for one in found):
        remedy = "draw one with: openssl rand -hex 32"
        raise ConfigError(place, f"a secret must have at least {SECRET_BYTES_MIN} bytes", remedy)
    return found


def _secret(place: str, text: str, environment: Mapping[str, str]) -> bytes:
    """As it stands, or from `file:PATH`, or from the service manager's credentials:
    `credential:NAME`."""
    kind, _, name = text.partition(":")
    if kind == "file":
        path = Path(name)
    elif kind == "credential":
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if not folder or not name or "/" in name:
            remedy = "run under systemd with LoadCredential=, or write file:PATH"
            raise ConfigError(
                place, "names a credential, but there is no CREDENTIALS_DIRECTORY", remedy
            )
        path = Path(folder) / name
    else:
        return text.encode()
    try:
        return read_secret(path)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(place, problem, "name a file with the secret and no more") from None
