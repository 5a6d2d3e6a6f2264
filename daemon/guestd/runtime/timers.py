"""One loop timer for all the deadlines of a package.

The wheel is pure and says when it wants to be looked at; this keeps a single loop timer for that
instant, however many deadlines there are, and moves it only when the earliest came nearer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from ..model.instants import NEVER
from ..model.ports import Clock
from ..policy.deadlines import DeadlineWheel

#: Deadlines are met to within this.
TIMER_TICK_S = 0.05

Key = TypeVar("Key")


class Timers(Generic[Key]):
    """`on_due` is called on the loop with each key whose deadline has come; a key has one deadline
    at most."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        tick_s: float,
        on_due: Callable[[Key], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._on_due = on_due
        self._wheel: DeadlineWheel[Key] = DeadlineWheel(tick_s=tick_s, now=clock.now())
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = NEVER

    def set(self, key: Key, at: float) -> None:
        """`at` is on the clock that only goes forward, in seconds."""
        self._wheel.set(key, at)
        if at < self._handle_at:
            self._sleep_until(at)

    def cancel(self, key: Key) -> None:
        self._wheel.cancel(key)

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
        for key in self._wheel.due(self._clock.now()):
            self._on_due(key)
        at = self._wheel.next_at()
        if at is not None and at < self._handle_at:
            self._sleep_until(at)
