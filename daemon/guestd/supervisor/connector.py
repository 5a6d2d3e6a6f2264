"""Who may dial, and dialing: guest sessions wait for the fleet's connect budget, then each gets its
connection. `policy/admission` decides when; its answers are carried out here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from ..model.endings import Cause, Ending
from ..model.errors import DialError
from ..model.overview import BudgetView
from ..model.ports import Clock, Dialer, DialTarget
from ..model.records import Note, no_note
from ..observe.metrics import Metrics
from ..policy.admission import Admission
from ..runtime.task_pool import TaskPool
from ..session.inputs import Admitted
from ..session.surroundings import Surroundings
from .breakage import log_bug
from .connection_callbacks import ConnectionCallbacks
from .own_token import ending_without
from .runner import Runner
from .settings import AdmissionSettings

logger = logging.getLogger("guestd.supervisor")


class Connector:
    """`prepare` is called before a guest session is admitted. False leaves that to it: it feeds
    `Admitted` later, or calls `finished`."""

    def __init__(
        self,
        settings: AdmissionSettings,
        retry_after_max_s: float,
        dialer: Dialer,
        target: DialTarget,
        clock: Clock,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        prepare: Callable[[Runner], bool],
        note: Note = no_note,
    ) -> None:
        """`note` tells the audit of connects that the platform refused."""
        self._note = note
        self._dialer = dialer
        self._target = target
        self._clock = clock
        self._metrics = metrics
        self._loop = loop
        self._prepare = prepare
        self._admission: Admission[Runner] = Admission(
            per_minute=settings.connects_per_minute,
            burst=settings.burst,
            inflight_max=settings.dials_inflight_max,
            retry_after_max_s=retry_after_max_s,
        )
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._dials_max = settings.dials_inflight_max
        self._dials = TaskPool("dial", settings.dials_inflight_max)
        self._is_stopped = False

    def ask(self, runner: Runner) -> None:
        """Those with unsent commands come first."""
        priority = 0 if runner.outbound.has_unsent else 1
        self._admission.ask(runner, self._clock.now(), priority=priority)
        self._look_soon()

    def cancel(self, runner: Runner) -> None:
        self._admission.cancel(runner)

    def finished(self, runner: Runner) -> None:
        self._admission.finished(runner)
        self._look_soon()

    def dial(self, runner: Runner, callbacks: ConnectionCallbacks) -> None:
        self._dials.run(lambda: self._dial(runner, callbacks))

    def around(self, runner: Runner) -> Surroundings:
        """What the runner's machine does not know of itself."""
        now, admission = self._clock.now(), self._admission
        ahead = admission.ahead_of(runner)
        return Surroundings(
            now,
            self._clock.epoch_ms(),
            runner.context.log.host,
            runner.address,
            ahead,
            admission.turn_at(ahead, now) if ahead is not None else None,
            admission.minute,
            runner.context.is_full,
            runner.is_waiting,
        )

    def budgets(self) -> list[BudgetView]:
        now, admission = self._clock.now(), self._admission
        minute = admission.minute
        frees_at = minute.frees_at(now)
        frees_ms = 0 if frees_at is None else self._clock.epoch_ms() + int((frees_at - now) * 1000)
        return [
            BudgetView("connects", minute.limit - minute.free(now), minute.limit, frees_ms),
            BudgetView("dials", admission.inflight, self._dials_max),
        ]

    async def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        await self._dials.stop()

    def _look_soon(self) -> None:
        if isinstance(self._timer, asyncio.TimerHandle):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and not self._is_stopped:
            self._timer = self._loop.call_soon(self._admit)

    def _admit(self) -> None:
        self._timer = None
        for runner in self._admission.admit(self._clock.now()):
            if self._prepare(runner):
                runner.feed(Admitted())
        at = self._admission.next_at(self._clock.now())
        if at is not None and self._timer is None:
            self._timer = self._loop.call_at(at, self._admit)

    async def _dial(self, runner: Runner, callbacks: ConnectionCallbacks) -> None:
        began = time.perf_counter()
        try:
            guest = runner.machine.guest
            target = self._target.of_guest(guest.name, guest.session_id)
            connection = await self._dialer.dial(target, callbacks)
        except DialError as error:
            self._tell_of_refusal(runner, error.ending, time.perf_counter() - began)
            self._failed(runner, callbacks, error.ending)
        except Exception as error:  # a session that never heard of its dial would wait for ever
            log_bug(logger, "dialing", error)
            self._count("internal_error")
            if not callbacks.is_cut:
                runner.dial_failed(Ending(Cause.UNREACHABLE, detail="internal error"))
        else:
            self._count("ok")
            if callbacks.is_cut:
                connection.abort()
            else:
                runner.connection_opened(connection)
        finally:
            self._admission.finished(runner)
            self._look_soon()

    def _tell_of_refusal(self, runner: Runner, ending: Ending, latency_s: float) -> None:
        """A line for each upgrade that the platform answered otherwise (AUDIT-1); what had no
        answer is in the log and the metrics only."""
        if ending.code is None:
            return
        details: dict[str, Any] = {
            "session_id": runner.session_id,
            "attempt": runner.machine.connection.attempt + 1,
            "latency_ms": round(latency_s * 1000.0, 3),
            "error_code": ending.cause.value,
            "error_status": ending.code,
            "error_message": f"{ending_without(runner.token, ending)}: {ending.cause.meaning}",
        }
        if ending.retry_after_s is not None:
            details["retry_after_s"] = ending.retry_after_s
        if ending.code == 429:
            details["rate_limited"] = True
        self._note("session.connect", "failed", details)

    def _failed(self, runner: Runner, callbacks: ConnectionCallbacks, ending: Ending) -> None:
        self._count(ending.cause.value)
        if ending.cause is Cause.UPGRADE_REFUSED and ending.code in (429, 503):
            self._admission.refused(self._clock.now(), ending.retry_after_s)
            self._metrics.connects_throttled += ending.code == 429
        if not callbacks.is_cut:
            runner.dial_failed(ending)

    def _count(self, outcome: str) -> None:
        self._metrics.connects[outcome] = self._metrics.connects.get(outcome, 0) + 1
