"""The life of `guestd serve`: start, wait for a signal, stop. A signal counts at every moment, also
while starting."""

from __future__ import annotations

import asyncio
import faulthandler
from collections.abc import Awaitable
from typing import Any

from ..observe.log import Log, log_loop_error
from .config import Config
from .daemon import Daemon
from .exit_codes import Interrupted
from .opening_screen import is_watched
from .signals import SignalListener
from .systemd import Notifier

#: After the grace time: closing sockets, the last commit and the journal's checkpoint, which on a
#: slow disk may take some seconds. Longer means that something hangs.
CLOSE_BOUND_S = 15.0


async def serve(config: Config, log: Log, signals: SignalListener, demo_guests: int = 0) -> None:
    """Run until a SIGTERM, SIGINT or SIGHUP. Raises ConfigError, PlatformError, JournalError or
    Interrupted; each has its exit code."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    faulthandler.enable()
    stop, hurry = signals.attach(loop)
    daemon = Daemon(config, loop, Notifier(), log)
    signals.stop_bound_s = config.drain.grace_s + CLOSE_BOUND_S
    signals.late_code = daemon.late_code
    try:
        if await _unless(stop, daemon.start(demo_guests, patient=True), daemon.broken):
            if not is_watched():  # a program waits for it, a person has a screen
                log.out(f"ready {daemon.http.url}")
            await _unless(stop, asyncio.Event().wait(), daemon.broken)
            if not await _unless(hurry, daemon.drain(), daemon.broken):
                raise Interrupted
    finally:
        await _close(daemon, signals, hurry)
    if hurry.is_set():
        raise Interrupted


async def _unless(
    event: asyncio.Event, work: Awaitable[object], broken: asyncio.Future[None] | None
) -> bool:
    """Do `work`; False if `event` was set before it was done, and it was cancelled. Raises what
    `work` or `broken` raises."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        ends: set[asyncio.Future[Any]] = (
            {task, waiting} if broken is None else {task, waiting, broken}
        )
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        if broken is not None and broken.done():
            broken.result()
        return False
    finally:
        for one in (task, waiting):
            one.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def _close(daemon: Daemon, signals: SignalListener, hurry: asyncio.Event) -> None:
    """Close everything; what hangs is ended from outside the loop."""
    if not hurry.is_set():
        signals.end_within(CLOSE_BOUND_S, daemon.late_code)
    await daemon.stop()
