"""The guest sessions: dialect, dialer, supervisor and all their figures."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from random import Random
from uuid import uuid4

import orjson

from ... import __version__
from ...emulator import GUEST_HEADER, SESSION_HEADER
from ...journal.reports import Reports
from ...model.file_spool import CopyOpener
from ...model.journal import Journal
from ...model.ports import DeploymentConfig, Dialer, DialTarget, PlatformCalls, Uploader
from ...model.records import Note, no_note
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
    facts: DeploymentConfig,
    http: Http,
    journal: Journal,
    metrics: Metrics,
    loop: asyncio.AbstractEventLoop,
    uploader: Uploader | None = None,
    calls: PlatformCalls | None = None,
    note: Note = no_note,
    discard_copy: Callable[[str], None] = lambda path: None,
    draw_token: Callable[[], str] | None = None,
    dialing: Callable[[Dialer], Dialer] = lambda dialer: dialer,
) -> Supervisor:
    """`dialing` may put something between the guest sessions and their connections."""
    platform = config.platform
    application = platform.application or f"guestd-{__version__}"
    dialect = new_dialect(platform.dialect, place.deployment_id, application)
    dialer = dialing(WebsocketDialer(config.transport, platform, config.reconnect))
    headers = (("Origin", platform.origin),) if platform.origin else ()
    told = (GUEST_HEADER, SESSION_HEADER) if place.is_emulator else ()
    return Supervisor(
        SupervisorSettings(config.limits, config.admission, config.history, config.attachments),
        session_settings(config, facts),
        dialect,
        dialer,
        DialTarget(dialect.url(place.endpoints.guest_socket), headers, *told),
        journal,
        WebMessagingHistory(http, place.endpoints.api) if dialect.traits.has_history else None,
        LoopClock(loop),
        Random(),
        metrics,
        loop,
        draw_token=draw_token or draw_uuid,
        uploader=uploader,
        calls=calls,
        note=note,
        discard_copy=discard_copy,
        keep_report=report_keeper(config, loop),
        uncommitted_max=config.journal.uncommitted_max,
    )


def draw_uuid() -> str:
    """A guest session's token, from the system's own randomness."""
    return str(uuid4())


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


def new_uploader(config: Config, place: PlatformTarget, open_copy: CopyOpener) -> FileUploader:
    return FileUploader(
        open_copy,
        config.attachments,
        config.transport,
        config.platform,
        secure_only=place.endpoints.guest_socket.startswith("wss:"),
    )


def session_settings(config: Config, facts: DeploymentConfig) -> SessionSettings:
    """The sections, with the deployment's rules for files where they are narrower."""
    own = config.attachments
    attachments = replace(
        own,
        file_bytes_max=min(own.file_bytes_max, facts.file_bytes_max or own.file_bytes_max),
        types=own.types or facts.file_types or None,
    )
    return SessionSettings(
        config.sessions,
        config.reconnect,
        config.heartbeat,
        config.messages,
        config.inbox,
        config.history,
        attachments,
        join_on_new_session=facts.auto_start,
        conversation_clear=facts.conversation_clear,
    )
