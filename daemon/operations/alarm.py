"""The one timer of all operations that rest: the wheel is pure, and this sleeps until it wants to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..model.ports import Clock
from ..policy.deadlines import DeadlineWheel

NEVER = float("inf")


class Alarm:
    """`rings` is called on the loop with each operation's id whose time has come."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, tick_s: float, rings: Callable[[str], None]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._rings = rings
        self._wheel: DeadlineWheel[str] = DeadlineWheel(tick_s=tick_s, now=clock.now())
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = NEVER

    def set(self, operation_id: str, wake_ms: int) -> None:
        """`wake_ms` is on the wall's clock; a wall that is put back or forward moves nothing that is set already."""
        at = self._clock.now() + max(0.0, (wake_ms - self._clock.epoch_ms()) / 1000.0)
        self._wheel.set(operation_id, at)
        if at < self._handle_at:
            self._sleep_until(at)

    def cancel(self, operation_id: str) -> None:
        self._wheel.cancel(operation_id)

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
        for operation_id in self._wheel.due(self._clock.now()):
            self._rings(operation_id)
        at = self._wheel.next_at()
        if at is not None and at < self._handle_at:
            self._sleep_until(at)
