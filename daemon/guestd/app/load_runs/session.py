"""One run from its beginning to its files: an emulator if none is named, the guests, what is shown
meanwhile, and at the end the comparison, the thresholds and the summary."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...api.load_server import LoadServer
from ...load.measure.live_view import LiveView, live_view
from ...load.measure.merged import RunMeasures
from ...load.measure.partial import Partial
from ...load.measure.reconcile import RunFindings
from ...load.measure.summary import RunFacts, figures_of, progress_of, step_names, summary_of
from ...load.measure.thresholds import ThresholdWatch
from ...load.plan.shape import guests_wanted
from ...load.report.push_text import push_text
from ...load.results import NOT_VALID, CaseResult, ErrorGroup, Summary
from ...load.run.rails import must_stop
from ...load.scenario.file import Rails, ScenarioFile, ThresholdRule
from ...wire.dialects import TRAITS
from ..wiring.api import daemon_facts
from ..wiring.endpoints import asked_target, platform_target
from ..wiring.rest import new_http
from .comparison import compared_by, compared_words, delivery_unknown, not_compared
from .emulator_process import emulator_process
from .environment import environment_of, target_name
from .live_display import LiveDisplay
from .live_run import LiveRun
from .local_run import LocalRun
from .log_tally import LogTally
from .metrics_push import MetricsPush
from .options import RunOptions
from .own_supervisor import ASK_S, OwnSupervisor
from .permission import Permission, plan_text, rails_of
from .run_config import check_region, own_config, pacing_s, platform_flags, run_config
from .run_result import GuestProcesses, RunResult
from .running_daemon import RunningDaemon
from .said import note
from .worker_run import WorkerRun

#: Exit codes beside those of `exit_codes.py`; the first and the last as k6 has them.
THRESHOLDS_FAILED, STOPPED_BY_SIGNAL, STOPPED_BY_RAILS = 99, 105, 108
#: As k6 has it for a run that is stopped by its API.
STOPPED_FROM_CONSOLE = 103
#: Of a functional run.
FAILED = 1

LEFT_OPEN = (
    "guestd: {:,} conversations may still be open at the platform; `guestd load reap` ends them"
)

NOT_USED = (
    "guestd: the file names {}, which is not used: an emulator is started for the run; give"
    " --region to run against the platform"
)


#: Of an emulator that is the run's own: what is measured is not how fast it lets guests in.
NO_CONNECT_LIMIT = ("--set", "limits.connections_per_minute=null")
OWN_CONNECTS_PER_MINUTE = 60_000


@dataclass
class LoadSession:
    """`config_flags`: over the configuration, as the command line gave them. `emulator_options`:
    for the emulator that is started where none is named. `console`: the port of the live page, 0
    for a free one; None for no page. `log_tally` takes what is logged while the run lasts; `push`
    sends its figures elsewhere. `require_valid`: a run that is not valid fails. `case_over`: told
    of each guest of a functional run when it is done, by its number."""

    file: ScenarioFile
    options: RunOptions
    thresholds: Sequence[ThresholdRule] = ()
    config_flags: dict[str, Any] = field(default_factory=dict)
    emulator_options: Sequence[str] = ()
    display: LiveDisplay = field(default_factory=LiveDisplay)
    measures: RunMeasures = field(default_factory=RunMeasures)
    stopped_by: str = ""
    permission: Permission = field(default_factory=Permission)
    tell: Callable[[str], None] = note
    console: int | None = None
    log_tally: LogTally = field(default_factory=LogTally)
    push: MetricsPush | None = None
    require_valid: bool = False
    case_over: Callable[[int, CaseResult], None] | None = None
    _run: GuestProcesses | None = field(default=None, init=False)
    _watch: ThresholdWatch = field(init=False)
    _facts: RunFacts = field(init=False)
    _started_at: int = field(default=0, init=False)
    _live: LiveRun | None = field(default=None, init=False)
    _server: LoadServer | None = field(default=None, init=False)

    async def run(self, stop: asyncio.Event, hurry: asyncio.Event) -> Summary:
        """Raises ConfigError, PlatformError, ThresholdError."""
        steps = step_names(self.file.scenarios)
        labels = [one.label for one in steps.values()]
        watch = ThresholdWatch([*self.file.thresholds, *self.thresholds], labels)
        async with AsyncExitStack() as stops:
            self._listen(stops)
            self._run = run = await self._new_run(stops)
            stops.push_async_callback(run.close)
            await self._serve(run, stops)
            await run.open()
            self._watch, self._started_at = watch, int(time.time() * 1000)
            self._facts = self._new_facts(steps)
            begun = time.monotonic()
            self.display.begin()
            if self._live is not None:
                self._live.begin(self._started_at)
            signals = asyncio.ensure_future(self._heed(stop, hurry, run))
            with self.log_tally:
                try:
                    await run.run()
                finally:
                    signals.cancel()
                    self.display.end()
            self._facts.for_s = time.monotonic() - begun
            if self._live is not None:
                self._live.compare()
            if run.left_open:
                self.tell(LEFT_OPEN.format(run.left_open))
            result = await run.result(self._started_at)
            self.measured(result.partial)
            self._count_warnings()
            summary = self._summary(run, result)
            await self._push_last(summary)
            if self._live is not None:
                ended = replace(
                    self._view(run),
                    guests={},
                    guests_wanted=None,
                    waits=(),
                    thresholds=summary.thresholds,
                )
                self._live.finish(ended, summary)
            return summary

    def plan(self) -> str:
        """What the run would do, without a word to anyone. Raises ConfigError, CommandError."""
        options = self.options
        if options.daemon:
            where = f"whatever the daemon at {options.daemon} talks to"
            return plan_text(self.file, options.model, where, [])
        flags = platform_flags(options, self.config_flags, self.file.target)
        if not options.emulator and not own_config(options, flags).platform.is_given:
            return plan_text(self.file, options.model, "an emulator, started for the run", [])
        config = run_config(options, flags, self.file)
        target = platform_target(config, None)
        where = f"deployment {target.deployment_id} at {target.endpoints.guest_socket}"
        if target.is_emulator:
            where = f"the emulator at {target.endpoints.api}"
        why = self.permission.refusals(self.file, options.model, target)
        by = compared_by(options, target, TRAITS[config.platform.dialect].has_history)
        return plan_text(self.file, options.model, where, why, compared_words(*by))

    # ------------------------------------------------------------------ while it lasts

    def measured(self, partial: Partial) -> None:
        self.measures.absorb(partial)
        if self._live is not None:
            self._live.measured(partial)

    def second(self, at_s: float) -> None:
        assert self._run is not None
        self._facts.for_s = at_s
        self._count_warnings()
        figures = figures_of(self.measures, self._facts)
        rule = self._watch.look(figures) if self.options.kind == "load" else None
        if rule is not None:
            self._stop(f"threshold {rule.expression}")
        elif reason := self._rails_reason():
            self._stop(f"rails: {reason}")
        if self._live is not None or not self.display.quiet:
            self._show(self._view(self._run))
        if self.push is not None and self.push.is_due(at_s):
            self.push.push(push_text(progress_of(self.measures, self._facts)))

    def _show(self, view: LiveView) -> None:
        self.display.show(view)
        if self._live is not None:
            self._live.second(view)

    def _view(self, run: GuestProcesses) -> LiveView:
        return live_view(
            self.measures,
            self._facts,
            self._watch,
            run.states,
            run.waits(),
            run.length_s,
            stopping=bool(self.stopped_by),
            page=self._server.url if self._server is not None else "",
            guests_wanted=guests_wanted(self.options.model, self._facts.for_s),
        )

    async def _push_last(self, summary: Summary) -> None:
        if self.push is not None:
            await self.push.finish(push_text(summary))
            if problem := self.push.problem():
                self.tell(f"guestd: {problem}")
                summary.warnings.append(ErrorGroup(what=problem, count=self.push.failed))

    def _count_warnings(self) -> None:
        self.measures.absorb(Partial(warnings=self.log_tally.drain()))

    def _tell_meanwhile(self, text: str) -> None:
        if not self.display.tell(text):
            self.tell(text)

    def _rails_reason(self) -> str:
        assert self._run is not None
        rails = rails_of(self.file, self._run.target)
        if self._run.target.is_emulator and rails == Rails():
            return ""
        throttled = sum(self.measures.groups.throttled.values())
        answers = throttled + self.measures.count("confirmed")
        there = bool(rails.stop_file) and Path(rails.stop_file).exists()
        return must_stop(rails, datetime.now(UTC), throttled, answers, there)

    def _stop(self, why: str) -> None:
        if not self.stopped_by:
            self.stopped_by = why
            assert self._run is not None
            self._run.stop()
            if self._live is not None:
                self._live.stopping(why)

    def _stop_from_console(self, at_once: bool) -> None:
        self._stop("console")
        if at_once and self._run is not None:
            self._run.abort()

    async def _heed(self, stop: asyncio.Event, hurry: asyncio.Event, run: GuestProcesses) -> None:
        await stop.wait()
        self._stop("signal")
        await hurry.wait()
        run.abort()

    # ------------------------------------------------------------------ the parts

    async def _new_run(self, stops: AsyncExitStack) -> GuestProcesses:
        options, named = self.options, self.file.target
        if options.daemon:
            return await self._at_daemon(stops)
        self.config_flags = platform_flags(options, self.config_flags, named)
        own = own_config(options, self.config_flags)
        if not options.emulator and not own.platform.is_given:
            if named.region or named.deployment_id:
                self.tell(NOT_USED.format(named.deployment_id or named.region))
            await self._start_emulators(stops)
            if not options.model.connects_per_s:
                options.connects_per_minute = options.connects_per_minute or OWN_CONNECTS_PER_MINUTE
        config = run_config(options, self.config_flags, self.file)
        if options.open_within_s:
            options.open_within_s += pacing_s(options, config)
        http = new_http(config)
        stops.push_async_callback(http.close)
        target = await asked_target(config, http, ASK_S, must_answer=True)
        if options.kind == "load":
            self.permission.check(self.file, options.model, target, self.tell)
        else:
            self.permission.check_test(self.file, options.model, target)
        compared_by(options, target, TRAITS[config.platform.dialect].has_history)
        if options.workers > 1:
            tell, flags = self._tell_meanwhile, self.config_flags
            return WorkerRun(target, self.file, options, flags, self, tell)
        host = OwnSupervisor(config, options, target)
        return LocalRun(host, self.file, options, self, self.case_over)

    async def _start_emulators(self, stops: AsyncExitStack) -> None:
        options, asked = self.options, [*self.emulator_options, *NO_CONNECT_LIMIT]
        for _ in range(options.workers):
            options.emulators.append(await stops.enter_async_context(emulator_process(asked)))
        options.emulator = options.emulators[0]
        options.state_directory = ""  # they end with this process

    async def _at_daemon(self, stops: AsyncExitStack) -> GuestProcesses:
        host = RunningDaemon(self.options, self._tell_meanwhile)
        stops.push_async_callback(host.close)
        await host.ask()
        check_region(self.file.target, host.region)
        if self.options.kind == "load":
            self.permission.check(self.file, self.options.model, host.target, self.tell)
        return LocalRun(host, self.file, self.options, self)

    def _listen(self, stops: AsyncExitStack) -> None:
        """Raises CommandError if the port cannot be had."""
        if self.console is None:
            return
        self._live = LiveRun(self.options, self._name(), self._stop_from_console)
        self._server = LoadServer([self._live])
        self._server.listen(self.console)
        stops.push_async_callback(self._server.stop)
        self.tell(f"guestd: the run in the console: {self._server.url}#/load")

    async def _serve(self, run: GuestProcesses, stops: AsyncExitStack) -> None:
        if self._server is None or self._live is None:
            return
        self._live.target = target_name(run.target, self.options)
        config = run_config(self.options, self.config_flags, self.file)
        facts = daemon_facts(config, run.target)
        if self.options.daemon:  # whose platform the configuration here does not say
            facts = replace(facts, kind="emulator" if run.target.is_emulator else "platform")
        await self._server.start(replace(facts, load_runs=lambda: [self.options.run_id]))
        stops.push_async_callback(self._server.stop)  # before the guests' processes

    def _new_facts(self, steps: Any) -> RunFacts:
        return RunFacts(
            name=self._name(),
            run_id=self.options.run_id,
            seed=self.options.seed,
            started_at=self._started_at,
            ended_at=self._started_at,
            for_s=0.0,
            kind=self.options.kind,
            scenarios=[one.name for one in self.file.scenarios],
            steps=steps,
        )

    def _name(self) -> str:
        return self.file.name or Path(self.file.path).stem

    def _summary(self, run: GuestProcesses, result: RunResult) -> Summary:
        facts = self._facts
        facts.ended_at = int(time.time() * 1000)
        facts.stopped_by = self.stopped_by
        facts.environment = environment_of(self.file, self.options, run.target)
        facts.conversations, facts.cases = result.conversations, result.cases
        unknown = delivery_unknown(result)
        findings = RunFindings(counts=result.found) if result.found is not None else None
        summary = summary_of(self.measures, facts, self._watch, findings, result.reconciled)
        summary.not_measured = [*result.not_measured, *unknown]
        summary.notes = [*result.notes, *not_compared(result.reconciled)]
        if result.problems:
            summary.valid = False
            summary.overhead.reasons += result.problems
        summary.exit_code = exit_code(summary, self.require_valid)
        return summary


def exit_code(summary: Summary, require_valid: bool = False) -> int:
    """What a person or the console has stopped comes before a threshold that failed, and that
    before a run that is not valid."""
    if summary.stopped_by == "signal":
        return STOPPED_BY_SIGNAL
    if summary.stopped_by == "console":
        return STOPPED_FROM_CONSOLE
    if summary.stopped_by.startswith("rails"):
        return STOPPED_BY_RAILS
    held = all(one.ok for one in summary.thresholds)
    if summary.kind == "test":
        return 0 if held and all(one.outcome == "passed" for one in summary.cases) else FAILED
    if not held:
        return THRESHOLDS_FAILED
    return NOT_VALID if require_valid and not summary.valid else 0
