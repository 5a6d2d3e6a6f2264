"""The guests of one process: a supervisor without a journal on disk, and the engine over it.

The supervisor is the daemon's own, so what is measured is what a daemon would do: it paces, orders,
reconnects and resends. Only what the daemon does beside it is left out: the HTTP port, webhooks,
the audit and the disk."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from ...journal.memory import MemoryJournal
from ...load.guest import actions as a
from ...load.measure.recorder import Recorder
from ...load.measure.summary import step_names
from ...load.plan.plan import Plan
from ...load.results import Reconciled
from ...load.run.driver import GuestDriver
from ...load.run.engine import LoadEngine
from ...load.run.guest_frames import GuestFrames
from ...load.run.kept import KeptConversations
from ...load.run.session_tokens import RunTarget, TokenFile
from ...load.scenario.file import ScenarioFile
from ...model.effects import SessionCounter
from ...model.ports import DeploymentConfig
from ...observe.metrics import Metrics
from ...platform.deployment import fetch_deployment
from ...platform.http import Http
from ...runtime.clock import LoopClock
from ...spool.reading import open_copy
from ...supervisor.supervisor import Supervisor
from ..config import Config
from ..wiring.endpoints import PlatformTarget, asked_target
from ..wiring.fleet import draw_uuid, new_supervisor, new_uploader
from ..wiring.rest import new_http
from .options import RunOptions
from .record import compared
from .run_result import RunResult, SecondsHeard
from .slow_helpers import SlowHelpers

#: Events of one session that are kept in memory: its watcher has had them already.
EVENTS_KEPT = 20
ASK_S = 5.0
DRAIN_S = 10.0


class LocalRun:
    """`heard` gets what was measured each second. `target`: where the platform is, if it was asked
    already."""

    def __init__(
        self,
        config: Config,
        file: ScenarioFile,
        options: RunOptions,
        heard: SecondsHeard,
        target: PlatformTarget | None = None,
    ) -> None:
        self._config, self._file, self._options = config, file, options
        self._heard, self._asked = heard, target
        self._stops = AsyncExitStack()
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock(self._loop)
        self._recorder = Recorder(str(options.worker))
        self._tokens: TokenFile | None = None
        self.aborted = False
        self._token_of: dict[str, str] = {}
        self._drivers: dict[str, GuestDriver] = {}
        self._connects_throttled = 0
        self.metrics = Metrics()
        names = [one.name for one in file.scenarios]
        self.kept = KeptConversations(names, step_names(file.scenarios), options.command)
        self._frames = GuestFrames(options.frames, lambda: self.engine.at_s)
        self.kept.frames = self._frames if options.frames else None
        self.target: PlatformTarget
        if target is not None:
            self.target = target
        self.engine: LoadEngine
        self._fleet: Supervisor
        self._slow: SlowHelpers

    async def open(self) -> None:
        """Raises ConfigError, PlatformError or OSError."""
        http = new_http(self._config)
        self._stops.push_async_callback(http.close)
        self.target = target = self._asked or await asked_target(self._config, http, ASK_S)
        facts = await fetch_deployment(http, target.endpoints.cdn, target.deployment_id)
        self._open_tokens(target)
        self._open_fleet(target, facts, http)
        options = self._options
        plan = Plan(
            self._file,
            options.model,
            options.seed,
            options.worker,
            options.workers,
            options.spacing,
        )
        self._slow = SlowHelpers(self._file.persona_model, os.environ)
        self._stops.push_async_callback(self._slow.close)
        self.engine = LoadEngine(
            self._fleet,
            plan,
            self._file.scenarios,
            options.run_id,
            self._recorder,
            self,
            self._clock,
            self._loop,
            options.only,
            options.at_once,
            self._file.rails.messages_per_s_max / options.workers,
        )
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)

    async def run(self) -> None:
        await self.engine.run()
        if not self.aborted:
            await self._fleet.drain(DRAIN_S)
        self.engine.give_up()
        await self._fleet.stop()  # says what its log has counted

    async def close(self) -> None:
        await self._stops.aclose()
        if self._tokens is not None:
            self._tokens.close()

    def abort(self) -> None:
        """Leave at once; what is open stays so, for `guestd load reap`."""
        self.aborted = True
        self.engine.abort()

    @property
    def left_open(self) -> int:
        """Conversations that may be open, if they are kept on disk."""
        return self._tokens.open if self._tokens is not None else 0

    def stop(self) -> None:
        self.engine.stop()

    async def result(self, started_ms: int) -> RunResult:
        findings, reconciled = None, Reconciled(why_not="the run was left at once")
        if not self.aborted:
            url = self.target.endpoints.api if self.target.is_emulator else ""
            findings, reconciled = await compared(self.kept, url, self.engine.mark, started_ms)
            if self.kept.let_go:
                reconciled.why_not = f"{self.kept.let_go} conversations were not kept"
        return RunResult(
            partial=self._recorder.partial(),
            found=findings.counts if findings is not None else None,
            reconciled=reconciled,
            conversations=self.kept.reports(findings),
            cases=self.kept.cases() if self._options.kind == "test" else [],
        )

    @property
    def length_s(self) -> float:
        return self.engine.length_s

    @property
    def states(self) -> Counter[str]:
        return self.engine.states

    def waits(self) -> list[tuple[str, int]]:
        return self.engine.waits()

    # ------------------------------------------------------------------ the engine's helpers

    def opened(self, driver: GuestDriver) -> None:
        self._drivers[driver.session_id] = driver
        if self._tokens is not None:
            self._token_of[driver.session_id] = self._tokens.last_drawn
        self._frames.opened(driver)

    def finished(self, driver: GuestDriver, how: a.Finished) -> None:
        self._drivers.pop(driver.session_id, None)
        token = self._token_of.pop(driver.session_id, None)
        if token is not None and self._tokens is not None and driver.has_ended:
            self._tokens.ended(token)
        self._frames.finished(driver)
        self.kept.add(driver)

    def second(self, at_s: float) -> None:
        refused = self.metrics.connects_throttled - self._connects_throttled
        self._connects_throttled += refused
        for _ in range(refused):
            self._recorder.throttled("connections of the deployment", "new connections", at_s)
        self._heard.measured(self._recorder.partial())
        self._heard.second(at_s)

    def send_file(self, driver: GuestDriver, asked: a.SendFile) -> None:
        self._slow.send_file(driver, asked)

    def ask_persona(self, driver: GuestDriver, asked: a.AskPersona) -> None:
        self._slow.ask_persona(driver, asked)

    def _counted(self, session_id: str, counter: SessionCounter, count: int) -> None:
        driver, at_s = self._drivers.get(session_id), self.engine.at_s
        if counter is SessionCounter.THROTTLED:
            self._recorder.throttled("messages of one connection", "what guests sent", at_s)
        elif driver is not None and counter is SessionCounter.DUPLICATE:
            driver.log.came_twice += [at_s] * count
        elif driver is not None and counter is SessionCounter.REORDERED:
            driver.log.came_late += [at_s] * count

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

    def _open_fleet(self, target: PlatformTarget, facts: DeploymentConfig, http: Http) -> None:
        uploader = new_uploader(self._config, target, open_copy)
        self._stops.push_async_callback(uploader.close)
        draw = self._tokens.draw if self._tokens is not None else draw_uuid
        self._fleet = new_supervisor(
            self._config,
            target,
            facts,
            http,
            MemoryJournal(events_per_session_max=EVENTS_KEPT),
            self.metrics,
            self._loop,
            uploader,
            draw_token=self._frames.drawing(draw),
            dialing=self._frames.dialing,
        )
        self._fleet.tell_counts(self._counted)
        self._stops.push_async_callback(self._fleet.stop)
