"""The life of `guestd serve`: it starts, waits for a signal, takes its leave. A second signal cuts the leave-taking short."""

from __future__ import annotations

import asyncio
import faulthandler
import signal

from ..observe.log import Log, log_loop_error
from .config import Config
from .exits import Interrupted
from .house import House
from .systemd import Notifier


async def serve(config: Config, log: Log, demo_guests: int = 0) -> None:
    """Run until a SIGTERM or SIGINT. Raises ConfigError, PlatformError, JournalError or Interrupted; each has its exit code."""
    loop = asyncio.get_running_loop()
    faulthandler.enable()
    loop.set_exception_handler(log_loop_error)
    notifier = Notifier()
    stop = _listen_for_signals(loop)
    house = House(config, loop, notifier, log)
    try:
        await house.start(demo_guests)
        log.out(f"ready {house.http.url}")
        await _first_of(stop, house.broken)
        stop.clear()
        leaving = loop.create_task(house.leave(), name="leave")
        impatient = loop.create_task(stop.wait(), name="second signal")
        await asyncio.wait({leaving, impatient}, return_when=asyncio.FIRST_COMPLETED)
        if not leaving.done():
            leaving.cancel()
            raise Interrupted
        impatient.cancel()
        leaving.result()
    finally:
        await house.stop()


async def _first_of(stop: asyncio.Event, broken: asyncio.Future[None]) -> None:
    """A signal, or the journal's failure, which is raised."""
    broken.add_done_callback(lambda _: stop.set())
    await stop.wait()
    if broken.done():
        broken.result()


def _listen_for_signals(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
