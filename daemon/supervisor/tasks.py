"""The few tasks there are: dials and history reads, short-lived, named, referenced. Never one per session at rest."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger("guestd.supervisor")


class Errands:
    """Runs at most `inflight_max` errands at once; more wait in line, first come first served.

    The line is bounded by its givers: each guest session has at most one errand of a kind.
    """

    def __init__(self, name: str, inflight_max: int) -> None:
        self._name = name
        self._inflight_max = inflight_max
        self._running: set[asyncio.Task[None]] = set()
        self._line: deque[Callable[[], Coroutine[Any, Any, None]]] = deque()

    def __len__(self) -> int:
        return len(self._running) + len(self._line)

    def run(self, errand: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._line.append(errand)
        self._start()

    def _start(self) -> None:
        while self._line and len(self._running) < self._inflight_max:
            task = asyncio.get_running_loop().create_task(self._line.popleft()(), name=self._name)
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("errand %s failed: our bug", self._name, exc_info=error)
        self._start()

    async def stop(self) -> None:
        self._line.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
