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
from ..model.ports import DeploymentFacts, Journal, Operations
from ..observe.metrics import Metrics
from ..operations.closed import ClosedDesk
from ..operations.creation import Sign
from ..operations.desk import Desk
from ..operations.scribe import Scribe
from ..platform.calls import RestCalls
from ..platform.deployment import fetch_deployment
from ..platform.http import Http
from ..records.audit import Audit
from ..records.webhooks import Webhooks
from ..supervisor.clock import LoopClock
from ..supervisor.supervisor import Supervisor
from ..transport.upload import FileUploader
from .config import Config
from .demo import Demo
from .exits import Interrupted
from .pulse import Pulse
from .records import audit_directory, new_audit, new_webhooks
from .status import StatusLine
from .systemd import Notifier
from .wiring import (
    Place,
    api_settings,
    control_settings,
    identity_settings,
    journal_directory,
    journal_settings,
    new_calls,
    new_emulator,
    new_http,
    new_key_ring,
    new_operations,
    new_signer,
    new_spool,
    new_supervisor,
    new_uploader,
    place_of,
)

if TYPE_CHECKING:
    from ..emulator import Emulator
    from ..identity.keys import KeyRing

logger = logging.getLogger("guestd")

DEPLOYMENT_TRIES = 3


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
        self.key_ring: KeyRing | None = None
        self._sign: Sign | None = None
        self._uploader: FileUploader | None = None
        self.spool = new_spool(config, os.environ)
        self.broken: asyncio.Future[None] = loop.create_future()
        self._journal: SqliteJournal | None = None
        self.webhooks: Webhooks | None = None
        self._audit: Audit | None = None
        self.fleet: Supervisor | None = None
        self.operations: Operations = ClosedDesk("set platform.client_id and platform.client_secret_file")
        self.scribe: Scribe
        self._desk: Desk | None = None
        self._calls: RestCalls | None = None
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
        identity = identity_settings(config, os.environ)
        if identity is not None:
            self.key_ring = new_key_ring(identity)
            self.key_ring.current()  # a ring that cannot be used is to be known now, not at the first guest
            self._sign = new_signer(identity, self.key_ring, self.metrics)
        facts = await self._ask_deployment(place.endpoints.cdn, place.deployment_id)
        journal = self._open_journal()
        self._start_records(journal)
        self.spool.start()
        self._uploader = new_uploader(config, place)
        self._open_calls(place)
        self.fleet = new_supervisor(
            config,
            place,
            facts,
            self._http_client,
            journal,
            self.metrics,
            self._loop,
            self._uploader,
            self._calls,
        )
        self.scribe = Scribe(journal, LoopClock(self._loop))
        self._open_desk(journal)
        self._pulse = Pulse(self._loop, self.metrics.loop_lag_s, self._notifier)
        self._pulse.start()
        self.http = HttpServer(
            self.fleet,
            self.metrics,
            api_settings(config),
            draw_id,
            self._health,
            jwks=self.key_ring.jwks if self.key_ring is not None else None,
            control=control_settings(config),
            operations=self.operations,
            spool=self.spool,
            webhooks=self.webhooks.desk if self.webhooks is not None else None,
        )
        await self.http.start()
        revived = self.fleet.revive()
        self.spool.clear_orphans(self.fleet.files_wanted())
        if revived:
            logger.info("%d guest sessions of the journal come back", revived)
        if self._desk is not None and (going_on := self._desk.revive()):
            logger.info("%d REST operations of the journal go on", going_on)
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
        keep = self._journal is not None and self._config.drain.sessions != "end"
        operations = self._loop.create_task(self._drain_desk(grace_s, not keep), name="drain operations")
        if keep:
            await operations
            kept = len(self.fleet.sessions())
            print(f"{kept} guest sessions kept for the next start", file=sys.stderr, flush=True)
            return
        report = await self.fleet.drain(grace_s, self._tell_progress)
        await operations
        for session_id in report.left[:20]:
            logger.warning("guest session %s did not end within the grace time", session_id)
        print(f"{report.ended} guest sessions ended, {len(report.left)} left behind", file=sys.stderr, flush=True)

    async def _drain_desk(self, grace_s: float, end_sessions: bool) -> None:
        if self._desk is not None and (left := await self._desk.drain(grace_s, end_sessions)):
            logger.info("%d REST operations are not over", left)

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
        if self._desk is not None:
            await self._desk.stop()
        for reader in (self.webhooks, self._audit):
            if reader is not None:
                await (reader.abandon() if self.broken.done() else reader.stop())
        if self._journal is not None:
            await self._journal.stop()
        if self._pulse is not None:
            self._pulse.stop()
        if self._calls is not None:
            await self._calls.close()
        if self._http_client is not None:
            await self._http_client.close()
        if self._uploader is not None:
            await self._uploader.close()
        self.spool.stop()
        if self.emulator is not None:
            await self.emulator.stop()

    def _open_calls(self, place: Place) -> None:
        """The platform's REST side needs an OAuth client; the emulator has one."""
        if self.emulator is not None or self._config.platform.client_id is not None:
            assert self._http_client is not None
            self._calls = new_calls(self._config, place, self._http_client, self.emulator, self.metrics, self._loop)

    def _open_desk(self, journal: Journal) -> None:
        """Without calls the closed desk stays, which says what is missing."""
        if self._calls is None:
            return
        clock = LoopClock(self._loop)
        self._desk = new_operations(self._config, journal, self.scribe, self._calls, clock, self.metrics, self._sign)
        self.operations = self._desk

    def _open_journal(self) -> Journal:
        config = self._config.journal
        directory = journal_directory(self._config, os.environ)
        if directory is None:
            return MemoryJournal(config.events_per_session_max, config.events_max)
        self._journal = SqliteJournal(directory, self._loop, self._journal_failed, journal_settings(self._config))
        self._journal.start()
        return self._journal

    def _start_records(self, journal: Journal) -> None:
        """Webhooks and audit read the journal from the first event of this life on."""
        directory = audit_directory(self._config, journal_directory(self._config, os.environ))
        if directory is not None:
            audit = new_audit(self._config, directory, journal, self.metrics, self._loop)
            audit.start()
            self._audit = audit
        self.webhooks = new_webhooks(self._config, os.environ, journal, self.metrics, self._loop)
        self.webhooks.start()

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
