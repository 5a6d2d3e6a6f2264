"""All virtual guests of one process: starts them as the plan says, and ends with the last of them.

Time here is seconds since the run's start. One timer looks twenty times a second whether guests are
due; the guests' own deadlines share one wheel, and what a guest does is done in the turn of the
loop in which its session said something. So a guest has no task and no timer.

The run's end has three parts. When the load model's time is over no guest is started any more, and
those that are in a conversation may finish it for `graceful_stop_s`; guests of an endless scenario
are asked to stop at once. Then all that are left are asked to end their conversations. What has not
ended after `LEAVE_S` is given up, which `failed` counts; where histories are read before guests
leave, that time begins when no guest waits for it any more."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Protocol

from ...model.ports import Clock, GuestSessions
from ...runtime.timers import Timers
from ..guest import actions as a
from ..guest.guest_run import GuestRun
from ..guest.instructions import compiled
from ..guest.virtual_guest import VirtualGuest
from ..measure.recorder import Recorder
from ..measure.summary import step_names
from ..plan.guests import PlannedGuest
from ..plan.plan import Plan
from ..scenario.file import Scenario
from ..scenario.steps import Repeat
from .driver import GuestDriver, own_mark
from .histories import GuestHistories
from .message_gate import MessageGate
from .overhead import LagSampler, resident_bytes

#: How often it is looked whether guests are due.
TICK_S = 0.05
#: So long before it is called, it is surely within the second that is just over.
HALF_A_SECOND_S = 0.5
#: How exactly the deadlines of guests are met.
DEADLINE_TICK_S = 0.01
#: Of the steps that guests wait in, the most frequent are shown.
WAITS_MAX = 8
#: What a guest waits for that has ended its scenario.
HISTORY = "its history is read"
#: How long conversations may take to end at the end of a run.
LEAVE_S = 30.0


class Helpers(Protocol):
    """What a guest wants that takes its time, and what is kept of it."""

    def opened(self, driver: GuestDriver) -> None: ...

    def finished(self, driver: GuestDriver, how: a.Finished) -> None: ...

    def second(self, at_s: float) -> None:
        """Once a second, for whoever shows or sends on what was measured."""

    def send_file(self, driver: GuestDriver, asked: a.SendFile) -> None: ...

    def ask_persona(self, driver: GuestDriver, asked: a.AskPersona) -> None: ...


class LoadEngine:
    """`run` returns when all guests are done."""

    def __init__(
        self,
        fleet: GuestSessions,
        plan: Plan,
        scenarios: Sequence[Scenario],
        run_id: str,
        recorder: Recorder,
        helpers: Helpers,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        only: int | None = None,
        at_once: int | None = None,
        messages_per_s_max: float = 0.0,
        histories: GuestHistories | None = None,
        open_within_s: float = inf,
    ) -> None:
        """`only`: the number of the one guest to start, at once. `at_once`: guests that would be
        more than that at a time start when there is room. `messages_per_s_max`: of all guests, 0
        for no ceiling. `histories`: reads that of each guest before it leaves. `open_within_s`: as
        `GuestRun` has it."""
        self.histories = histories
        self.gate = MessageGate(messages_per_s_max, self._held) if messages_per_s_max else None
        self._at_once = inf if at_once is None else at_once
        self.fleet, self.clock, self.loop = fleet, clock, loop
        self.timers: Timers[GuestDriver] = Timers(
            loop, clock, DEADLINE_TICK_S, GuestDriver.deadline_reached
        )
        self._plan, self.run_id = plan, run_id
        self.mark = own_mark(run_id, plan.worker, plan.workers)
        self._programs = [compiled(one) for one in scenarios]
        self._labels = {key: name.label for key, name in step_names(scenarios).items()}
        self._is_endless = any(map(_has_endless_loop, scenarios))
        self.recorder, self._helpers = recorder, helpers
        self._living: dict[int, GuestDriver] = {}
        self._arrivals = plan.arrivals() if only is None else iter([(0.0, only)])
        self._is_closed = plan.model.kind == "closed" and only is None
        self._ends_by_itself = plan.model.kind == "once" or only is not None
        self._next: tuple[float, int] | None = next(self._arrivals, None)
        self._numbers = plan.numbers()
        self.start = self._last_second = clock.now()
        self._guest_run = GuestRun(run_id, self.start, open_within_s=open_within_s)
        self._ends_at: float | None = None
        self._leaves_from = 0.0
        self._is_stopped = False
        self._is_over = False
        self._cpu_s = time.process_time()
        self.states: Counter[str] = Counter()

    @property
    def at_s(self) -> float:
        return self.clock.now() - self.start

    @property
    def length_s(self) -> float:
        """When the load model's time is over; infinite where the guests decide."""
        return inf if self._ends_by_itself else self._plan.length_s

    def waits(self) -> list[tuple[str, int]]:
        """What guests wait for, by step, and how many; most first."""
        found: Counter[tuple[int, int]] = Counter()
        for driver in self._living.values():
            step = driver.guest.step
            if step is not None:
                found[driver.guest.planned.scenario, step] += 1
        waits = [(self._labels.get(key, ""), count) for key, count in found.most_common(WAITS_MAX)]
        held = len(self.histories) if self.histories is not None else 0
        return [(HISTORY, held), *waits] if held else waits

    @property
    def living(self) -> list[GuestDriver]:
        return list(self._living.values())

    async def run(self) -> None:
        """Raises what a look at the clock raised: without it the run would never end."""
        self.start = self._last_second = self.clock.now()
        self._guest_run = replace(self._guest_run, began_at=self.start)
        lag = LagSampler(self.loop, lambda lag_s: self.recorder.lag(lag_s, self.at_s))
        lag.start()
        try:
            await self._tick_until_over()
        finally:
            lag.stop()
            self.timers.stop()
        self._second()

    def stop(self, graceful_s: float = 0.0) -> None:
        """Start no more guests; after `graceful_s` ask the others to end their conversations."""
        ends_at = self.at_s + graceful_s
        self._next = None
        self._ends_at = ends_at if self._ends_at is None else min(self._ends_at, ends_at)

    def give_up(self) -> None:
        """Those that have not ended by now have failed."""
        for driver in self._living.values():
            self.recorder.counted("failed", self.at_s)
            what = "had not ended when the run was over"
            self.recorder.failure("not_ended", what, driver.guest.planned.scenario)

    def abort(self) -> None:
        """Leave everything as it is, now."""
        self._is_over = True

    # ------------------------------------------------------------------ time

    async def _tick_until_over(self) -> None:
        second = 1.0
        while not self._is_over:
            self._tick()
            if self.at_s >= second:
                self._second()
                second = max(second + 1.0, self.at_s)
            await asyncio.sleep(TICK_S)

    def _tick(self) -> None:
        at_s = self.at_s
        model = self._plan.model
        if self.gate is not None:
            self.gate.release(self.clock.now())
        if self.histories is not None:
            self.histories.look()
        if self._ends_at is None:
            self._start_arrivals(at_s)
            if self._is_closed:
                self._start_wanted(at_s)
            if at_s >= self._plan.length_s and not self._ends_by_itself:
                self.stop(0.0 if self._is_endless else model.graceful_stop_s)
        if self._ends_at is not None and at_s >= self._ends_at:
            self._stop_all()
            if self.histories is not None and len(self.histories):
                self._leaves_from = at_s
            if at_s >= max(self._ends_at, self._leaves_from) + LEAVE_S:
                self._is_over = True
        if not self._living and self._is_all_started():
            self._is_over = True

    def _held(self, number: int, action: a.Action) -> None:
        if (driver := self._living.get(number)) is not None:
            driver.perform_held(action)

    def _is_all_started(self) -> bool:
        return self._ends_at is not None or (self._next is None and self._ends_by_itself)

    def _start_arrivals(self, at_s: float) -> None:
        while self._next is not None and self._next[0] <= at_s:
            if len(self._living) >= self._at_once:
                return
            start_s, number = self._next
            self._begin(self._plan.guest(number), start_s if self._at_once == inf else at_s)
            self._next = next(self._arrivals, None)

    def _start_wanted(self, at_s: float) -> None:
        missing = self._plan.wanted(at_s) - len(self._living)
        for _ in range(missing):
            self._begin(self._plan.guest(next(self._numbers)), at_s)
        if missing < 0:
            for driver in list(self._living.values())[:-missing]:
                driver.stop()

    def _begin(self, planned: PlannedGuest, start_s: float) -> None:
        self.recorder.started(self.at_s - start_s)
        program = self._programs[planned.scenario]
        driver = GuestDriver(VirtualGuest(planned, program, self._guest_run), self)
        self._living[planned.number] = driver
        driver.begin(self.start + start_s)

    def _stop_all(self) -> None:
        """Once: nothing starts after it."""
        if not self._is_stopped:
            self._is_stopped = True
            for driver in self.living:
                driver.stop()

    def _second(self) -> None:
        self.states = Counter(driver.guest.state for driver in self._living.values())
        now, cpu_s = self.clock.now(), time.process_time()
        span_s, self._last_second = now - self._last_second, now
        used_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        just_over_s = max(0.0, self.at_s - HALF_A_SECOND_S)
        self.recorder.sampled(just_over_s, self.states, used_s, span_s, resident_bytes())
        self._helpers.second(self.at_s)

    # ------------------------------------------------------------------ the host of drivers

    def opened(self, driver: GuestDriver) -> None:
        self._helpers.opened(driver)

    def not_opened(self, driver: GuestDriver, reason: str) -> None:
        self.recorder.failure("not_opened", reason, driver.guest.planned.scenario)

    def finished(self, driver: GuestDriver, one: a.Finished) -> None:
        self._living.pop(driver.guest.planned.number, None)
        if not driver.was_live:
            what = "no session when the guest had to leave"
            self.recorder.failure("never_live", what, driver.guest.planned.scenario)
        driver.log.left_ms = self.clock.epoch_ms()
        if self.histories is not None:
            self.histories.over(driver)
        self._helpers.finished(driver, one)

    def send_file(self, driver: GuestDriver, asked: a.SendFile) -> None:
        self._helpers.send_file(driver, asked)

    def ask_persona(self, driver: GuestDriver, asked: a.AskPersona) -> None:
        self._helpers.ask_persona(driver, asked)


def _has_endless_loop(scenario: Scenario) -> bool:
    return any(
        isinstance(step, Repeat) and not step.times and not step.for_s for step in scenario.steps
    )
