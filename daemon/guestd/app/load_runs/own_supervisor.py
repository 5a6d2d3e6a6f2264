"""Guest sessions in this process: a supervisor without a journal on disk.

It is the daemon's own, so what is measured is what a daemon would do: it paces, orders, reconnects
and resends. Only what the daemon does beside it is left out: the HTTP port, webhooks, the audit and
the disk."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from ...journal.memory import MemoryJournal
from ...load.results import NotMeasured
from ...load.run.guest_frames import GuestFrames
from ...load.run.histories import HistorySource
from ...load.run.session_tokens import RunTarget, TokenFile
from ...model.ports import DeploymentConfig
from ...observe.metrics import Metrics
from ...platform.deployment import fetch_deployment
from ...platform.history import WebMessagingHistory
from ...platform.http import Http
from ...spool.reading import open_copy
from ...supervisor.supervisor import Supervisor
from ...wire.dialects import TRAITS, new_dialect
from ..config import Config
from ..wiring.endpoints import PlatformTarget, asked_target
from ..wiring.fleet import draw_uuid, new_supervisor, new_uploader
from ..wiring.rest import new_http
from .comparison import compared_by
from .options import RunOptions
from .session_host import EmulatorRecord, HostListener

#: Events of one session that are kept in memory: its watcher has had them already.
EVENTS_KEPT = 20
ASK_S = 5.0
DRAIN_S = 10.0


class OwnSupervisor:
    """`target`: where the platform is, if it was asked already."""

    def __init__(
        self, config: Config, options: RunOptions, target: PlatformTarget | None = None
    ) -> None:
        self._config, self._options, self._asked = config, options, target
        self._stops = AsyncExitStack()
        self._tokens: TokenFile | None = None
        self._token_of: dict[str, str] = {}
        self._throttled = 0
        self._dialect = TRAITS[config.platform.dialect]
        self._by, self._why_not = "", ""
        self.metrics = Metrics()
        self.histories: HistorySource | None = None
        self.target: PlatformTarget
        if target is not None:
            self.target = target
        self.fleet: Supervisor

    async def open(self, listener: HostListener) -> None:
        http = new_http(self._config)
        self._stops.push_async_callback(http.close)
        self.target = target = self._asked or await asked_target(
            self._config, http, ASK_S, must_answer=True
        )
        self._by, self._why_not = compared_by(self._options, target, self._dialect.has_history)
        facts = await fetch_deployment(http, target.endpoints.cdn, target.deployment_id)
        self._open_tokens(target)
        self._open_fleet(target, facts, http, listener.frames)
        self._open_histories(target, http)
        self.fleet.tell_counts(listener.counted)

    @property
    def record(self) -> EmulatorRecord:
        if self._by == "record":
            return EmulatorRecord(self.target.endpoints.api)
        return EmulatorRecord(why_not=self._why_not)

    @property
    def left_open(self) -> int:
        return self._tokens.open if self._tokens is not None else 0

    def opened(self, session_id: str) -> None:
        if self._tokens is not None:
            self._token_of[session_id] = self._tokens.last_drawn

    def finished(self, session_id: str, has_ended: bool) -> str:
        token = self._token_of.pop(session_id, None)
        if token is not None and self._tokens is not None and has_ended:
            self._tokens.ended(token)
        return session_id

    def connects_throttled(self) -> int:
        before, self._throttled = self._throttled, self.metrics.connects_throttled
        return self._throttled - before

    def not_measured(self, has_record: bool) -> list[NotMeasured]:
        return []

    def problems(self) -> list[str]:
        return []

    def notes(self) -> list[str]:
        return []

    async def drain(self) -> None:
        await self.fleet.drain(DRAIN_S)

    async def stop(self) -> None:
        await self.fleet.stop()

    async def close(self) -> None:
        await self._stops.aclose()
        if self._tokens is not None:
            self._tokens.close()

    # ------------------------------------------------------------------ the parts

    def _open_tokens(self, target: PlatformTarget) -> None:
        options, platform = self._options, self._config.platform
        if not options.state_directory:
            return
        self._tokens = TokenFile.of_run(
            Path(options.state_directory),
            f"{options.run_id}-{options.worker}",
            RunTarget(
                run_id=options.run_id,
                socket_url=target.endpoints.guest_socket,
                api_url=target.endpoints.api,
                cdn_url=target.endpoints.cdn,
                deployment_id=target.deployment_id,
                origin=platform.origin or "",
                ca_file=str(platform.ca_file or ""),
                emulator=platform.emulator or "",
                dialect=platform.dialect,
                connects_per_minute=self._config.admission.connects_per_minute,
            ),
        )

    def _open_fleet(
        self, target: PlatformTarget, facts: DeploymentConfig, http: Http, frames: GuestFrames
    ) -> None:
        uploader = new_uploader(self._config, target, open_copy)
        self._stops.push_async_callback(uploader.close)
        draw = self._tokens.draw if self._tokens is not None else draw_uuid
        self.fleet = new_supervisor(
            self._config,
            target,
            facts,
            http,
            MemoryJournal(events_per_session_max=EVENTS_KEPT),
            self.metrics,
            asyncio.get_running_loop(),
            uploader,
            draw_token=frames.drawing(draw),
            dialing=frames.dialing,
        )
        self._stops.push_async_callback(self.fleet.stop)

    def _open_histories(self, target: PlatformTarget, http: Http) -> None:
        """As many guests leave as come, and some histories have several pages, or are read again:
        twice the rate of new connections."""
        if self._by == "history":
            dialect = new_dialect(self._dialect.name, target.deployment_id, "")
            self.histories = HistorySource(
                self.fleet.history_tokens,
                WebMessagingHistory(http, target.endpoints.api),
                dialect.decode_history,
                2 * self._config.admission.connects_per_minute / 60.0,
                self._config.history.reads_per_minute,
            )
