"""Everything that runs, in the order it is started; each leaves its stop behind, and they are
stopped in reverse.

The order is not free. The journal opens before its writers and closes after the last of them;
webhooks and audit read it from the first event of this life on; the port opens when everything
behind it stands."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING, Any

from ..api.client_log import log_limit
from ..audit.audit import Audit
from ..journal.sqlite import SqliteJournal
from ..model.journal import Journal, SavedSession
from ..model.ports import DeploymentConfig, Operations
from ..observe.log import Log, fields
from ..observe.measured_read import measured_read
from ..observe.metrics import Metrics
from ..operations.event_appender import EventAppender
from ..operations.service import OperationService, SavedOperations
from ..operations.unavailable import OperationsUnavailable
from ..platform.calls import RestCalls
from ..platform.deployment import DEPLOYMENT_READ, fetch_deployment
from ..platform.http import Http
from ..runtime.clock import LoopClock
from ..session.waits import counted
from ..spool.reading import open_copy
from ..supervisor.supervisor import Supervisor
from ..webhooks.webhooks import WebhookService
from ..wire.dialects import TRAITS
from .config import Config
from .demo import Demo
from .deployment_file import DeploymentFile
from .deployment_watch import DeploymentWatch
from .exit_codes import INTERNAL, JOURNAL
from .heartbeat_budget import heartbeat_notes
from .journal_at_disk import JournalAtDisk
from .journal_watch import JournalWatch
from .key_rotation import KeyRotation
from .loop_watchdog import LoopWatchdog
from .opening_screen import GUESTS_SHOWN, conversations, is_watched, opening_facts, opening_lines
from .readiness import Readiness
from .recovery_line import say_recovered
from .status import StatusLine
from .systemd import Notifier
from .wiring import endpoints
from .wiring.api import draw_id, new_http_server
from .wiring.endpoints import PlatformTarget, asked_target, platform_target, start_emulator
from .wiring.fleet import new_supervisor, new_uploader, session_settings
from .wiring.followers import audit_directory, new_audit, new_webhooks
from .wiring.rest import new_calls, new_http, new_operations
from .wiring.storage import (
    guest_token_signer,
    journal_directory,
    key_directory,
    new_key_ring,
    new_spool,
)

if TYPE_CHECKING:
    from ..api.server import HttpServer
    from ..emulator import Emulator
    from ..identity.keys import KeyRing

logger = logging.getLogger("guestd")

#: Of a program that would rather end than wait for the platform.
DEPLOYMENT_TRIES = 3
#: How long the port stays closed for the deployment's facts: an answer takes less than a second
#: where the way is good, and a refusal within this time can still be reported as a failed start.
FIRST_ANSWER_S = 5.0


class Daemon:
    """The composition root: `start`, live, `drain`, `stop`.

    `broken` gets the journal's error, which ends the process."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        notifier: Notifier,
        log: Log | None = None,
    ) -> None:
        """`log` takes the lines that are meant for a person; without one they are logged like all
        else."""
        self._config = config
        self._log = log
        self._is_watched = log is not None and is_watched()
        self._loop = loop
        self._notifier = notifier
        self._clock = LoopClock(loop)
        self._stops = AsyncExitStack()
        self.metrics = Metrics()
        self.metrics.on_refusal = log_limit
        if log is not None:
            self.metrics.log_dropped = lambda: log.dropped
        self.broken: asyncio.Future[None] = loop.create_future()
        self.spool = new_spool(config, os.environ)
        self.emulator: Emulator | None = None
        self.operations: Operations = OperationsUnavailable(
            "set platform.client_id and platform.client_secret_file"
        )
        self.fleet: Supervisor
        self.http: HttpServer
        self._at_disk = JournalAtDisk(config, loop, notifier, self.metrics, self._fail)
        self._journal: Journal
        self._appender: EventAppender
        self._saved: Sequence[SavedSession] = ()
        self._service: OperationService | None = None
        self._demo: Demo | None = None
        self._deployment: DeploymentWatch | None = None
        self._readiness: Readiness
        self._journal_watch = JournalWatch()
        self._status: StatusLine | None = None

    async def start(self, demo_guests: int = 0, quiet: bool = False, patient: bool = False) -> None:
        """Everything up; raises ConfigError, JournalError or PlatformError. `quiet` leaves out what
        is for an operator's eyes.
        `patient`: a platform that cannot be reached is asked until it answers."""
        if self._config.platform.is_given or not self._is_watched:
            for line in heartbeat_notes(self._config):
                logger.info("%s", line)
        http = new_http(self._config)
        self._stops.push_async_callback(http.close)
        place = await self._find_platform(http)
        ring = self._open_keys()
        self._stops.push_async_callback(self._at_disk.close)
        self._journal = await self._at_disk.open()
        deployment = DeploymentFile(journal_directory(self._config, os.environ), _address_of(place))
        has_deployment = TRAITS[self._config.platform.dialect].deployment_required
        facts = deployment.read() if has_deployment else None
        self._saved = await self._journal.recover()
        webhooks = await self._open_followers()
        calls = self._open_calls(http, place)
        self._open_fleet(place, facts or DeploymentConfig(), http, calls)
        self._open_operations(calls, ring)
        self._keep_keys(ring)
        self._start_watchdog()
        if has_deployment:
            await self._watch_deployment(http, place, deployment, facts is not None, patient)
        operations = await self._service.saved() if self._service is not None else None
        await self._open_port(place, calls, ring, webhooks)
        self._recover(operations)
        if demo_guests:
            self._start_demo(demo_guests)
        if not quiet:
            self._start_telling(demo_guests)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        self._notifier.ready("admitting guest sessions")

    async def stop(self) -> None:
        """Whatever runs, stops now; safe at any point of the start."""
        await self._stops.aclose()
        if self.broken.done():
            self.broken.exception()  # seen: a second reader is not needed

    # ------------------------------------------------------------------ the parts

    async def _find_platform(self, http: Http) -> PlatformTarget:
        if self._config.platform.emulator is not None:
            return await asked_target(self._config, http, FIRST_ANSWER_S)
        if not self._config.platform.is_given:
            self.emulator = await start_emulator(self._config, self._stops)
            if not self._is_watched:  # a person's screen says it
                text = "no platform is configured: the embedded emulator stands in at %s"
                logger.info(text, self.emulator.url)
        return platform_target(self._config, self.emulator)

    def _open_keys(self) -> KeyRing | None:
        directory = key_directory(self._config, os.environ)
        if directory is None:
            return None
        ring = new_key_ring(directory, self._config.identity)
        ring.current()  # a ring that cannot be used is to be known now, not at the first guest
        ring.adopt()
        return ring

    async def _watch_deployment(
        self, http: Http, place: PlatformTarget, file: DeploymentFile, is_known: bool, patient: bool
    ) -> None:
        """Ask for its facts; a first answer is waited for, for a while. Raises PlatformError if it
        ends the start."""

        def learn(facts: DeploymentConfig) -> None:
            self.fleet.use(session_settings(self._config, facts))
            file.write(facts)

        async def ask() -> DeploymentConfig:
            deployment = place.deployment_id
            return await measured_read(
                lambda: fetch_deployment(http, place.endpoints.cdn, deployment),
                DEPLOYMENT_READ,
                {"deployment": deployment},
                self.metrics,
                self._appender.note,
            )

        self._deployment = DeploymentWatch(
            ask,
            is_known,
            learn,
            self._fail,
            self._may_refusal_end,
            Random(),
            None if patient else DEPLOYMENT_TRIES,
        )
        self._readiness.deployment = self._deployment
        self._deployment.start()
        self._stops.push_async_callback(self._deployment.stop)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._deployment.answered.wait(), FIRST_ANSWER_S if patient else None
            )
        if self.broken.done():
            self.broken.result()

    def _may_refusal_end(self) -> bool:
        """Nothing is lost by an end: nothing was ever known of the deployment, and there is no
        guest session."""
        assert self._deployment is not None
        return not (self._deployment.is_known or self.fleet.sessions() or self._saved)

    def _fail(self, error: Exception) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)
            self.broken.exception()  # seen: a start that fails by it raises it by itself

    async def _open_followers(self) -> WebhookService:
        """Webhooks and audit read the journal from the first event of this life on."""
        directory = audit_directory(self._config, journal_directory(self._config, os.environ))
        if directory is not None:
            audit = new_audit(self._config, directory, self._journal, self.metrics, self._loop)
            audit.start()
            self._stops.push_async_callback(self._stop_reader, audit)
        self._appender = await EventAppender.open(self._journal, self._clock)
        webhooks = new_webhooks(
            self._config, os.environ, self._journal, self.metrics, self._loop, self._appender
        )
        webhooks.start()
        self._stops.push_async_callback(self._stop_reader, webhooks)
        return webhooks

    async def _stop_reader(self, reader: WebhookService | Audit) -> None:
        """With a broken journal nothing more can be marked as read."""
        await (reader.abandon() if self._at_disk.has_failed else reader.stop())

    def _open_calls(self, http: Http, place: PlatformTarget) -> RestCalls | None:
        """The platform's REST side needs an OAuth client; the emulator has one."""
        if place.client is None and not self._config.platform.has_client:
            return None
        calls = new_calls(self._config, place, http, self.metrics, self._loop, self._appender.note)
        self._stops.push_async_callback(calls.close)
        return calls

    def _open_fleet(
        self, place: PlatformTarget, facts: DeploymentConfig, http: Http, calls: RestCalls | None
    ) -> None:
        self.spool.start()
        self._stops.push_async_callback(self.spool.stop)
        uploader = new_uploader(self._config, place, open_copy)
        self._stops.push_async_callback(uploader.close)
        self.fleet = new_supervisor(
            self._config,
            place,
            facts,
            http,
            self._journal,
            self.metrics,
            self._loop,
            uploader,
            calls,
            self._appender.note,
            self.spool.discard,
        )
        self._stops.push_async_callback(self.fleet.stop)
        emulator_url = self.emulator.url if self.emulator is not None else None
        self._readiness = Readiness(self.fleet, self._journal, self._journal_watch, emulator_url)
        self.metrics.readiness = self._readiness.figures

    def _open_operations(self, calls: RestCalls | None, ring: KeyRing | None) -> None:
        """Without calls OperationsUnavailable stays, which says what is missing."""
        if calls is None:
            return
        self._service = new_operations(
            self._config,
            self._journal,
            self._appender,
            calls,
            self._clock,
            self.metrics,
            guest_token_signer(self._config.identity, ring, self.metrics),
        )
        self._stops.push_async_callback(self._service.stop)
        self.operations = self._service

    def _keep_keys(self, ring: KeyRing | None) -> None:
        if ring is not None:
            rotation = KeyRotation(ring, self._appender.note)
            rotation.start()
            self._stops.push_async_callback(rotation.stop)

    def _start_watchdog(self) -> None:
        self.metrics.journal_oldest_wait_s = self._journal.oldest_wait_s
        watchdog = LoopWatchdog(
            self._loop,
            self.metrics.loop_lag_s,
            self._notifier,
            self._journal_watch,
            self._unexplained_wait_s,
        )
        watchdog.start()
        self._stops.callback(watchdog.stop)

    async def _open_port(
        self,
        place: PlatformTarget,
        calls: RestCalls | None,
        ring: KeyRing | None,
        webhooks: WebhookService,
    ) -> None:
        self.http = new_http_server(
            self._config,
            place,
            self.fleet,
            self.metrics,
            self._readiness,
            jwks=ring.jwks if ring is not None else None,
            operations=self.operations,
            spool=self.spool,
            webhooks=webhooks.admin,
            emulator=endpoints.emulator_admin(self._config, self.emulator, self._stops),
            budgets=calls.budgets if calls is not None else tuple,
        )
        self._stops.push_async_callback(self.http.stop)
        await self.http.start()

    def _recover(self, operations: SavedOperations | None) -> None:
        """What was read before the port was opened goes on before anything is asked of it."""
        recovered = self.fleet.recover(self._saved)
        self._saved = ()
        self.spool.clear_orphans(self.fleet.files_wanted())
        say_recovered(recovered, "guest session")
        if self._service is not None and operations is not None:
            say_recovered(self._service.resume(operations), "REST operation")

    def _start_demo(self, guests: int) -> None:
        shown = conversations(self._tell) if self._is_watched else None
        self._demo = Demo(self.fleet, self._loop, draw_id, shown=shown, shown_guests=GUESTS_SHOWN)
        self._stops.callback(self._demo.stop)
        self._demo.start(guests)

    def _start_telling(self, demo_guests: int) -> None:
        if self._is_watched:
            emulator_url = self.emulator.url if self.emulator is not None else None
            facts = opening_facts(self._config, self.http.url, emulator_url, demo_guests)
            for line in opening_lines(facts):
                self._tell(line)
        else:
            listens = f"the simulator listens on ws{self.http.url[4:]}/?guest=NAME"
            self._tell(listens, event="started")
        write = self._log.status if self._log is not None else lambda text: None
        self._status = StatusLine(
            self._loop, self._readiness.line, self._notifier, write, self._is_watched
        )
        self._stops.callback(self._status.stop)
        self._status.start()

    # ------------------------------------------------------------------ draining

    async def drain(self) -> None:
        """Say goodbye for every guest session, within the grace time; with a journal they are kept
        for the next start."""
        grace_s = self._config.drain.grace_s
        self._readiness.is_leaving = True
        self._notifier.stopping("draining")
        self._notifier.extend(grace_s + 20.0)
        for one in (self._demo, self._status):
            if one is not None:
                one.stop()
        keep = isinstance(self._journal, SqliteJournal) and self._config.drain.sessions != "end"
        operations = self._loop.create_task(
            self._drain_operations(grace_s, not keep), name="drain operations"
        )
        if keep:
            await operations
            kept = len(self.fleet.sessions())
            said = f"{counted(kept, 'guest session')} kept for the next start"
            self._tell(said, event="drained", kept=kept)
            return
        report = await self.fleet.drain(grace_s, self._tell_progress)
        await operations
        for session_id in report.left[:20]:
            logger.warning("guest session %s did not end within the grace time", session_id)
        ended = counted(report.ended, "guest session")
        left = len(report.left)
        self._tell(f"{ended} ended, {left} left behind", event="drained", left=left)

    async def _drain_operations(self, grace_s: float, end_sessions: bool) -> None:
        if self._service is not None and (left := await self._service.drain(grace_s, end_sessions)):
            logger.info("%d REST operations are not over", left)

    def _tell(self, text: str, **known: Any) -> None:
        """A line for a person; it is queued, and never waited for."""
        if self._log is not None:
            self._log.line(text, **known)
        else:
            logger.info("%s", text, extra=fields(**known))

    def _tell_progress(self, left: int) -> None:
        said = f"draining: {counted(left, 'guest session')} left"
        self._notifier.status(said)
        self._tell(said)

    # ------------------------------------------------------------------ health

    def late_code(self) -> int:
        """The exit code of a stop that takes too long: the disk's fault if the journal waits for
        it, else ours."""
        return JOURNAL if self._at_disk.is_waited_for else INTERNAL

    def _unexplained_wait_s(self) -> float:
        """A full disk explains why events wait, and is reported elsewhere."""
        return 0.0 if self._journal.storage_full else self._journal.oldest_wait_s()


def _address_of(place: PlatformTarget) -> str:
    return f"{place.endpoints.cdn} {place.deployment_id}"
