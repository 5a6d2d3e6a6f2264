"""Everything that runs, in the order it is started; each leaves its stop behind, and they are stopped in reverse.

The order is not free. The journal is there before whoever writes into it and after whoever still has something to write;
webhooks and audit read it from the first event of this life on; the port opens when everything behind it stands.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from ..api.server import HttpServer
from ..journal.memory import MemoryJournal
from ..journal.sqlite import SqliteJournal
from ..model.errors import ConfigError, JournalError, PlatformError
from ..model.ports import DeploymentFacts, Journal, Operations
from ..observe.metrics import Metrics
from ..operations.closed import ClosedDesk
from ..operations.desk import Desk
from ..operations.scribe import Scribe
from ..platform.calls import RestCalls
from ..platform.deployment import fetch_deployment
from ..platform.http import Http
from ..records.audit import Audit
from ..records.webhooks import Webhooks
from ..supervisor.clock import LoopClock
from ..supervisor.supervisor import Supervisor
from .config import Config
from .demo import Demo
from .pulse import Pulse
from .status import StatusLine
from .systemd import Notifier
from .wiring.doors import api_settings, control_settings
from .wiring.fleet import new_supervisor, new_uploader
from .wiring.keeping import (
    identity_settings,
    journal_directory,
    journal_settings,
    new_guest_tokens,
    new_key_ring,
    new_spool,
)
from .wiring.places import Place, new_emulator, place_of
from .wiring.records import audit_directory, new_audit, new_webhooks
from .wiring.rest import new_calls, new_http, new_operations

if TYPE_CHECKING:
    from ..emulator import Emulator
    from ..identity.keys import KeyRing
    from ..operations.creation import Sign

logger = logging.getLogger("guestd")

DEPLOYMENT_TRIES = 3


class House:
    """`start`, live, `leave` in an orderly way, `stop`. `broken` gets the journal's error, which ends the process."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, notifier: Notifier) -> None:
        self._config = config
        self._loop = loop
        self._notifier = notifier
        self._clock = LoopClock(loop)
        self._stops = AsyncExitStack()
        self.metrics = Metrics()
        self.broken: asyncio.Future[None] = loop.create_future()
        self.spool = new_spool(config, os.environ)
        self.emulator: Emulator | None = None
        self.operations: Operations = ClosedDesk("set platform.client_id and platform.client_secret_file")
        self.fleet: Supervisor
        self.http: HttpServer
        self._journal: Journal
        self._desk: Desk | None = None
        self._demo: Demo | None = None
        self._status: StatusLine | None = None

    async def start(self, demo_guests: int = 0, quiet: bool = False) -> None:
        """Everything up; raises ConfigError or PlatformError. `quiet` leaves out what is for an operator's eyes."""
        place = await self._find_platform()
        http = new_http(self._config)
        self._stops.push_async_callback(http.close)
        ring = self._open_keys()
        facts = await self._ask_deployment(http, place)
        self._journal = self._open_journal()
        webhooks = self._open_records()
        calls = self._open_calls(http, place)
        self._open_fleet(place, facts, http, calls)
        self._open_desk(calls, ring)
        self._start_pulse()
        await self._open_port(ring, webhooks)
        self._revive()
        if demo_guests:
            self._demo = Demo(self.fleet, self._loop, draw_id)
            self._stops.callback(self._demo.stop)
            self._demo.start(demo_guests)
        if not quiet:
            self._start_telling()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        self._notifier.ready("admitting guest sessions")

    async def stop(self) -> None:
        """Whatever runs, stops now; safe at any point of the start."""
        await self._stops.aclose()

    # ------------------------------------------------------------------ the parts

    async def _find_platform(self) -> Place:
        if not self._config.platform.is_given:
            self.emulator = new_emulator(self._config)
            self._stops.push_async_callback(self.emulator.stop)
            await self.emulator.start()
            logger.info("no platform is configured: the embedded emulator stands in at %s", self.emulator.url)
        return place_of(self._config, self.emulator)

    def _open_keys(self) -> KeyRing | None:
        settings = identity_settings(self._config, os.environ)
        if settings is None:
            return None
        ring = new_key_ring(settings)
        ring.current()  # a ring that cannot be used is to be known now, not at the first guest
        return ring

    async def _ask_deployment(self, http: Http, place: Place) -> DeploymentFacts:
        """Tried a few times if nobody answers; a refusal is final. webchat knows no deployments."""
        if self._config.platform.dialect == "webchat":
            return DeploymentFacts()
        for attempt in range(1, DEPLOYMENT_TRIES + 1):
            try:
                return await fetch_deployment(http, place.endpoints.cdn, place.deployment_id)
            except PlatformError as error:
                if not error.worth_retrying or attempt == DEPLOYMENT_TRIES:
                    raise
                logger.warning("%s; trying again", error)
                await asyncio.sleep(min(error.retry_after_s or attempt, 10.0))
        raise ConfigError("platform", "unreachable")  # the loop above returns or raises

    def _open_journal(self) -> Journal:
        directory = journal_directory(self._config, os.environ)
        if directory is None:
            return MemoryJournal(self._config.journal.events_per_session_max, self._config.journal.events_max)
        journal = SqliteJournal(directory, self._loop, self._journal_failed, journal_settings(self._config))
        journal.start()
        self.metrics.journal_damaged_rows = lambda: journal.damaged_rows
        self._stops.push_async_callback(journal.stop)
        return journal

    def _journal_failed(self, error: JournalError) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)
            self.broken.exception()  # seen: a start that fails by it raises it by itself

    def _open_records(self) -> Webhooks:
        """Webhooks and audit read the journal from the first event of this life on."""
        directory = audit_directory(self._config, journal_directory(self._config, os.environ))
        if directory is not None:
            audit = new_audit(self._config, directory, self._journal, self.metrics, self._loop)
            audit.start()
            self._stops.push_async_callback(self._stop_reader, audit)
        webhooks = new_webhooks(self._config, os.environ, self._journal, self.metrics, self._loop)
        webhooks.start()
        self._stops.push_async_callback(self._stop_reader, webhooks)
        return webhooks

    async def _stop_reader(self, reader: Webhooks | Audit) -> None:
        """With a broken journal nothing more can be marked as read."""
        await (reader.abandon() if self.broken.done() else reader.stop())

    def _open_calls(self, http: Http, place: Place) -> RestCalls | None:
        """The platform's REST side needs an OAuth client; the emulator has one."""
        if self.emulator is None and self._config.platform.client_id is None:
            return None
        calls = new_calls(self._config, place, http, self.emulator, self.metrics, self._loop)
        self._stops.push_async_callback(calls.close)
        return calls

    def _open_fleet(self, place: Place, facts: DeploymentFacts, http: Http, calls: RestCalls | None) -> None:
        self.spool.start()
        self._stops.callback(self.spool.stop)
        uploader = new_uploader(self._config, place)
        self._stops.push_async_callback(uploader.close)
        self.fleet = new_supervisor(
            self._config, place, facts, http, self._journal, self.metrics, self._loop, uploader, calls
        )
        self._stops.push_async_callback(self.fleet.stop)

    def _open_desk(self, calls: RestCalls | None, ring: KeyRing | None) -> None:
        """Without calls the closed desk stays, which says what is missing."""
        if calls is None:
            return
        self._desk = new_operations(
            self._config,
            self._journal,
            Scribe(self._journal, self._clock),
            calls,
            self._clock,
            self.metrics,
            self._signer(ring),
        )
        self._stops.push_async_callback(self._desk.stop)
        self.operations = self._desk

    def _signer(self, ring: KeyRing | None) -> Sign | None:
        """Signs the token of a guest who brings none (SESS-7, GUEST-1); None where no keys are configured."""
        settings = identity_settings(self._config, os.environ)
        if settings is None or ring is None:
            return None
        tokens = new_guest_tokens(settings, ring, self.metrics)
        return lambda guest_id, attributes: tokens.sign(guest_id, attributes).token

    def _start_pulse(self) -> None:
        pulse = Pulse(self._loop, self.metrics.loop_lag_s, self._notifier)
        pulse.start()
        self._stops.callback(pulse.stop)

    async def _open_port(self, ring: KeyRing | None, webhooks: Webhooks) -> None:
        self.http = HttpServer(
            self.fleet,
            self.metrics,
            api_settings(self._config),
            draw_id,
            self._health,
            jwks=ring.jwks if ring is not None else None,
            control=control_settings(self._config),
            operations=self.operations,
            spool=self.spool,
            webhooks=webhooks.desk,
        )
        self._stops.push_async_callback(self.http.stop)
        await self.http.start()

    def _revive(self) -> None:
        revived = self.fleet.revive()
        self.spool.clear_orphans(self.fleet.files_wanted())
        if revived:
            logger.info("%d guest sessions of the journal come back", revived)
        if self._desk is not None and (going_on := self._desk.revive()):
            logger.info("%d REST operations of the journal go on", going_on)

    def _start_telling(self) -> None:
        print(f"the simulator listens on ws{self.http.url[4:]}/?guest=NAME", file=sys.stderr, flush=True)
        self._status = StatusLine(self._loop, self.fleet.status, self._notifier)
        self._stops.callback(self._status.stop)
        self._status.start()

    # ------------------------------------------------------------------ leaving

    async def leave(self) -> None:
        """Say goodbye for every guest session, within the grace time; with a journal they are kept for the next start."""
        grace_s = self._config.drain.grace_s
        self._notifier.stopping("draining")
        self._notifier.extend(grace_s + 10.0)
        for one in (self._demo, self._status):
            if one is not None:
                one.stop()
        keep = isinstance(self._journal, SqliteJournal) and self._config.drain.sessions != "end"
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

    def _tell_progress(self, left: int) -> None:
        self._notifier.status(f"draining: {left} guest sessions left")
        print(f"draining: {left} guest sessions left", file=sys.stderr, flush=True)

    def _health(self) -> dict[str, Any]:
        emulated = self.emulator.url if self.emulator is not None else None
        return {"ready": self.fleet.is_ready(), "emulator": emulated, **self.fleet.status()}


def draw_id() -> str:
    return secrets.token_hex(16)
