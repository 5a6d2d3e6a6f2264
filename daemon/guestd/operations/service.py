"""All REST operations of this process: started, listed, ended, resumed after a restart (the
`Operations` port).

A workflow decides what an operation does next, and `executor.py` does it. This module only decides
which operations may start, which run now, when the resting ones wake up, and which callers wait for
which operation. A running operation is in a lane of the task pool; a resting one is a few values
and a deadline in the timer wheel.

Bounds: `under_way_max` operations and `sessions_max` messaging sessions, one more is refused;
`calls_inflight_max` and `heartbeats_inflight_max` calls at once, in lanes of their own, so that
heartbeats, the opening of many sessions (as many again as `calls_inflight_max`) and other work
cannot starve each other; the last `remembered_max` that ended are listed (the journal finds older
ones by id).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

from ..model.errors import CommandError, LimitExceeded, NotFound, Overloaded
from ..model.ids import is_command_id
from ..model.journal import OperationStore
from ..model.ports import Clock, OperationView, PlatformCalls
from ..model.records import OperationRecord
from ..model.storage_errors import storage_full
from ..observe.metrics import Metrics
from ..runtime.task_pool import TaskPool, finish_tasks
from ..runtime.timers import TIMER_TICK_S, Timers
from .event_appender import EventAppender
from .executor import Executor
from .operation import OVER, Operation, Transition, from_record
from .requests import WorkflowRequest
from .settings import OperationsSettings
from .workflow import SignToken, WorkflowContext, as_uncertain, with_remedy
from .workflows import all_workflows, validated_request

logger = logging.getLogger("guestd.operations")


def _unlimited() -> float:
    return math.inf


class SavedOperations(NamedTuple):
    """As a restart finds them: those over, begun last first; the others, oldest first."""

    lately_over: Sequence[OperationRecord]
    going_on: Sequence[OperationRecord]


class OperationService:
    """Needs a running loop at construction. `sign` signs guests' tokens where keys are configured
    (GUEST-1); `requests_per_minute` is the budget that heartbeats are stretched to."""

    def __init__(
        self,
        settings: OperationsSettings,
        journal: OperationStore,
        platform: PlatformCalls,
        appender: EventAppender,
        clock: Clock,
        metrics: Metrics,
        rng: Random,
        draw_id: Callable[[], str],
        sign: SignToken | None = None,
        requests_per_minute: Callable[[], float] = _unlimited,
        *,
        sessions_max: int,
        timer_tick_s: float = TIMER_TICK_S,
    ) -> None:
        self._settings = settings
        self._sessions_max = sessions_max
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._workflows = all_workflows(
            WorkflowContext(settings, metrics, rng, draw_id, sign, requests_per_minute)
        )
        self._executor = Executor(
            settings, self._workflows, platform, appender, clock, rng, metrics
        )
        self._calls = TaskPool("operation", settings.calls_inflight_max)
        self._openings = TaskPool("opening", settings.calls_inflight_max)
        self._heartbeats = TaskPool("heartbeat", settings.heartbeats_inflight_max)
        self._lanes = {"open": self._openings, "beat": self._heartbeats}
        self._wakeups: Timers[str] = Timers(
            asyncio.get_running_loop(), clock, timer_tick_s, self._wake
        )
        self._active: dict[str, Operation] = {}
        self._running: set[str] = set()
        self._sessions = 0
        self._draining = False
        self._being_accepted: dict[str, asyncio.Task[None]] = {}
        self._shielded_tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self._recent: dict[str, OperationView] = {}
        self._finished = 0

    # ------------------------------------------------------------------ the Operations port

    async def start(
        self, kind: str, operation_id: str, request: Mapping[str, Any], wait_s: float = 0.0
    ) -> OperationView:
        """Raises CommandError: `invalid` with the field, `conflict`, `too_large`, `storage_full`,
        `draining`, Overloaded, LimitExceeded (SESS-1)."""
        validated = validated_request(kind, request, self._settings.request_bytes_max)
        operation = self._new(kind, operation_id, validated)
        known = await self._known(operation_id)
        if known is not None:
            if (known.kind, known.request) != (kind, operation.request):
                raise CommandError(
                    f"operation {operation_id} already exists with a different request; use a"
                    " new id",
                    code="conflict",
                )
        else:
            self._refuse_if_full(kind)
            self._workflows[kind].begin(operation, validated)
            self._register(operation)
            self._being_accepted[operation_id] = asyncio.create_task(
                self._accept(operation), name="accept"
            )
        await self._until_accepted(operation_id)
        if wait_s > 0:
            await self._until(operation_id, self._workflows[kind].is_answered, wait_s)
        return await self.view(operation_id)

    async def view(self, operation_id: str) -> OperationView:
        operation = await self._known(operation_id)
        if operation is None:
            raise NotFound(f"no operation {operation_id}")
        return _durable_view(operation)

    def views(self, kind: str | None = None, limit: int = 100) -> Sequence[OperationView]:
        everything = [
            *self._recent.values(),
            *(one.durable_view for one in self._active.values() if one.durable_view is not None),
        ]
        wanted = [one for one in everything if kind in (None, one.kind)]
        return sorted(wanted, key=lambda one: one.started_ms, reverse=True)[:limit]

    async def end(self, operation_id: str, wait_s: float = 0.0) -> OperationView:
        """An operation that is over stays as it is. When this returns, a messaging session is being
        ended, and a crash cannot change that."""
        await self._until_accepted(operation_id)
        operation = self._active.get(operation_id)
        if operation is None or operation.over:
            return await self.view(operation_id)
        transition = self._workflows[operation.kind].end(operation, self._clock.epoch_ms())
        operation.end_asked = True
        operation.wake_ms = 0
        await self._shielded(self._end(operation, transition))
        if wait_s > 0:
            await self._until(operation_id, lambda one: one.over, wait_s)
        return await self.view(operation_id)

    async def _end(self, operation: Operation, transition: Transition | None) -> None:
        if transition is None:
            await self._executor.save(operation)
            self._schedule(operation.operation_id)
        else:
            self._wakeups.cancel(operation.operation_id)
            await self._executor.settle(operation, transition)
            self._after_run(operation)

    async def _shielded(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs to completion even if the caller is cancelled."""
        task = asyncio.create_task(work, name="end")
        self._shielded_tasks.add(task)
        task.add_done_callback(self._shielded_tasks.discard)
        await asyncio.shield(task)

    # ------------------------------------------------------------------ begin

    def _new(self, kind: str, operation_id: str, validated: WorkflowRequest) -> Operation:
        if not is_command_id(operation_id):
            raise CommandError(
                "operation_id: must be 1 to 128 letters, digits and . _ ~ : @ + -",
                field="operation_id",
            )
        return Operation(operation_id, kind, validated.redacted(), self._clock.epoch_ms(), step="")

    def _refuse_if_full(self, kind: str) -> None:
        if self._draining:
            raise CommandError(
                "the daemon is shutting down; new operations are refused", code="draining"
            )
        if self._journal.storage_full:
            raise storage_full()
        most = self._sessions_max
        if kind == "messaging" and self._sessions >= most:
            raise LimitExceeded(
                f"limit exceeded: {self._sessions} REST sessions are running,"
                f" limits.max_rest_sessions is {most}"
            )
        if (
            kind != "messaging"
            and len(self._active) - self._sessions >= self._settings.under_way_max
        ):
            raise Overloaded(
                f"{self._settings.under_way_max} operations are running; try again later"
            )

    async def _accept(self, operation: Operation) -> None:
        """Commits the operation, then starts it. A task, because callers with the same id wait for
        it too."""
        await self._executor.save(operation)
        del self._being_accepted[operation.operation_id]
        self._schedule(operation.operation_id)

    def _register(self, operation: Operation) -> None:
        self._active[operation.operation_id] = operation
        self._sessions += operation.kind == "messaging"
        self._metrics.rest_sessions = self._sessions

    async def _until_accepted(self, operation_id: str) -> None:
        accepting = self._being_accepted.get(operation_id)
        if accepting is not None:
            await asyncio.shield(accepting)

    async def _until(
        self, operation_id: str, enough: Callable[[Operation], bool], wait_s: float
    ) -> None:
        """Returns when `enough` holds, the operation is over, or time is up. Checks whenever the
        operation comes to rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while (operation := self._active.get(operation_id)) is not None and not enough(
                    operation
                ):
                    await self._waiting.setdefault(operation_id, asyncio.Event()).wait()

    async def _known(self, operation_id: str) -> Operation | None:
        """As it stands on return: what was begun or came to its end while the journal was asked is
        not overlooked."""
        while True:
            finished = self._finished
            record = None
            if operation_id not in self._active:
                record = await self._journal.operation(operation_id)
            operation = self._active.get(operation_id)
            if operation is not None:
                return operation
            if record is not None:
                return from_record(record)
            if finished == self._finished:
                return None

    # ------------------------------------------------------------------ run and rest

    def _wake(self, operation_id: str) -> None:
        """Its deadline on the monotonic clock has come, whatever the wall clock says."""
        if (operation := self._active.get(operation_id)) is not None:
            operation.wake_ms = 0
            self._schedule(operation_id)

    def _schedule(self, operation_id: str) -> None:
        """Puts it into a lane, unless it is in one already."""
        operation = self._active.get(operation_id)
        if operation is None or operation_id in self._running or self._executor.halted:
            return
        self._wakeups.cancel(operation_id)
        self._running.add(operation_id)
        lane = self._lanes.get(operation.step, self._calls)
        lane.run(lambda: self._work(operation))

    async def _work(self, operation: Operation) -> None:
        try:
            await self._executor.run(operation)
        except Exception as bug:  # it must not occupy a slot for ever
            logger.error("operation %s failed: our bug", operation.operation_id, exc_info=bug)
            problem = {"code": "internal", "message": "an internal error of guestd"}
            in_doubt = operation.in_flight or operation.in_doubt
            transition = Transition(
                status="uncertain" if in_doubt else "failed",
                problem=as_uncertain(problem) if in_doubt else with_remedy(problem, "see the log"),
            )
            await self._executor.settle(operation, transition)
        finally:
            self._running.discard(operation.operation_id)
        self._after_run(operation)

    def _after_run(self, operation: Operation) -> None:
        """The operation is durably over, or rests until its deadline."""
        operation_id = operation.operation_id
        if operation.over and _durable_view(operation).status not in OVER:
            return
        if waiting := self._waiting.pop(operation_id, None):
            waiting.set()
        if not operation.over:
            if not self._executor.halted:
                self._wakeups.set(operation_id, self._on_our_clock(operation.wake_ms))
            return
        if self._active.pop(operation_id, None) is None:
            return
        self._finished += 1
        self._workflows[operation.kind].finished(operation)
        self._sessions -= operation.kind == "messaging"
        self._metrics.rest_sessions = self._sessions
        words = operation.kind, operation.status
        self._metrics.operations[words] = self._metrics.operations.get(words, 0) + 1
        self._recent[operation_id] = _durable_view(operation)
        if len(self._recent) > self._settings.remembered_max:
            del self._recent[next(iter(self._recent))]

    # ------------------------------------------------------------------ recover, drain, stop

    async def recover(self) -> int:
        """As `saved` and `resume` after each other."""
        return self.resume(await self.saved())

    async def saved(self) -> SavedOperations:
        """What the journal knows, to be gone on with."""
        over = await self._journal.operations_over(self._settings.remembered_max)
        return SavedOperations(over, await self._journal.operations())

    def resume(self, saved: SavedOperations) -> int:
        """Go on with all that is not over; returns how many. Those lately over are listed again."""
        for record in reversed(saved.lately_over):
            self._recent.setdefault(record.operation_id, _durable_view(from_record(record)))
        for record in saved.going_on:
            if record.operation_id in self._active:
                continue
            if record.kind not in self._workflows:
                logger.error(
                    "operation %s is of kind %s, which this version does not know",
                    record.operation_id,
                    record.kind,
                )
                continue
            operation = from_record(record)
            self._register(operation)
            self._workflows[record.kind].recovered(operation, self._clock.epoch_ms())
            if operation.wake_ms > self._clock.epoch_ms():
                self._wakeups.set(operation.operation_id, self._on_our_clock(operation.wake_ms))
            else:
                self._schedule(operation.operation_id)
        return len(self._active)

    async def drain(self, grace_s: float, end_sessions: bool = False) -> int:
        """Refuses new operations; running ones stop between two steps. `end_sessions`: first end
        every messaging session. Returns how many are left; a restart on the same journal resumes
        them."""
        self._draining = True
        before = self._clock.now()
        if end_sessions:
            ending = [one for one in self._active.values() if one.kind == "messaging"]
            await asyncio.gather(*(self.end(one.operation_id) for one in ending))
            for one in ending:
                await self._until(
                    one.operation_id, lambda one: one.over, grace_s - (self._clock.now() - before)
                )
        self._executor.halted = True
        await self._finish_work(grace_s - (self._clock.now() - before))
        return len(self._active)

    async def stop(self) -> None:
        """Stops at once; safe after `drain` and without it."""
        self._draining = self._executor.halted = True
        await self._finish_work(0.0)

    def _on_our_clock(self, wake_ms: int) -> float:
        """Wall time as monotonic time: setting the wall clock back does not move deadlines that are
        set already."""
        return self._clock.now() + max(0.0, (wake_ms - self._clock.epoch_ms()) / 1000.0)

    async def _finish_work(self, grace_s: float) -> None:
        self._wakeups.stop()
        await finish_tasks([*self._being_accepted.values(), *self._shielded_tasks], grace_s)
        await asyncio.gather(*(lane.stop(grace_s) for lane in (self._calls, *self._lanes.values())))


def _durable_view(operation: Operation) -> OperationView:
    if operation.durable_view is None:
        raise NotFound(f"no operation {operation.operation_id}")
    return operation.durable_view
