"""The guests of one process: the engine over the host of their sessions."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from math import inf

from ...load.guest import actions as a
from ...load.measure.reconcile import RunFindings
from ...load.measure.recorder import Recorder
from ...load.measure.summary import step_names
from ...load.plan.plan import Plan
from ...load.results import CaseResult, Reconciled
from ...load.run.compared_histories import ComparedHistories
from ...load.run.driver import GuestDriver
from ...load.run.engine import LoadEngine
from ...load.run.guest_frames import GuestFrames
from ...load.run.histories import GuestHistories
from ...load.run.kept import KeptConversations
from ...load.scenario.file import ScenarioFile
from ...model.effects import SessionCounter
from ...runtime.clock import LoopClock, epoch_ms
from ..wiring.endpoints import PlatformTarget
from .options import RunOptions
from .record import compared
from .run_result import RunResult, SecondsHeard
from .session_host import SessionHost
from .slow_helpers import SlowHelpers

NOT_LEFT = "the guest had not left when the run was over"
#: Beyond so many conversations the oldest are let go.
NOT_KEPT = "more than can be kept until the end of a run"


class LocalRun:
    """`heard` gets what was measured each second; `case_over`, in a functional run, what each guest
    has come to when it is done, with its number."""

    def __init__(
        self,
        host: SessionHost,
        file: ScenarioFile,
        options: RunOptions,
        heard: SecondsHeard,
        case_over: Callable[[int, CaseResult], None] | None = None,
    ) -> None:
        self._case_over = case_over
        self._host, self._file, self._options, self._heard = host, file, options, heard
        self._stops = AsyncExitStack()
        self._loop = asyncio.get_running_loop()
        self._recorder = Recorder(str(options.worker))
        self.aborted = False
        self._drivers: dict[str, GuestDriver] = {}
        names = [one.name for one in file.scenarios]
        self.kept = KeptConversations(names, step_names(file.scenarios), options.command)
        self.frames = GuestFrames(options.frames, self._loop.time, lambda: self.engine.start)
        self.kept.frames = self.frames if options.frames else None
        self._histories: GuestHistories | None = None
        self._compared = ComparedHistories(names)
        self.engine: LoadEngine
        self._slow: SlowHelpers

    @property
    def target(self) -> PlatformTarget:
        return self._host.target

    async def open(self) -> None:
        """Raises ConfigError, PlatformError or OSError."""
        self._stops.push_async_callback(self._host.close)
        await self._host.open(self)
        options = self._options
        plan = Plan(
            self._file,
            options.model,
            options.seed,
            options.worker,
            options.workers,
            options.spacing,
        )
        clock, source = LoopClock(self._loop), self._host.histories
        if source is not None:
            self._histories = GuestHistories(source, clock, self._loop)
            self._stops.push_async_callback(self._histories.stop)
        self._slow = SlowHelpers(self._file.persona_model, os.environ)
        self._stops.push_async_callback(self._slow.close)
        self.engine = LoadEngine(
            self._host.fleet,
            plan,
            self._file.scenarios,
            options.run_id,
            self._recorder,
            self,
            clock,
            self._loop,
            options.only,
            options.at_once,
            self._file.rails.messages_per_s_max / options.workers,
            self._histories,
            options.open_within_s or inf,
        )
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)

    async def run(self) -> None:
        self._compared.started_ms = epoch_ms()
        await self.engine.run()
        if not self.aborted:
            await self._host.drain()
        self.engine.give_up()
        await self._host.stop()

    async def close(self) -> None:
        await self._stops.aclose()

    def abort(self) -> None:
        """Leave at once; what is open stays so, for `guestd load reap`."""
        self.aborted = True
        self.engine.abort()

    @property
    def left_open(self) -> int:
        """Conversations that may be open, if they are kept on disk."""
        return self._host.left_open

    def stop(self) -> None:
        self.engine.stop()
        if self._histories is not None:
            self._histories.hurry()

    async def result(self, started_ms: int) -> RunResult:
        findings, reconciled = None, Reconciled(why_not="the run was left at once")
        if not self.aborted:
            findings, reconciled = await self._findings(started_ms)
        not_measured = self._host.not_measured(bool(reconciled.by))
        has_findings = findings is not None and (reconciled.by or not not_measured)
        return RunResult(
            partial=self._recorder.partial(),
            found=findings.counts if findings is not None and has_findings else None,
            reconciled=reconciled,
            conversations=self.kept.reports(findings),
            cases=self.kept.cases() if self._options.kind == "test" else [],
            problems=self._host.problems(),
            not_measured=not_measured,
            notes=[*self._host.notes(), *self._throttled_histories()],
        )

    def _throttled_histories(self) -> list[str]:
        times = self._histories.throttled if self._histories is not None else 0
        return [f"the platform answered {times:,} × 429 to histories"] if times else []

    async def _findings(self, started_ms: int) -> tuple[RunFindings, Reconciled]:
        if self._histories is not None:
            for one in self.engine.living:
                one.log.not_read = one.log.not_read or NOT_LEFT
                self._compared.add(one)
            return self._compared.findings, self._compared.reconciled()
        record, mark = self._host.record, self.engine.mark
        findings, reconciled = await compared(self.kept, record, mark, started_ms)
        if self.kept.let_go and reconciled.by:
            reconciled.not_compared[NOT_KEPT] = self.kept.let_go
        return findings, reconciled

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
        self._host.opened(driver.session_id)
        self.frames.opened(driver)

    def finished(self, driver: GuestDriver, how: a.Finished) -> None:
        session_id = driver.session_id
        self._drivers.pop(session_id, None)
        driver.session_id = self._host.finished(session_id, driver.has_ended)
        if self._histories is not None:
            self._compared.add(driver)
        self.frames.finished(driver)
        self.kept.add(driver)
        if self._case_over is not None:
            self._case_over(driver.guest.planned.number, self.kept.case(driver))

    def second(self, at_s: float) -> None:
        for _ in range(self._host.connects_throttled()):
            self._recorder.throttled("connections of the deployment", "new connections", at_s)
        self._heard.measured(self._recorder.partial())
        self._heard.second(at_s)

    def send_file(self, driver: GuestDriver, asked: a.SendFile) -> None:
        self._slow.send_file(driver, asked)

    def ask_persona(self, driver: GuestDriver, asked: a.AskPersona) -> None:
        self._slow.ask_persona(driver, asked)

    # ------------------------------------------------------------------ what the host tells

    def counted(self, session_id: str, counter: SessionCounter, count: int) -> None:
        driver, at_s = self._drivers.get(session_id), self.engine.at_s
        if counter is SessionCounter.THROTTLED:
            self._recorder.throttled("messages of one connection", "what guests sent", at_s)
        elif driver is not None and counter is SessionCounter.DUPLICATE:
            driver.log.came_twice += [at_s] * count
        elif driver is not None and counter is SessionCounter.REORDERED:
            driver.log.came_late += [at_s] * count

    def not_opened(self, session_id: str, reason: str) -> None:
        if (driver := self._drivers.get(session_id)) is not None:
            self.engine.not_opened(driver, reason)
