"""All guest sessions of this process: opened, found, listed, given commands, watched, ended (the
`Fleet` port).

Deciding and doing are apart here as well: who may dial now is `policy/admission`, when to wake is
`policy/deadlines`, what a session does is its machine. This package only carries their answers to
where they belong."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

from ..model.commands import Answer, Attach, Command
from ..model.endings import Cause, Ending
from ..model.errors import CommandError, Damaged, LimitExceeded, NotFound
from ..model.explanation import Explanation
from ..model.frames import FrameSource
from ..model.ids import Guest
from ..model.journal import EventStore, Replay, SavedSession, StoredCommand
from ..model.ports import (
    Clock,
    Dialer,
    DialTarget,
    History,
    OpenGuest,
    PlatformCalls,
    SessionView,
    Uploader,
    Watcher,
)
from ..model.records import Note, no_note
from ..model.storage_errors import check_storage, storage_full
from ..observe.metrics import Metrics
from ..runtime.task_pool import TaskPool
from ..runtime.timers import TIMER_TICK_S, Timers
from ..session import inputs as i
from ..session.accepted import Accepted
from ..session.explain import explain
from ..session.settings import SessionSettings
from ..wire.dialect import Dialect
from .breakage import Report
from .callers import Answered
from .commits import CommitBatcher
from .connector import Connector
from .drain import DrainReport, drain
from .frame_ring import FrameRings
from .guests import LivingGuests
from .history_reader import HistoryReader
from .history_tokens import SessionHistoryTokens
from .hub import Hub
from .lookups import CommandLookups, ShownLookups
from .opening import OpeningSession
from .overview import FleetOverview
from .records import check_guest_writable, guest_of, identity_of, record_of, remaining_s
from .runner import Runner
from .session_context import SessionContext, SessionCounted
from .session_factory import SessionFactory
from .session_log import SessionLog
from .settings import SupervisorSettings
from .status import status_of
from .uploads import Uploads
from .views import view_of, view_of_ended

#: Connections for which the journal is asked at once about a repeated message; more wait.
REPETITIONS_ASKED_MAX = 100


class Supervisor:
    """The fleet. Needs a running loop at construction; `drain` and `stop` end it. `dialer`,
    `journal`, `history`, `uploader` and `calls` are ports; `target` says where to dial; `rng` feeds
    jitter and tracing ids only: session tokens come from `draw_token`, by default from the system's
    own randomness. Without an `uploader`, or without the `calls` that webchat asks with,
    attachments are refused. `note` tells the audit of what is asked over REST for a session."""

    def __init__(
        self,
        settings: SupervisorSettings,
        session: SessionSettings,
        dialect: Dialect,
        dialer: Dialer,
        target: DialTarget,
        journal: EventStore,
        history: History | None,
        clock: Clock,
        rng: Random,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop | None = None,
        draw_token: Callable[[], str] = lambda: str(uuid4()),
        draw_session_id: Callable[[], str] = lambda: secrets.token_hex(8),
        uploader: Uploader | None = None,
        calls: PlatformCalls | None = None,
        note: Note = no_note,
        discard_copy: Callable[[str], None] = lambda path: None,
        keep_report: Callable[[Report], None] = lambda report: None,
        *,
        uncommitted_max: int,
    ) -> None:
        loop = loop or asyncio.get_running_loop()
        self._settings, self._uncommitted_max = settings, uncommitted_max
        self._dialect, self._clock = dialect, clock
        self._draw_token, self._draw_session_id = draw_token, draw_session_id
        self.metrics = metrics
        self._discard_copy, self._note = discard_copy, note
        can_attach = uploader is not None and (calls is not None or not dialect.traits.slot_by_rest)
        self._factory = SessionFactory(session, dialect.traits, can_attach, rng)
        self._journal, self._hub, most = journal, Hub(), settings.limits.max_sessions
        self._uploads = Uploads(uploader, calls, metrics, settings.attachments.inflight_max, note)
        self._history = HistoryReader(
            history, dialect, metrics, settings.history.inflight_max, note
        )
        self._connector = Connector(
            settings.admission,
            session.reconnect.retry_after_max_s,
            dialer,
            target,
            clock,
            metrics,
            loop,
            self._preload_seen,
            note,
        )
        self._commands = CommandLookups(journal)
        self._shown = ShownLookups(journal, settings.admission.dials_inflight_max)
        self._repetitions = TaskPool("repetition", REPETITIONS_ASKED_MAX)
        self._runners: dict[str, Runner] = {}
        self.history_tokens = SessionHistoryTokens(self._runners)
        self._frames = FrameRings(clock, loop, lambda one, ring: self._runners[one].tap(ring))
        self.overview = FleetOverview(self._runners, self._hub, metrics, self._connector, most)
        self._guests = LivingGuests(dialect.traits.guests_by_email)
        self._awaiting_dedupe_state: set[str] = set()  # recovered, without what they have shown
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining, self._log = False, SessionLog(target.url, clock, loop)
        self._context = self._new_context(loop, keep_report)

    def _new_context(
        self, loop: asyncio.AbstractEventLoop, keep_report: Callable[[Report], None]
    ) -> SessionContext:
        clock = self._clock
        return SessionContext(
            dialect=self._dialect,
            clock=clock,
            timers=Timers(loop, clock, TIMER_TICK_S, Runner.deadline_reached),
            commits=CommitBatcher(
                loop,
                clock,
                self._journal,
                self._hub,
                self.metrics,
                self._uncommitted_max,
                self._journal_is_full,
            ),
            metrics=self.metrics,
            ask_admission=self._connector.ask,
            cancel_admission=self._cancel_admission,
            dial=self._connector.dial,
            fetch_history=self._history.read,
            jwt_known=self.history_tokens.known,
            finished=self._finished,
            ask_presigned=self._uploads.ask,
            upload=self._uploads.begin,
            cancel_upload=self._uploads.cancel,
            discard=self._discard_copy,
            note=self._note,
            keep_report=keep_report,
            log=self._log,
            was_shown=self._was_shown,
            ask_journal=self._repetitions.run,
        )

    # ------------------------------------------------------------------ the Fleet port

    def open(self, guest: OpenGuest, durable: Callable[[], None] | None = None) -> str:
        """Open a guest session (SESS-1). Raises LimitExceeded, or CommandError naming the field."""
        check_guest_writable(guest)
        if self._draining:
            raise CommandError(
                "the daemon is shutting down; no new guest sessions", code="draining"
            )
        check_storage(self._journal)
        if len(self._runners) >= self._settings.limits.max_sessions:
            self.metrics.refused_sessions += 1
            live, most = len(self._runners), self._settings.limits.max_sessions
            problem = f"limit exceeded: {live} guest sessions live, limits.max_sessions is {most}"
            self._log.refused(guest.name, "limit", problem)
            raise LimitExceeded(problem)
        self._guests.check(guest.name, guest.email)
        identity = identity_of(guest, self._draw_session_id(), self._draw_token())
        self._dialect.check_guest(identity)
        runner = self._new_runner(identity, guest.duration_s)
        runner.opened_ms = self._clock.epoch_ms()
        record = record_of(identity, runner.opened_ms, runner.ends_ms)
        self._context.commits.open_session(
            runner if durable is None else OpeningSession(runner, durable), record
        )
        self._log.opened(identity)
        return identity.session_id

    def recover(self, saved_sessions: Sequence[SavedSession]) -> int:
        """Bring back every guest session that was open according to the journal
        (`EventStore.recover`); returns how many.

        They come back under the connect budget, those with unsent commands first. What was shown
        before is looked up only when a session's turn comes, so that thousands of them do not hold
        up the start."""
        for saved in saved_sessions:
            record = saved.record
            guest = guest_of(record)
            runner = self._new_runner(guest, remaining_s(record, self._clock.epoch_ms()))
            runner.restore(saved)
            self._awaiting_dedupe_state.add(record.session_id)
            runner.feed(i.Opened())
        return len(saved_sessions)

    def tell_counts(self, counted: SessionCounted) -> None:
        """From now on."""
        self._context.counted = counted

    def use(self, session: SessionSettings) -> None:
        """From now on these settings, for all; how long one lasts was settled when it opened."""
        self._factory.use(session)

    def _new_runner(self, guest: Guest, duration_s: float | None) -> Runner:
        runner = Runner(self._factory.machine(guest, duration_s), self._context)
        self._runners[guest.session_id] = runner
        self.metrics.guest_sessions_total += 1
        self._guests.enter(guest)
        self._empty.clear()
        return runner

    def find(self, name: str) -> str | None:
        return self._guests.find(name)

    def view(self, session_id: str) -> SessionView:
        return view_of(self._runner(session_id))

    def explain(self, session_id: str) -> Explanation:
        runner = self._runner(session_id)
        return explain(runner.machine, self._factory.rules, self._connector.around(runner))

    def frames(self, session_id: str) -> FrameSource:
        if session_id in self._runners:
            return self._frames.watch(session_id)
        return self._frames.kept(session_id)

    def sessions(self) -> Sequence[SessionView]:
        return [view_of(runner) for runner in self._runners.values()]

    async def ended(self, limit: int) -> Sequence[SessionView]:
        return [view_of_ended(one) for one in await self._journal.ended(limit)]

    def give(self, session_id: str, command: Command, answered: Answered) -> None:
        runner, command_id = self._runners.get(session_id), command.command_id
        must_ask = runner is not None and (
            self._commands.is_open(session_id)
            or runner.outbound.commands.may_have_forgotten(command_id)
        )
        if not must_ask:
            self._give(session_id, command, answered, None, None)
            return
        self._commands.ask(
            session_id,
            command_id,
            lambda accepted, error: self._give(session_id, command, answered, accepted, error),
        )

    def _give(
        self,
        session_id: str,
        command: Command,
        answered: Answered,
        accepted: Accepted | None,
        error: CommandError | None,
    ) -> None:
        """`accepted` as in `Runner.give`; `error`: why it is not known."""
        runner = self._runners.get(session_id)
        if runner is None:
            error = NotFound(f"there is no guest session {session_id!r}", code="ended")
        elif self._journal.storage_full:
            error = storage_full()
        elif error is None:
            runner.give(command, answered, accepted)
            return
        if isinstance(command, Attach):
            self._discard_copy(command.path)
        answered(Answer(command.command_id, error=error))

    def reconnect(self, session_id: str, *, hang_up: bool) -> bool:
        return self._runner(session_id).reconnect(hang_up)

    def end_unused(self, session_id: str) -> bool:
        if self._hub.is_watched(session_id):
            return False
        self._runner(session_id).feed(i.LeaveAsked(Cause.UNUSED))
        return True

    def files_wanted(self) -> set[str]:
        """The paths of all copies that commands under way still need; any other copy is an
        orphan."""
        return {path for runner in self._runners.values() for path in runner.outbound.paths()}

    def watch(self, session_id: str, watcher: Watcher) -> None:
        if not self._hub.is_ending(session_id):
            self._runner(session_id)
        self._hub.watch(session_id, watcher)

    def unwatch(self, session_id: str, watcher: Watcher) -> None:
        self._hub.unwatch(session_id, watcher)

    async def read(
        self, session_id: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> Replay:
        await self._check_known(session_id)
        return await self._journal.read(session_id, after_seq, limit, bytes_max)

    async def command(self, session_id: str, command_id: str) -> StoredCommand | None:
        await self._check_known(session_id)
        return await self._journal.command(session_id, command_id)

    def is_ready(self) -> bool:
        return not (self._draining or self._journal.storage_full or self._journal.storage_low)

    def is_platform_away(self) -> bool:
        return self._context.outage.is_on()

    # ------------------------------------------------------------------ the end

    async def drain(
        self, grace_s: float, progress: Callable[[int], None] = lambda left: None
    ) -> DrainReport:
        """Say goodbye for every guest session, waiting at most `grace_s`; `progress` hears how many
        are left."""
        self._draining = True
        return await drain(
            list(self._runners.values()),
            self._empty,
            self._clock,
            grace_s,
            progress,
            self._runners.__len__,
        )

    async def stop(self) -> None:
        """Drop what is left, at once. After this no task, timer or socket of the fleet remains."""
        self._draining = True
        for runner in list(self._runners.values()):
            runner.abort()
        self._context.commits.flush()
        self._runners.clear()
        self._guests.clear()
        self._context.timers.stop()
        self._log.stop()
        self._frames.stop()
        await self._connector.stop()
        for pool in (self._history, self._commands, self._shown, self._repetitions, self._uploads):
            await pool.stop()

    # ------------------------------------------------------------------ figures

    def status(self) -> dict[str, Any]:
        """As `status_of` has it."""
        return status_of(self.metrics)

    # ------------------------------------------------------------------ small things

    def _preload_seen(self, runner: Runner) -> bool:
        """Before a recovered session dials: what it has shown, so that it shows nothing twice.
        False if the journal has to be asked first; it is admitted when that has answered."""
        if runner.session_id not in self._awaiting_dedupe_state:
            return True
        limit = self._factory.remembered_max
        self._shown.ask(runner.session_id, limit, partial(self._preloaded, runner))
        return False

    def _preloaded(
        self, runner: Runner, shown: Sequence[tuple[str, str]], damaged: Damaged | None
    ) -> None:
        if damaged is not None:
            self._set_aside(runner, damaged)
            return
        self._awaiting_dedupe_state.discard(runner.session_id)
        runner.inbound.preload_seen(shown)
        runner.feed(i.Admitted())

    async def _was_shown(self, session_id: str, identity: str, time: str) -> bool:
        """What was recorded just now counts, too."""
        await self._context.commits.settled()
        return await self._journal.was_shown(session_id, identity, time)

    def _cancel_admission(self, runner: Runner) -> None:
        self._connector.cancel(runner)
        self._stop_preload(runner)

    def _stop_preload(self, runner: Runner) -> None:
        """It was admitted, and will not dial."""
        if self._shown.drop(runner.session_id):
            self._connector.finished(runner)

    def _set_aside(self, runner: Runner, damaged: Damaged) -> None:
        """Not brought back: its record in the journal is damaged, and the journal has said so."""
        guest = runner.machine.guest
        runner.set_aside(damaged)
        self._connector.finished(runner)
        self._uploads.cancel_all(runner)
        self._runners.pop(guest.session_id, None)
        self._guests.leave(guest)
        self._hub.over(guest.session_id)
        self._frames.over(guest.session_id)
        if not self._runners:
            self._empty.set()

    def _runner(self, session_id: str) -> Runner:
        runner = self._runners.get(session_id)
        if runner is None:
            raise NotFound(f"there is no guest session {session_id!r}")
        return runner

    async def _check_known(self, session_id: str) -> None:
        """Raises NotFound."""
        known = session_id in self._runners or self._hub.is_ending(session_id)
        if not known and not await self._journal.last_seq(session_id):
            raise NotFound(f"there is no guest session {session_id!r} here or in the journal")

    def _finished(self, runner: Runner, ending: Ending) -> None:
        guest = runner.machine.guest
        self._runners.pop(guest.session_id, None)
        self._awaiting_dedupe_state.discard(guest.session_id)
        self._stop_preload(runner)
        self._uploads.cancel_all(runner)
        self._guests.leave(guest)
        self._hub.will_end(guest.session_id)
        self._frames.over(guest.session_id)
        self._context.commits.session_over(guest.session_id)
        endings = self.metrics.endings
        endings[ending.cause.value] = endings.get(ending.cause.value, 0) + 1
        self._log.ended(guest, ending)
        if not self._runners:
            self._empty.set()

    def _journal_is_full(self, is_full: bool) -> None:
        self._context.is_full = is_full
        self.metrics.read_pauses += is_full
        self._log.overload(is_full, self._context.commits.uncommitted)
        for runner in self._runners.values():
            runner.pause_reading(is_full)
