"""The guest sessions: dialect, dialer, supervisor and all their figures."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from random import Random

import orjson

from ... import __version__
from ...journal.reports import Reports
from ...model.journal import Journal
from ...model.ports import DeploymentFacts, DialTarget, PlatformCalls, Uploader
from ...observe.metrics import Metrics
from ...platform.history import WebMessagingHistory
from ...platform.http import Http
from ...runtime.clock import LoopClock
from ...session.settings import SessionSettings
from ...supervisor.breakage import Report
from ...supervisor.settings import SupervisorSettings
from ...supervisor.supervisor import Supervisor
from ...transport.dialer import WebsocketDialer
from ...transport.upload import FileUploader
from ...wire.dialects import new_dialect
from ..config import Config
from .endpoints import PlatformTarget
from .storage import journal_directory

logger = logging.getLogger("guestd.supervisor")


def new_supervisor(
    config: Config,
    place: PlatformTarget,
    facts: DeploymentFacts,
    http: Http,
    journal: Journal,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
    uploader: Uploader | None = None,
    calls: PlatformCalls | None = None,
) -> Supervisor:
    platform = config.platform
    application = platform.application or f"guestd-{__version__}"
    dialect = new_dialect(platform.dialect, place.deployment_id, application)
    dialer = WebsocketDialer(config.transport, platform, config.reconnect)
    headers = (("Origin", platform.origin),) if platform.origin else ()
    return Supervisor(
        SupervisorSettings(config.limits, config.admission, config.history, config.attachments),
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
        keep_report=report_keeper(config, loop),
        uncommitted_max=config.journal.uncommitted_max,
    )


def report_keeper(config: Config, loop: asyncio.AbstractEventLoop) -> Callable[[Report], None]:
    """Writes a bug's report beside the journal, in a thread because the disk may hang; the log
    alone has it without one."""
    directory = journal_directory(config, os.environ)
    if directory is None:
        return lambda report: logger.error("the bug's report: %s", orjson.dumps(report).decode())
    reports = Reports(directory)

    def keep(report: Report) -> None:
        name = f"break-{report.session_id}-{report.at_ms}.json"
        loop.run_in_executor(
            None, reports.keep, name, orjson.dumps(report, option=orjson.OPT_INDENT_2)
        )

    return keep


def new_uploader(config: Config, place: PlatformTarget) -> FileUploader:
    return FileUploader(
        config.attachments,
        config.transport,
        config.platform,
        secure_only=place.endpoints.guest_socket.startswith("wss:"),
    )


def session_settings(config: Config, facts: DeploymentFacts) -> SessionSettings:
    return SessionSettings(
        duration_s=config.sessions.duration_s,
        reconnect_base_s=config.reconnect.base_s,
        reconnect_jitter_s=config.reconnect.jitter_s,
        reconnect_cap_s=config.reconnect.cap_s,
        reconnect_attempts_max=config.reconnect.attempts_max,
        retry_after_max_s=config.reconnect.retry_after_max_s,
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
            config.attachments.file_bytes_max,
            facts.file_bytes_max or config.attachments.file_bytes_max,
        ),
        file_types=config.attachments.types or facts.file_types or None,
        join_on_new_session=facts.auto_start,
        conversation_clear=facts.conversation_clear,
    )
