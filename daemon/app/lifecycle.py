"""The life of `guestd serve`, told in order: what starts after what, what stops before what, and who is told."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import secrets
import signal
import sys
from typing import TYPE_CHECKING, Any

from ..api.server import HttpServer
from ..journal.memory import MemoryJournal
from ..journal.sqlite import SqliteJournal
from ..model.errors import ConfigError, JournalError, PlatformError
from ..model.ports import DeploymentFacts, Journal
from ..observe.metrics import Metrics
from ..platform.deployment import fetch_deployment
from ..platform.http import Http
from ..supervisor.supervisor import Supervisor
from ..transport.upload import FileUploader
from .config import Config
from .demo import Demo
from .pulse import Pulse
from .status import StatusLine
from .systemd import Notifier
from .wiring import (
    api_settings,
    journal_directory,
    new_emulator,
    new_http,
    new_spool,
    new_supervisor,
    new_uploader,
    place_of,
)

if TYPE_CHECKING:
    from ..emulator import Emulator

logger = logging.getLogger("guestd")

DEPLOYMENT_TRIES = 3


class Interrupted(Exception):
    """A second signal came while we were leaving."""


async def serve(config: Config, demo_guests: int = 0) -> None:
    """Run until a SIGTERM or SIGINT. Raises ConfigError, PlatformError, JournalError or Interrupted; each has its exit code."""
    loop = asyncio.get_running_loop()
    faulthandler.enable()
    notifier = Notifier()
    stop = _listen_for_signals(loop)
    house = House(config, loop, notifier)
    try:
        await house.start(demo_guests)
        print(f"ready {house.http.url}", flush=True)
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


class House:
    """Everything that runs, in the order it was started."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, notifier: Notifier) -> None:
        self._config = config
        self._loop = loop
        self._notifier = notifier
        self.metrics = Metrics()
        self.emulator: Emulator | None = None
        self._http_client: Http | None = None
        self._uploader: FileUploader | None = None
        self.spool = new_spool(config, os.environ)
        self.broken: asyncio.Future[None] = loop.create_future()
        self._journal: SqliteJournal | None = None
        self.fleet: Supervisor | None = None
        self.http: HttpServer
        self._demo: Demo | None = None
        self._status: StatusLine | None = None
        self._pulse: Pulse | None = None

    async def start(self, demo_guests: int = 0, quiet: bool = False) -> None:
        """Everything up; raises ConfigError or PlatformError. `quiet` leaves out what is for an operator's eyes."""
        config = self._config
        if not config.platform.is_given:
            self.emulator = new_emulator(config)
            await self.emulator.start()
            logger.info("no platform is configured: the embedded emulator stands in at %s", self.emulator.url)
        place = place_of(config, self.emulator)
        self._http_client = new_http(config)
        facts = await self._ask_deployment(place.endpoints.cdn, place.deployment_id)
        journal = self._open_journal()
        self.spool.start()
        self._uploader = new_uploader(config, place)
        self.fleet = new_supervisor(
            config, place, facts, self._http_client, journal, self.metrics, self._loop, self._uploader
        )
        self._pulse = Pulse(self._loop, self.metrics.loop_lag_s, self._notifier)
        self._pulse.start()
        self.http = HttpServer(self.fleet, self.metrics, api_settings(config), draw_id, self._health, self.spool)
        await self.http.start()
        revived = self.fleet.revive()
        self.spool.clear_orphans(self.fleet.files_wanted())
        if revived:
            logger.info("%d guest sessions of the journal come back", revived)
        if not quiet:
            print(f"the simulator listens on ws{self.http.url[4:]}/?guest=NAME", file=sys.stderr, flush=True)
        if demo_guests:
            self._demo = Demo(self.fleet, self._loop, draw_id)
            self._demo.start(demo_guests)
        if not quiet:
            self._status = StatusLine(self._loop, self.fleet.status, self._notifier)
            self._status.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        self._notifier.ready("admitting guest sessions")

    async def leave(self) -> None:
        """Say goodbye for every guest session, within the grace time."""
        assert self.fleet is not None
        grace_s = self._config.drain.grace_s
        self._notifier.stopping("draining")
        self._notifier.extend(grace_s + 10.0)
        if self._demo is not None:
            self._demo.stop()
        if self._status is not None:
            self._status.stop()
        if self._journal is not None and self._config.drain.sessions != "end":
            kept = len(self.fleet.sessions())
            print(f"{kept} guest sessions kept for the next start", file=sys.stderr, flush=True)
            return
        report = await self.fleet.drain(grace_s, self._tell_progress)
        for session_id in report.left[:20]:
            logger.warning("guest session %s did not end within the grace time", session_id)
        print(f"{report.ended} guest sessions ended, {len(report.left)} left behind", file=sys.stderr, flush=True)

    async def stop(self) -> None:
        """Whatever runs, stops now; safe at any point of the start."""
        if self._demo is not None:
            self._demo.stop()
        if self._status is not None:
            self._status.stop()
        if hasattr(self, "http"):
            await self.http.stop()
        if self.fleet is not None:
            await self.fleet.stop()
        if self._journal is not None:
            await self._journal.stop()
        if self._pulse is not None:
            self._pulse.stop()
        if self._http_client is not None:
            await self._http_client.close()
        if self._uploader is not None:
            await self._uploader.close()
        self.spool.stop()
        if self.emulator is not None:
            await self.emulator.stop()

    def _open_journal(self) -> Journal:
        config = self._config.journal
        directory = journal_directory(self._config, os.environ)
        if directory is None:
            return MemoryJournal(config.events_per_session_max, config.events_max)
        self._journal = SqliteJournal(directory, self._loop, self._journal_failed, config.retention_s)
        self._journal.start()
        return self._journal

    def _journal_failed(self, error: JournalError) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)

    async def _ask_deployment(self, cdn: str, deployment_id: str) -> DeploymentFacts:
        """Tried a few times if nobody answers; a refusal is final. webchat knows no deployments."""
        if self._config.platform.dialect == "webchat":
            return DeploymentFacts()
        assert self._http_client is not None
        for attempt in range(1, DEPLOYMENT_TRIES + 1):
            try:
                return await fetch_deployment(self._http_client, cdn, deployment_id)
            except PlatformError as error:
                if not error.worth_retrying or attempt == DEPLOYMENT_TRIES:
                    raise
                logger.warning("%s; trying again", error)
                await asyncio.sleep(min(error.retry_after_s or attempt, 10.0))
        raise ConfigError("platform", "unreachable")  # the loop above returns or raises

    def _health(self) -> dict[str, Any]:
        assert self.fleet is not None
        emulated = self.emulator.url if self.emulator is not None else None
        return {"ready": self.fleet.is_ready(), "emulator": emulated, **self.fleet.status()}

    def _tell_progress(self, left: int) -> None:
        self._notifier.status(f"draining: {left} guest sessions left")
        print(f"draining: {left} guest sessions left", file=sys.stderr, flush=True)


def draw_id() -> str:
    return secrets.token_hex(16)
