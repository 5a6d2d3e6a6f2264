"""Sends what waits in the journal, and writes down what became of it (SYNC-1).

There is one of it, with one timer, and a task only for a call that is under way. Of each target at
most `held_max` deliveries are in memory, its *backlog window*; the rest stay in the journal and are
read, in their order, when the window is half empty. A lane moves on only when the outcome of its
head is durable: after a crash, what may not have arrived is sent again with the same id, and
nothing of the lane was sent after it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from ..model.errors import JournalError
from ..model.journal import Commit, DeliveryStore, EventRow
from ..model.ports import Clock
from ..model.records import DeliveryRecord, OperationEvent
from ..observe.log import fields
from ..observe.metrics import Metrics
from .delivery_client import RETRY_AFTER_S_MAX, DeliveryClient, DeliveryOutcome, DeliveryTarget
from .delivery_outcome import outcome_fact
from .delivery_scheduler import OPERATION, DeliveryScheduler, label, settled, tried
from .payloads import QUICK
from .settings import WebhookSettings, WebhookTarget, bytes_of
from .ssrf_guard import SsrfGuard, SsrfRefused
from .target_log import Failure, TargetLog

logger = logging.getLogger("guestd.webhooks")

PAGE = 200
LEAVE_S = 2.0


@dataclass(slots=True)
class _Backlog:
    """How much of a target is in memory, and from which delivery on the journal has to be read.
    `behind`: there may be more; `start` counts how often it was begun anew."""

    after: str = ""
    behind: bool = True
    held: int = 0
    start: int = 0


@dataclass(slots=True, frozen=True)
class _Change:
    """A delivery as it stands after a try, when it is due again, and what the audit is told of
    it."""

    record: DeliveryRecord
    due: float
    fact: OperationEvent


class Sender:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        journal: DeliveryStore,
        settings: WebhookSettings,
        client: DeliveryClient,
        rng: Random,
        metrics: Metrics,
        row_of: Callable[[OperationEvent], EventRow] | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`row_of` gives a fact its place in the daemon's own stream; without it outcomes are not
        told to the audit.
        `stopwatch`: seconds in fractions of a millisecond, for what a delivery takes."""
        self._loop = loop
        self._clock = clock
        self._journal = journal
        self._settings = settings
        self._client = client
        self._rng = rng
        self._metrics = metrics
        self._row_of = row_of
        self._stopwatch = stopwatch
        self._addresses = {one.name: _address(one, settings) for one in settings.targets}
        self._operation_guard = SsrfGuard(
            settings.operation_allow_internal, settings.operation_hosts, any_port=False
        )
        self._backlogs = {name: _Backlog() for name in (*self._addresses, OPERATION)}
        self._scheduler = DeliveryScheduler(
            settings.inflight_max,
            settings.inflight_per_host_max,
            settings.circuit_failures,
            settings.circuit_open_s,
            rng,
        )
        self._target_log = TargetLog()
        self._calls: set[asyncio.Task[None]] = set()
        self._changed: list[_Change] = []
        self._filling: asyncio.Task[None] | None = None
        self._wanted: set[str] = set()  # the targets to read for
        self._done_meanwhile: set[str] = set()  # since the last page was asked for
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        metrics.webhooks_held = self._scheduler.held
        metrics.webhook_circuits_open = self._scheduler.circuits_open

    def start(self) -> None:
        """What earlier processes left undelivered is sent first."""
        self.news()

    async def stop(self, leave_s: float = LEAVE_S) -> None:
        """Let calls under way end, for a moment; what is not delivered by then waits in the
        journal."""
        until = self._loop.time() + leave_s
        while self._calls and (rest_s := until - self._loop.time()) > 0:
            await asyncio.wait(self._calls, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        calls = [*self._calls, *([self._filling] if self._filling is not None else [])]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        self._flush()

    def news(self, from_the_start: bool = False) -> None:
        """The journal holds more than it did; `from_the_start`: perhaps among the older ones (a
        replay)."""
        for backlog in self._backlogs.values():
            backlog.behind = True
            if from_the_start:
                backlog.after = ""
                backlog.start += 1
        self._wanted.update(self._backlogs)
        self._fill_soon()
        self._step()

    # ------------------------------------------------------------------ from the journal into
    # memory

    def _fill_soon(self) -> None:
        if self._filling is None and self._wanted and not self._stopped:
            self._filling = self._loop.create_task(self._fill_all(), name="webhook backlog")
            self._filling.add_done_callback(self._filled)

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, JournalError):  # that one ends the daemon
                logger.error("the webhooks' backlog cannot be read: our bug", exc_info=error)
            return
        self._fill_soon()

    async def _fill_all(self) -> None:
        while self._wanted:
            name = min(self._wanted)
            self._wanted.discard(name)
            await self._fill(name)
            self._step()

    async def _fill(self, name: str) -> None:
        """A page that was asked for before a new start is not looked at, and what came to its end
        since it was asked for is not taken for waiting."""
        backlog = self._backlogs[name]
        while backlog.behind and not self._stopped:
            backlog.behind, start = False, backlog.start
            self._done_meanwhile.clear()
            page = await self._waiting(name, backlog.after)
            if backlog.start != start:
                continue
            backlog.behind = backlog.behind or len(page) == PAGE
            for record in page:
                if not self._is_known(record):
                    if backlog.held >= self._settings.held_max:
                        backlog.behind = True
                        return
                    self._hold(record, backlog)
                backlog.after = record.delivery_id

    def _is_known(self, record: DeliveryRecord) -> bool:
        delivery_id = record.delivery_id
        return delivery_id in self._scheduler or delivery_id in self._done_meanwhile

    async def _waiting(self, name: str, after_id: str) -> Sequence[DeliveryRecord]:
        """A page of what waits for that target; of OPERATION: for any that is not configured."""
        if name == OPERATION:
            others = tuple(self._addresses)
            return await self._journal.deliveries("waiting", after_id, PAGE, other_than=others)
        return await self._journal.deliveries("waiting", after_id, PAGE, target=name)

    def _backlog_of(self, record: DeliveryRecord) -> str:
        return record.target if record.target in self._addresses else OPERATION

    def _hold(self, record: DeliveryRecord, backlog: _Backlog) -> None:
        backlog.held += 1
        rest_s = (record.due_ms - self._clock.epoch_ms()) / 1000
        due = self._clock.now() + min(
            max(rest_s, 0.0), max(self._settings.retry_cap_s, RETRY_AFTER_S_MAX)
        )
        self._scheduler.add(record, self._host(record), due)

    def _host(self, record: DeliveryRecord) -> str:
        """Whose circuit and whose number of calls; what leads nowhere has a host of its own, and no
        effect on others."""
        to = self._to(record)
        try:
            return str(to.guard.endpoint(to.url)) if to is not None else "nowhere"
        except SsrfRefused:
            return "nowhere"

    def _to(self, record: DeliveryRecord) -> DeliveryTarget | None:
        settings = self._settings
        if "://" in record.target:
            time_out_s = (
                settings.prompt_time_out_s if record.event in QUICK else settings.time_out_s
            )
            return DeliveryTarget(
                record.target,
                bytes_of(settings.operation_secrets),
                time_out_s,
                self._operation_guard,
            )
        to = self._addresses.get(record.target)
        if to is not None and record.event in QUICK:
            return replace(to, time_out_s=min(to.time_out_s, settings.prompt_time_out_s))
        return to

    # ------------------------------------------------------------------ calling

    def _step(self) -> None:
        """Start every call that may be made now, and sleep until the next may."""
        if self._stopped:
            return
        now = self._clock.now()
        while (record := self._scheduler.take(now)) is not None:
            call = self._loop.create_task(self._call(record), name="webhook")
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._scheduler.next_at(now)
        if at is not None:
            self._timer = self._loop.call_later(max(at - now, 0.001), self._step)

    async def _call(self, record: DeliveryRecord) -> None:
        to, began = self._to(record), self._stopwatch()
        if to is None:
            outcome = DeliveryOutcome(f"there is no target {record.target} any more", final=True)
        else:
            outcome = await self._deliver(record, to)
        self._called(record, outcome, self._stopwatch() - began)

    async def _deliver(self, record: DeliveryRecord, to: DeliveryTarget) -> DeliveryOutcome:
        try:
            return await self._client.deliver(record, to, self._clock.epoch_ms() // 1000)
        except Exception:
            logger.exception("webhook %s broke the delivery client: our bug", record.delivery_id)
            return DeliveryOutcome("it could not be sent: an error in guestd, see its log")

    def _called(self, record: DeliveryRecord, outcome: DeliveryOutcome, took_s: float) -> None:
        now, word = self._clock.now(), label(record.target)
        circuit = self._scheduler.called(record)
        if outcome.host_failed:
            circuit.failed(now)
            if outcome.retry_after_s is not None:
                circuit.rest_until(now + outcome.retry_after_s)
        elif outcome.reached:
            circuit.succeeded()
        else:
            circuit.learned_nothing()
        due = now
        if not outcome.reason:
            record = settled(record)
            self._metrics.webhook(self._metrics.webhooks_delivered, word)
            self._metrics.sync_s.observe(took_s)
            self._metrics.webhook_latency_s.observe(
                max(0, self._clock.epoch_ms() - record.created_ms) / 1000
            )
        else:
            self._metrics.webhook(self._metrics.webhook_failures, word)
            rest_s = max(self._backoff_s(record.attempts), outcome.retry_after_s or 0.0)
            due += rest_s
            record = self._judged(record, outcome, rest_s)
        self._tell(record, outcome, now, max(due, circuit.open_until) - now)
        self._changed.append(_Change(record, due, outcome_fact(record, took_s, outcome.status)))
        if len(self._changed) == 1:
            self._loop.call_soon(self._flush)
        self._step()

    def _judged(
        self, record: DeliveryRecord, outcome: DeliveryOutcome, rest_s: float
    ) -> DeliveryRecord:
        """After a try that failed: another one, or a dead letter."""
        settings, epoch_ms = self._settings, self._clock.epoch_ms()
        is_old = epoch_ms - record.created_ms > settings.give_up_after_s * 1000
        if not (outcome.final or is_old or record.attempts + 1 >= settings.attempts_max):
            return tried(record, outcome.reason, epoch_ms + int(rest_s * 1000))
        self._metrics.webhook(self._metrics.webhooks_dead, label(record.target))
        logger.warning(
            "webhook %s is a dead letter: %s",
            record.delivery_id,
            outcome.reason,
            extra=fields(
                event="webhook_dead",
                target=label(record.target),
                delivery_id=record.delivery_id,
                webhook=record.event,
                attempt=record.attempts + 1,
            ),
        )
        return settled(record, outcome.reason)

    def _tell(
        self, record: DeliveryRecord, outcome: DeliveryOutcome, now: float, next_try_s: float
    ) -> None:
        """`record` as it stands after a try. One of a target that was removed is told of as a dead
        letter only."""
        name = self._backlog_of(record)
        if name == OPERATION and "://" not in record.target:
            return
        host, held = self._host(record), self._backlogs[name].held
        if not outcome.reason:
            self._target_log.delivered(name, host, now, held - 1)
            return
        is_over = record.status != "waiting"
        failure = Failure(
            outcome.reason,
            outcome.status,
            record.attempts,
            None if is_over else round(next_try_s, 1),
        )
        self._target_log.failed(name, host, now, failure, held - is_over)

    def _backoff_s(self, attempts: int) -> float:
        most = min(
            self._settings.retry_base_s * 2.0 ** min(attempts, 40), self._settings.retry_cap_s
        )
        return most * self._rng.uniform(0.5, 1.0)

    # ------------------------------------------------------------------ writing it down

    def _flush(self) -> None:
        changes, self._changed = self._changed, []
        if changes:
            row_of = self._row_of
            commit = Commit(
                rows=[row_of(one.fact) for one in changes] if row_of is not None else [],
                deliveries=[one.record for one in changes],
                at_ms=self._clock.epoch_ms(),
            )
            self._journal.commit(commit, lambda: self._durable(changes))

    def _durable(self, changes: list[_Change]) -> None:
        for record, due in ((one.record, one.due) for one in changes):
            if record.status == "waiting":
                self._scheduler.again(record, due)
            else:
                self._scheduler.done(record, self._clock.now())
                if self._filling is not None:
                    self._done_meanwhile.add(record.delivery_id)
                name = self._backlog_of(record)
                backlog = self._backlogs[name]
                backlog.held -= 1
                if backlog.behind and backlog.held <= self._settings.held_max // 2:
                    self._wanted.add(name)
        self._fill_soon()
        self._step()


def _address(target: WebhookTarget, settings: WebhookSettings) -> DeliveryTarget:
    time_out_s = target.time_out_s or settings.time_out_s
    return DeliveryTarget(
        target.url, bytes_of(target.secrets), time_out_s, SsrfGuard(target.allow_internal)
    )
