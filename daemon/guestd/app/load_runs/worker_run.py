"""The guests of several processes, each with its part of the plan.

A worker that ends before it was told to has failed: that is said, its guests count as failed, and
the run is not valid. The others go on."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ...load.measure.partial import FailureTally, MeasuredRow, Partial
from ...load.plan.plan import Plan
from ...load.run.engine import WAITS_MAX
from ...load.run.session_tokens import left_open
from ...load.scenario.file import ScenarioFile
from ...model.errors import GuestdError
from ..wiring.endpoints import PlatformTarget
from . import worker_lines as w
from .options import RunOptions
from .run_result import RunResult, SecondsHeard

#: Python, the supervisor and its modules.
START_S = 60.0
#: What is left of a worker's work after its guests: closing its sockets.
CLOSE_S = 20.0
#: A worker that has told nothing for so long is not waited for by the others' figures.
LATE_S = 2.0


class _WorkerProcess:
    """`has_ended`: it said all that it had to say."""

    def __init__(self, number: int, child: asyncio.subprocess.Process) -> None:
        self.number = number
        self.child = child
        self.ready, self.done = asyncio.Event(), asyncio.Event()
        self.states: Counter[str] = Counter()
        self.waits: list[tuple[str, int]] = []
        self.at_s = 0.0
        self.result: RunResult | None = None
        self.is_dead = False

    def tell(self, message: w.ToWorker) -> None:
        assert self.child.stdin is not None
        if not self.is_dead and not self.child.stdin.is_closing():
            self.child.stdin.write(w.line(message))

    def died(self) -> None:
        self.is_dead = True
        self.ready.set()
        self.done.set()


class WorkerRun:
    """`tell` says at once that a worker has died."""

    def __init__(
        self,
        target: PlatformTarget,
        file: ScenarioFile,
        options: RunOptions,
        flags: Mapping[str, Any],
        heard: SecondsHeard,
        tell: Callable[[str], None],
    ) -> None:
        self.target, self.aborted = target, False
        self._options, self._flags, self._heard, self._tell = options, dict(flags), heard, tell
        self._plan = Plan(file, options.model, options.seed)
        self._workers: list[_WorkerProcess] = []
        self._readers: list[asyncio.Task[None]] = []
        self._problems: list[str] = []
        self._told_s = 0.0

    @property
    def length_s(self) -> float:
        ends_by_itself = self._options.model.kind == "once"
        return float("inf") if ends_by_itself else self._plan.length_s

    @property
    def states(self) -> Counter[str]:
        return sum((one.states for one in self._workers), Counter[str]())

    def waits(self) -> list[tuple[str, int]]:
        found: Counter[str] = Counter()
        for one in self._workers:
            found.update(dict(one.waits))
        return found.most_common(WAITS_MAX)

    @property
    def left_open(self) -> int:
        if not self._options.state_directory:
            return 0
        mine = left_open(Path(self._options.state_directory))
        return sum(len(one.tokens) for one in mine if one.target.run_id == self._options.run_id)

    async def open(self) -> None:
        """Raises GuestdError if a worker cannot begin; it has said why."""
        for number in range(self._options.workers):
            worker = await self._started(number)
            self._workers.append(worker)
            self._readers.append(asyncio.ensure_future(self._read(worker)))
        async with asyncio.timeout(START_S):
            for one in self._workers:
                await one.ready.wait()
        if any(one.is_dead for one in self._workers):
            raise GuestdError("a worker could not begin; it says why above")

    async def _started(self, number: int) -> _WorkerProcess:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "guestd.app.load_runs.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=w.LINE_BYTES_MAX,
        )
        worker = _WorkerProcess(number, child)
        worker.tell(w.BeginLine(self._options_of(number), self._flags))
        return worker

    def _options_of(self, number: int) -> RunOptions:
        own = self._options.emulators
        emulator = own[number] if own else self._options.emulator
        return msgspec.structs.replace(self._options, worker=number, emulator=emulator)

    async def run(self) -> None:
        self._tell_all(w.GoLine())
        ticks = asyncio.ensure_future(self._tick())
        try:
            for one in self._workers:
                await one.done.wait()
        finally:
            ticks.cancel()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            await asyncio.sleep(1.0)
            at_s = loop.time() - start
            if at_s - self._told_s >= LATE_S:
                self._hear(at_s)

    def _hear_together(self) -> None:
        """Once all that still run have told of a second: its figures are of one moment."""
        at_s = min((one.at_s for one in self._workers if not one.done.is_set()), default=0.0)
        if int(at_s) > int(self._told_s):
            self._hear(at_s)

    def _hear(self, at_s: float) -> None:
        self._told_s = at_s
        self._heard.second(at_s)

    async def result(self, started_ms: int) -> RunResult:
        self._tell_all(w.CompareLine(started_ms))
        await asyncio.gather(*self._readers)
        return _together([one.result for one in self._workers if one.result], self._problems)

    async def close(self) -> None:
        for one in self._workers:
            if one.child.stdin is not None:
                one.child.stdin.close()
        for one in self._workers:
            try:
                await asyncio.wait_for(one.child.wait(), 0.5 if self.aborted else CLOSE_S)
            except TimeoutError:
                one.child.kill()
                await one.child.wait()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def stop(self) -> None:
        self._tell_all(w.StopLine())

    def abort(self) -> None:
        self.aborted = True
        self._tell_all(w.AbortLine())

    def _tell_all(self, message: w.ToWorker) -> None:
        for one in self._workers:
            one.tell(message)

    # ------------------------------------------------------------------ what a worker says

    async def _read(self, worker: _WorkerProcess) -> None:
        assert worker.child.stdout is not None
        while text := await worker.child.stdout.readline():
            self._take(worker, w.from_worker(text))
        if worker.result is None:
            code = await worker.child.wait()
            self._died(worker, code)

    def _take(self, worker: _WorkerProcess, said: w.FromWorker) -> None:
        match said:
            case w.ReadyLine():
                worker.ready.set()
            case w.SecondLine(at_s, partial, states, waits):
                worker.at_s, worker.states, worker.waits = at_s, Counter(states), waits
                self._heard.measured(partial)
                self._hear_together()
            case w.DoneLine():
                worker.states = Counter()
                worker.done.set()
            case w.EndLine(result):
                worker.result = result
                self._heard.measured(result.partial)

    def _died(self, worker: _WorkerProcess, code: int) -> None:
        had_begun = worker.ready.is_set()
        lost = worker.states.total()
        worker.died()
        worker.states = Counter()
        if not had_begun:
            return
        what = f"worker {worker.number} ended (exit {code}) with {lost:,} guests"
        self._problems.append(what)
        self._tell(f"guestd: {what}; they count as failed")
        if lost:
            row = MeasuredRow(start_s=int(worker.at_s), counts={"failed": lost})
            tally = FailureTally(kind="worker", what="its worker process ended", count=lost)
            self._heard.measured(Partial(rows=[row], failures=[tally]))


def _together(results: list[RunResult], problems: list[str]) -> RunResult:
    """Of the workers' results; their partials were heard already."""
    found: Counter[str] | None = None
    whole = RunResult(partial=Partial(), problems=list(problems))
    why_not: dict[str, None] = {}
    for one in results:
        if one.found is not None:
            found = found if found is not None else Counter()
            found.update(one.found)
        whole.conversations += one.conversations
        whole.cases += one.cases
        whole.problems += one.problems
        whole.notes += one.notes
        whole.reconciled.by = whole.reconciled.by or one.reconciled.by
        whole.reconciled.messages += one.reconciled.messages
        whole.reconciled.conversations += one.reconciled.conversations
        for why, count in one.reconciled.not_compared.items():
            so_far = whole.reconciled.not_compared.get(why, 0)
            whole.reconciled.not_compared[why] = so_far + count
        if one.reconciled.why_not:
            why_not[one.reconciled.why_not] = None
    if found is not None:
        whole.found = dict(found)
    whole.reconciled.why_not = "; ".join(why_not)
    return whole
