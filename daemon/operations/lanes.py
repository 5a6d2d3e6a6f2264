"""Short-lived tasks, at most so many at once, the others in line, first come first served. Never one for what rests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any


class Lane:
    """The line needs no bound of its own: an operation stands in it at most once, and their number is bounded."""

    def __init__(self, name: str, inflight_max: int) -> None:
        self._name = name
        self._inflight_max = inflight_max
        self._running: set[asyncio.Task[None]] = set()
        self._line: deque[Callable[[], Coroutine[Any, Any, None]]] = deque()

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
        self._start()

    async def finish(self, grace_s: float) -> None:
        """Start nothing more; let what runs come to an end for so long, then cancel it."""
        self._line.clear()
        await finish(self._running, grace_s)


async def finish(tasks: Iterable[asyncio.Task[None]], grace_s: float) -> None:
    """Let them come to an end for so long, then cancel them."""
    running = list(tasks)
    if running and grace_s > 0:
        await asyncio.wait(running, timeout=grace_s)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
