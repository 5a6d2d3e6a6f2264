"""What a server of the emulator may ask of it: the world, the faults, and a way to act on both.

The servers (guest API, platform API, admin API) are typed against these protocols and never import
`Emulator`: it imports them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from .client_url import HeaderValues
from .core.faults import FaultInjector
from .core.records import Effect
from .core.world import World
from .settings import EmulatorSettings
from .stall import Stall


class ServerContext(Protocol):
    """`now` is the emulator's clock in epoch seconds; `loop.time()` is for timers."""

    settings: EmulatorSettings
    world: World
    faults: FaultInjector
    stall: Stall
    counters: defaultdict[str, int]
    loop: asyncio.AbstractEventLoop
    now: Callable[[], float]

    def client_url(self, peer: str | None, values: HeaderValues) -> str:
        """scheme://host by which the client of this request knows the emulator."""

    def perform(self, effects: list[Effect]) -> None:
        """Send frames, close connections, start timers."""

    def stalls(self) -> bool:
        """Whether what comes has to wait for the end of the stall; a fault may begin one now."""

    def record(self, kind: str, token: str, text: bytes, now: float) -> None:
        """Add what was received to the journal that `/__emulator/journal` shows."""
