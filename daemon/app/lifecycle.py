"""The life of `guestd serve`: it starts, waits for a signal, drains, stops. A signal counts at every moment, also of the start; a
second one ends it at once, whatever the disk or the platform does."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from ..observe.output import Output, finish, say
from .config import Config
from .exits import INTERRUPTED, Interrupted
from .house import House
from .systemd import Notifier

logger = logging.getLogger("guestd")

#: SIGHUP as well, until there is something to reload: a closed terminal and `kill -HUP` are to lose nothing.
DRAIN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

#: Sent by mistake, or by what rotates logs: no reason to die.
IGNORED = (signal.SIGUSR1, signal.SIGUSR2)

#: After a second signal: what has not stopped by then is left to the system.
ABORT_S = 3.0


async def serve(config: Config, output: Output, demo_guests: int = 0) -> None:
    """Run until a signal. Raises ConfigError, PlatformError, JournalError or Interrupted; each has its exit code."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, ValueError):  # a standard error in memory has no file descriptor
        faulthandler.enable()
    notifier = Notifier()
    signals = _Signals(loop)
    house = House(config, loop, notifier, output)
    try:
        if await signals.interrupts(house.start(demo_guests), house.broken):
            say("guestd: stopped while it was starting")
            return
        say(f"ready {house.http.url}", sys.stdout)
        await _first_of(signals.stop, house.broken)
        signals.stop.clear()
        if await signals.interrupts(house.leave(), house.broken):
            raise Interrupted
    finally:
        await _stopped(house, signals)


class _Signals:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.stop = asyncio.Event()
        for number in DRAIN:
            loop.add_signal_handler(number, self.stop.set)
        for number in IGNORED:
            loop.add_signal_handler(number, logger.warning, "%s has no meaning here", number.name)

    async def interrupts(self, work: Coroutine[Any, Any, None], broken: asyncio.Future[None]) -> bool:
        """Do the work; True if a signal came first, and it was cancelled. A failing journal cancels it as well, and is raised."""
        doing = self._loop.create_task(work)
        waiting = self._loop.create_task(self.stop.wait())
        first: set[asyncio.Future[Any]] = {doing, waiting, broken}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if doing.done():
            doing.result()
            return False
        doing.cancel()
        self.stop.clear()
        await asyncio.wait({doing}, timeout=ABORT_S)
        if broken.done():
            broken.result()
        return True


async def _stopped(house: House, signals: _Signals) -> None:
    """Stop all that runs. Another signal meanwhile, or an end that takes too long after one, and the process just ends."""
    is_aborted = isinstance(sys.exc_info()[1], Interrupted)
    stopping = asyncio.ensure_future(house.stop())
    waiting = asyncio.ensure_future(signals.stop.wait())
    await asyncio.wait(
        {stopping, waiting}, timeout=ABORT_S if is_aborted else None, return_when=asyncio.FIRST_COMPLETED
    )
    waiting.cancel()
    if not stopping.done():
        say("guestd: stopped at once; guest sessions may be left open at the platform")
        finish()
        os._exit(INTERRUPTED)
    stopping.result()
    if house.broken.done():  # whatever else ended it, nothing may hide that the journal failed
        house.broken.result()


async def _first_of(stop: asyncio.Event, broken: asyncio.Future[None]) -> None:
    """A signal, or the journal's failure, which is raised; the failure is no signal, and does not cut the stop short."""
    waiting = asyncio.ensure_future(stop.wait())
    first: set[asyncio.Future[Any]] = {waiting, broken}
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if broken.done():
        broken.result()
