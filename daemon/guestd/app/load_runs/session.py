"""One run from its beginning to its files: an emulator if none is named, the guests, what is shown
meanwhile, and at the end the comparison, the thresholds and the summary."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...load.measure.merged import RunMeasures
from ...load.measure.partial import Partial
from ...load.measure.reconcile import RunFindings
from ...load.measure.summary import RunFacts, figures_of, step_names, summary_of
from ...load.measure.thresholds import ThresholdWatch
from ...load.results import Reconciled, Summary
from ...load.run.rails import must_stop
from ...load.scenario.file import Rails, ScenarioFile, ThresholdRule
from ..config import Config
from ..exit_codes import tell_on_stderr
from ..load_config import load_config
from .emulator_process import emulator_process
from .environment import environment_of
from .live_display import LiveDisplay
from .local_run import LocalRun
from .options import RunOptions
from .record import compared

#: Exit codes beside those of `exit_codes.py`; the first and the last as k6 has them.
THRESHOLDS_FAILED, STOPPED_BY_SIGNAL, STOPPED_BY_RAILS = 99, 105, 108

LEFT_OPEN = (
    "guestd: {:,} conversations may still be open at the platform; `guestd load reap` ends them"
)


@dataclass
class LoadSession:
    """`config_flags`: over the configuration, as the command line gave them. `emulator_options`:
    for the emulator that is started where none is named."""

    file: ScenarioFile
    options: RunOptions
    thresholds: Sequence[ThresholdRule] = ()
    config_flags: dict[str, Any] = field(default_factory=dict)
    emulator_options: Sequence[str] = ()
    display: LiveDisplay = field(default_factory=LiveDisplay)
    measures: RunMeasures = field(default_factory=RunMeasures)
    stopped_by: str = ""
    tell: Callable[[str], None] = tell_on_stderr
    _run: LocalRun | None = field(default=None, init=False)
    _watch: ThresholdWatch = field(init=False)
    _facts: RunFacts = field(init=False)
    _started_at: int = field(default=0, init=False)

    async def run(self, stop: asyncio.Event, hurry: asyncio.Event) -> Summary:
        """Raises ConfigError, PlatformError, ThresholdError."""
        steps = step_names(self.file.scenarios)
        labels = [one.label for one in steps.values()]
        watch = ThresholdWatch([*self.file.thresholds, *self.thresholds], labels)
        async with AsyncExitStack() as stops:
            config = await self._configured(stops)
            self._run = run = LocalRun(config, self.file, self.options, self._second)
            stops.push_async_callback(run.close)
            await run.open()
            self._watch, self._started_at = watch, int(time.time() * 1000)
            self._facts = self._new_facts(steps)
            begun = time.monotonic()
            self.display.begin(self._title(), run.engine.length_s)
            signals = asyncio.ensure_future(self._heed(stop, hurry, run))
            try:
                await run.run()
            finally:
                signals.cancel()
                self.display.end()
            self.measures.absorb(run.partial())
            self._facts.for_s = time.monotonic() - begun
            if run.left_open:
                self.tell(LEFT_OPEN.format(run.left_open))
            if run.aborted:
                return self._summary(run, None, Reconciled(why_not="the run was left at once"))
            findings, reconciled = await compared(run, self.options, self._started_at)
            return self._summary(run, findings, reconciled)

    # ------------------------------------------------------------------ while it lasts

    def _second(self, at_s: float, partial: Partial) -> None:
        assert self._run is not None
        self.measures.absorb(partial)
        self._facts.for_s = at_s
        figures = figures_of(self.measures, self._facts)
        rule = self._watch.look(figures)
        if rule is not None:
            self._stop(f"threshold {rule.expression}")
        elif reason := self._rails_reason():
            self._stop(f"rails: {reason}")
        self.display.show(at_s, partial, self.measures, self._run.engine, bool(self.stopped_by))

    def _rails_reason(self) -> str:
        rails = self.file.rails
        if self._run is None or (self._run.target.is_emulator and rails == Rails()):
            return ""
        throttled = sum(self.measures.groups.throttled.values())
        answers = throttled + self.measures.count("confirmed")
        there = bool(rails.stop_file) and Path(rails.stop_file).exists()
        return must_stop(rails, datetime.now(UTC), throttled, answers, there)

    def _stop(self, why: str) -> None:
        if not self.stopped_by:
            self.stopped_by = why
            assert self._run is not None
            self._run.engine.stop()

    async def _heed(self, stop: asyncio.Event, hurry: asyncio.Event, run: LocalRun) -> None:
        await stop.wait()
        self._stop("signal")
        await hurry.wait()
        run.abort()

    # ------------------------------------------------------------------ the parts

    async def _configured(self, stops: AsyncExitStack) -> Config:
        flags = dict(self.config_flags)
        options = self.options
        path = Path(options.config) if options.config else None
        own = load_config(path, os.environ, flags)
        if not options.emulator and not own.platform.is_given and not own.platform.emulator:
            options.emulator = await stops.enter_async_context(
                emulator_process(self.emulator_options)
            )
            options.state_directory = ""  # that emulator ends with this process
        if options.emulator:
            flags["platform.emulator"] = options.emulator
        flags["limits.max_sessions"] = SESSIONS_MAX
        if options.connects_per_minute:
            flags["admission.connects_per_minute"] = options.connects_per_minute
        return load_config(path, os.environ, flags)

    def _new_facts(self, steps: Any) -> RunFacts:
        return RunFacts(
            name=self.file.name or Path(self.file.path).stem,
            run_id=self.options.run_id,
            seed=self.options.seed,
            started_at=self._started_at,
            ended_at=self._started_at,
            for_s=0.0,
            kind=self.options.kind,
            scenarios=[one.name for one in self.file.scenarios],
            steps=steps,
        )

    def _title(self) -> str:
        return self.file.name or Path(self.file.path).name

    def _summary(
        self, run: LocalRun, findings: RunFindings | None, reconciled: Reconciled
    ) -> Summary:
        facts = self._facts
        facts.ended_at = int(time.time() * 1000)
        facts.stopped_by = self.stopped_by
        facts.environment = environment_of(self.file, self.options, run.target)
        facts.conversations = run.kept.reports(findings)
        facts.cases = run.kept.cases() if self.options.kind == "test" else ()
        summary = summary_of(self.measures, facts, self._watch, findings, reconciled)
        summary.exit_code = exit_code(summary)
        return summary


#: A process is full long before.
SESSIONS_MAX = 1_000_000


def exit_code(summary: Summary) -> int:
    if summary.stopped_by == "signal":
        return STOPPED_BY_SIGNAL
    if summary.stopped_by.startswith("rails"):
        return STOPPED_BY_RAILS
    if any(not one.ok for one in summary.thresholds):
        return THRESHOLDS_FAILED
    if summary.kind == "test" and any(one.outcome != "passed" for one in summary.cases):
        return 1
    return 0
