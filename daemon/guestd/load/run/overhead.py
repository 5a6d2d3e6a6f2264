"""Is the load generator itself in the way? How late its loop runs what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...runtime.process_figures import process_figures

#: Between two looks.
BEAT_S = 0.1


class LagSampler:
    """`on_lag` gets how late the loop came, in seconds, ten times a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lag: Callable[[float], None]) -> None:
        self._loop = loop
        self._on_lag = on_lag
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = self._loop.time() + BEAT_S
        self._handle = self._loop.call_at(self._due, self._beat)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _beat(self) -> None:
        now = self._loop.time()
        self._on_lag(max(0.0, now - self._due))
        self._due = now + BEAT_S
        self._handle = self._loop.call_at(self._due, self._beat)


def resident_bytes() -> int:
    """Memory of this process; 0 where the system does not say."""
    return process_figures().rss_bytes
