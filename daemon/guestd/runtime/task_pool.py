"""A bounded task pool: short-lived tasks, named and referenced; jobs over the bound wait. Never a
task for a session that rests."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

logger = logging.getLogger("guestd")


class TaskPool:
    """Runs at most `inflight_max` jobs at once; more wait, first come first served.

    The queue is bounded by its producers: each guest session and each operation has at most one job
    of a kind."""

    def __init__(self, name: str, inflight_max: int) -> None:
        self._name = name
        self._inflight_max = inflight_max
        self._running: set[asyncio.Task[None]] = set()
        self._queue: deque[Callable[[], Coroutine[Any, Any, None]]] = deque()

    def __len__(self) -> int:
        return len(self._running) + len(self._queue)

    def run(self, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._queue.append(job)
        self._start()

    def _start(self) -> None:
        while self._queue and len(self._running) < self._inflight_max:
            task = asyncio.get_running_loop().create_task(self._queue.popleft()(), name=self._name)
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("job %s failed: our bug", self._name, exc_info=error)
        self._start()

    async def stop(self, grace_s: float = 0.0) -> None:
        """Start nothing more; let what runs come to an end for so long, then cancel it."""
        self._queue.clear()
        await finish_tasks(self._running, grace_s)


async def finish_tasks(tasks: Iterable[asyncio.Task[Any]], grace_s: float) -> None:
    """Let them come to an end for so long, then cancel them."""
    running = list(tasks)
    if running and grace_s > 0.0:
        await asyncio.wait(running, timeout=grace_s)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
