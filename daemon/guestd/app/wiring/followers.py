"""Webhooks and the audit, the followers of the journal: configuration to objects."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from random import Random

from ...audit.audit import Audit
from ...model.journal import Journal
from ...observe.metrics import Metrics
from ...operations.event_appender import EventAppender
from ...runtime.clock import LoopClock
from ...webhooks.webhooks import WebhookService
from ..config import Config
from ..webhook_settings import webhook_settings


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
    appender: EventAppender,
) -> WebhookService:
    settings, clock = webhook_settings(config, environment), LoopClock(loop)
    return WebhookService(
        loop,
        clock,
        journal,
        settings,
        metrics,
        Random(),
        row_of=appender.row,
    )


def new_audit(
    config: Config,
    directory: Path,
    journal: Journal,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
) -> Audit:
    return Audit(loop, LoopClock(loop), journal, directory, config.audit, metrics)
