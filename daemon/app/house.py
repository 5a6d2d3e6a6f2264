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
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING, Any

from ..api.server import HttpServer
from ..journal.memory import MemoryJournal
from ..journal.sqlite import SqliteJournal
from ..model.errors import JournalError, StorageFull
from ..model.ports import DeploymentFacts, Journal, Operations
from ..observe.metrics import Metrics
from ..observe.output import Output, say
from ..operations.closed import ClosedDesk
from ..operations.desk import Desk
from ..operations.scribe import Scribe
from ..platform.calls import RestCalls
from ..platform.deployment import fetch_deployment
from ..platform.deployment_watch import DeploymentMemory, DeploymentWatch
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
from .wiring.fleet import new_supervisor, new_uploader, session_settings
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

#: Between two looks at a disk that has no room for the start.
ROOM_WAIT_S = 2.0


class House:
    """`start`, live, `leave` in an orderly way, `stop`. `broken` gets the journal's error, which ends the process."""

    def __init__(
        self, config: Config, loop: asyncio.AbstractEventLoop, notifier: Notifier, output: Output | None = None
    ) -> None:
        self._config = config
        self._loop = loop
        self._notifier = notifier
        self._output = output
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
        self._deployment: DeploymentWatch | None = None
        self._pulse: Pulse
        if output is not None:
            self.metrics.log_lines_dropped = lambda: output.dropped

    async def start(self, demo_guests: int = 0, quiet: bool = False) -> None:
        """Everything up; raises ConfigError or PlatformError. `quiet` leaves out what is for an operator's eyes."""
        place = await self._find_platform()
        http = new_http(self._config)
        self._stops.push_async_callback(http.close)
        ring = self._open_keys()
        self._journal = await self._open_journal()
        facts = await self._ask_deployment(http, place)
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
        """What is known of it; see deployment_watch.py. webchat knows no deployments."""
        if self._config.platform.dialect == "webchat":
            return DeploymentFacts()
        directory = journal_directory(self._config, os.environ)
        self._deployment = DeploymentWatch(
            lambda: fetch_deployment(http, place.endpoints.cdn, place.deployment_id),
            DeploymentMemory(directory, place.deployment_id),
            lambda facts: self.fleet.renew(session_settings(self._config, facts)),
            Random(),
        )
        self._stops.push_async_callback(self._deployment.stop)
        return await self._deployment.start()

    async def _open_journal(self) -> Journal:
        directory = journal_directory(self._config, os.environ)
        if directory is None:
            return MemoryJournal(self._config.journal.events_per_session_max, self._config.journal.events_max)
        journal = SqliteJournal(directory, self._loop, self._journal_failed, journal_settings(self._config))
        self._stops.push_async_callback(journal.stop)
        while True:
            try:
                await uninterrupted(asyncio.to_thread(journal.start))
            except StorageFull as error:
                logger.warning("%s; the start waits for that", error)
                self._notifier.extend(ROOM_WAIT_S + 30.0)
                self._notifier.status(str(error))
                await asyncio.sleep(ROOM_WAIT_S)
            else:
                self.metrics.journal_damaged_rows = lambda: journal.damaged_rows
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
        self._pulse = Pulse(self._loop, self.metrics.loop_lag_s, self._notifier, self._journal.oldest_wait_s)
        self._pulse.start()
        self._stops.callback(self._pulse.stop)
        self.metrics.journal_oldest_wait_s = self._journal.oldest_wait_s

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
        say(f"the simulator listens on ws{self.http.url[4:]}/?guest=NAME")
        if self._output is None:
            return
        self._status = StatusLine(self._loop, self._figures, self._notifier, self._output)
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
            say(f"{kept} guest sessions kept for the next start")
            return
        report = await self.fleet.drain(grace_s, self._tell_progress)
        await operations
        for session_id in report.left[:20]:
            logger.warning("guest session %s did not end within the grace time", session_id)
        say(f"{report.ended} guest sessions ended, {len(report.left)} left behind")

    async def _drain_desk(self, grace_s: float, end_sessions: bool) -> None:
        if self._desk is not None and (left := await self._desk.drain(grace_s, end_sessions)):
            logger.info("%d REST operations are not over", left)

    def _tell_progress(self, left: int) -> None:
        self._notifier.status(f"draining: {left} guest sessions left")
        say(f"draining: {left} guest sessions left")

    def _health(self) -> dict[str, Any]:
        emulated = self.emulator.url if self.emulator is not None else None
        reasons = self._reasons()
        trouble = self._deployment.trouble if self._deployment is not None else ""
        return {
            "ready": not reasons,
            "reasons": reasons,
            "platform": trouble or "answers",
            "emulator": emulated,
            **self.fleet.status(),
        }

    def _reasons(self) -> list[str]:
        """Why no work should be sent here. A platform that is away is none, as long as its deployment was seen once."""
        found = {
            "storage_full": self._journal.storage_full,
            "storage_low": self._journal.storage_low,
            "journal_stalled": self._pulse.is_stalled,
            "deployment_unknown": self._deployment is not None and not self._deployment.is_known,
        }
        reasons = [reason for reason, holds in found.items() if holds]
        return reasons if reasons or self.fleet.is_ready() else ["draining"]

    def _figures(self) -> dict[str, Any]:
        trouble = ["platform unreachable"] if self._deployment is not None and self._deployment.trouble else []
        return {**self.fleet.status(), "trouble": [*trouble, *self._reasons()]}


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """To its end, also if the caller is cancelled meanwhile: what a thread has begun cannot be called back."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def draw_id() -> str:
    return secrets.token_hex(16)
