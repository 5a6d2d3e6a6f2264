"""The one sleeper for all deadlines of the fleet.

The wheel is pure and says when it wants to be looked at; this room keeps a single loop timer for that instant, however
many sessions there are, and moves it only when the earliest deadline came nearer.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..model.ports import Clock
from ..policy.deadlines import DeadlineWheel

NEVER = float("inf")


class Sleeper(Protocol):
    def deadline_reached(self) -> None: ...


class Timers:
    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, tick_s: float) -> None:
        self._loop = loop
        self._clock = clock
        self._wheel: DeadlineWheel[Sleeper] = DeadlineWheel(tick_s=tick_s, now=clock.now())
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = NEVER

    def set(self, sleeper: Sleeper, at: float) -> None:
        self._wheel.set(sleeper, at)
        if at < self._handle_at:
            self._sleep_until(at)

    def cancel(self, sleeper: Sleeper) -> None:
        self._wheel.cancel(sleeper)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._handle_at = None, NEVER

    def _sleep_until(self, at: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle_at = at
        self._handle = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._handle, self._handle_at = None, NEVER
        for sleeper in self._wheel.due(self._clock.now()):
            sleeper.deadline_reached()
        at = self._wheel.next_at()
        if at is not None and at < self._handle_at:
            self._sleep_until(at)
