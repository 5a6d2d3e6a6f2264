"""All guest sessions of this process: opened, found, listed, told, watched, ended (the `Fleet`
port).

Deciding and doing are apart here as well: who may dial now is `policy/admission`, when to wake is
`policy/deadlines`, what a session does is its machine. This room only carries their answers to
where they belong."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from random import Random
from typing import Any
from uuid import uuid4

from ..model.commands import Answer, Attach, Command
from ..model.effects import FetchHistory, Notice
from ..model.endings import Cause, Ending
from ..model.errors import CommandError, Damaged, DialError, LimitExceeded, NotFound, PlatformError
from ..model.ids import Guest
from ..model.journal import EventStore, Replay, SessionRecord, StoredCommand
from ..model.json_values import check_writable
from ..model.ports import (
    Clock,
    Dialer,
    DialTarget,
    History,
    HistoryAnswer,
    OpenGuest,
    PlatformCalls,
    SessionView,
    Uploader,
    Watcher,
)
from ..model.signals import MessageArrived
from ..model.traits import Ordering
from ..observe.metrics import Metrics
from ..policy.admission import Admission
from ..policy.holdback import HoldBack
from ..runtime.task_pool import Errands
from ..runtime.timers import Timers
from ..session import inputs as i
from ..session.inbox import BySequence, ByTime, Inbox
from ..session.machine import Machine
from ..session.settings import SessionSettings, effective_traits
from ..wire.dialect import Dialect
from .breakage import Report, log_bug
from .drain import DrainReport, drain
from .guests import LivingGuests
from .hub import Hub
from .pipeline import Pipeline
from .runner import Answered, Bench, Line, Runner
from .settings import SupervisorSettings
from .uploads import Uploads

logger = logging.getLogger("guestd.supervisor")

#: Deadlines are met to within this.
TIMER_TICK_S = 0.05

#: So many messages in order, and the wait for an earlier one falls to its least.
HOLD_TRUST_AFTER = 20

STORAGE_FULL = (
    "the disk is full: nothing new can be promised; free some space, and it goes on by itself"
)

STORAGE_LOW = (
    "the disk is nearly full: no new guest sessions; free some space, and it goes on by itself"
)

#: Endings that deserve a line in the log: not what somebody asked for.
_QUIET = frozenset({Cause.FINISHED, Cause.DURATION_REACHED, Cause.DRAINED})


class Supervisor:
    """The fleet. Needs a running loop at construction; `drain` and `stop` end it.

    `dialer`, `journal`, `history`, `uploader` and `calls` are ports; `target` says where to dial;
    `rng` feeds jitter and tracing ids only: session tokens come from `draw_token`, by default from
    the system's own randomness. Without an `uploader`, or without the `calls` that webchat asks
    with, attachments are refused."""

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
        keep_report: Callable[[Report], None] = lambda report: None,
        *,
        uncommitted_max: int,
    ) -> None:
        loop = loop or asyncio.get_running_loop()
        self._loop = loop
        self._settings = settings
        self._session = session
        self._dialect = dialect
        self._dialer = dialer
        self._target = target
        self._history = history
        self._clock = clock
        self._rng = rng
        self._draw_token = draw_token
        self._draw_session_id = draw_session_id
        self.metrics = metrics
        self._can_attach = uploader is not None and (
            calls is not None or not dialect.traits.slot_by_rest
        )
        self._traits = effective_traits(dialect.traits, session, self._can_attach)
        self._uploads = Uploads(uploader, calls, metrics, settings.attachments.inflight_max)
        self._hold = HoldBack(
            session.inbox.hold_initial_ms,
            session.inbox.hold_min_ms,
            session.inbox.hold_max_ms,
            HOLD_TRUST_AFTER,
        )
        self._journal = journal
        self._hub = Hub()
        self._timers: Timers[Runner] = Timers(loop, clock, TIMER_TICK_S, Runner.deadline_reached)
        admission = settings.admission
        self._admission: Admission[Runner] = Admission(
            per_minute=admission.connects_per_minute,
            burst=admission.burst,
            inflight_max=admission.dials_inflight_max,
            retry_after_max_s=session.reconnect.retry_after_max_s,
        )
        self._admission_timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._dials = Errands("dial", admission.dials_inflight_max)
        self._readings = Errands("history", settings.history.inflight_max)
        self._runners: dict[str, Runner] = {}
        self._guests = LivingGuests(dialect.traits.guests_by_email)
        self._unremembering: set[str] = set()  # revived, and not told yet what was shown before
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = self._stopped = False
        pipeline = Pipeline(
            loop,
            clock,
            journal,
            self._hub,
            metrics,
            uncommitted_max,
            self._journal_is_full,
        )
        self._bench = Bench(
            dialect=dialect,
            clock=clock,
            timers=self._timers,
            pipeline=pipeline,
            metrics=metrics,
            ask_admission=self._ask_admission,
            cancel_admission=self._cancel_admission,
            dial=lambda runner, line: self._dials.run(lambda: self._dial(runner, line)),
            fetch_history=lambda line, effect: self._readings.run(
                lambda: self._read_history(line, effect)
            ),
            finished=self._finished,
            ask_presigned=self._uploads.ask,
            upload=self._uploads.begin,
            cancel_upload=self._uploads.cancel,
            discard=self._uploads.discard,
            keep_report=keep_report,
            was_shown=journal.was_shown,
        )

    # ------------------------------------------------------------------ the Fleet port

    def open(self, guest: OpenGuest, durable: Callable[[], None] | None = None) -> str:
        """Open a guest session (SESS-1). Raises LimitExceeded, or CommandError naming the field."""
        check_writable(
            {
                "name": guest.name,
                "email": guest.email,
                "attributes": guest.attributes,
                "metadata": guest.metadata,
                "display_name": guest.display_name,
            }
        )
        if self._draining:
            raise CommandError(
                "the daemon is shutting down; no new guest sessions", code="draining"
            )
        if self._journal.storage_full:
            raise CommandError(STORAGE_FULL, code="storage_full")
        if self._journal.storage_low:
            raise CommandError(STORAGE_LOW, code="storage_low")
        if len(self._runners) >= self._settings.limits.max_sessions:
            self.metrics.refused_sessions += 1
            raise LimitExceeded(
                f"limit exceeded: {len(self._runners)} guest sessions live, limits.max_sessions is"
                f" {self._settings.limits.max_sessions}"
            )
        self._guests.check(guest.name, guest.email)
        identity = Guest(
            self._draw_session_id(),
            guest.name,
            self._draw_token(),
            guest.email,
            guest.attributes,
            guest.metadata,
            guest.display_name,
        )
        self._dialect.check_guest(identity)
        runner = self._new_runner(identity, guest.duration_s)
        opened_ms = self._clock.epoch_ms()
        ends_ms = opened_ms + int(runner.machine.duration_s * 1000)
        record = SessionRecord(
            identity.session_id,
            identity.name,
            identity.token,
            identity.email,
            identity.attributes,
            identity.metadata,
            opened_ms,
            ends_ms,
            identity.display_name,
        )
        self._bench.pipeline.open_session(
            runner if durable is None else _Opening(runner, durable), record
        )
        return identity.session_id

    def revive(self) -> int:
        """Bring back every guest session that the journal says should live; returns how many.

        They come back under the connect budget, those with unsent commands first. What was shown
        before is looked up only when a session's turn comes, so that thousands of them do not hold
        up the start."""
        saved_sessions = self._journal.recover()
        for saved in saved_sessions:
            record = saved.record
            guest = Guest(
                record.session_id,
                record.name,
                record.token,
                record.email,
                record.attributes,
                record.metadata,
                record.display_name,
            )
            remaining_s = _remaining_s(record, self._clock.epoch_ms())
            runner = self._new_runner(guest, remaining_s)
            runner.restore(saved)
            self._unremembering.add(record.session_id)
            runner.feed(i.Opened())
        return len(saved_sessions)

    def use(self, session: SessionSettings) -> None:
        """From now on these settings, for all guest sessions; how long one lives was settled when
        it was opened."""
        self._session = session
        self._traits = effective_traits(self._dialect.traits, session, self._can_attach)
        for runner in self._runners.values():
            runner.machine.use(session, self._traits)

    def _new_runner(self, guest: Guest, duration_s: float | None) -> Runner:
        runner = Runner(self._new_machine(guest, duration_s), self._bench)
        self._runners[guest.session_id] = runner
        self._guests.enter(guest)
        self._empty.clear()
        return runner

    def find(self, name: str) -> str | None:
        return self._guests.find(name)

    def view(self, session_id: str) -> SessionView:
        return _view(self._runner(session_id))

    def sessions(self) -> Sequence[SessionView]:
        return [_view(runner) for runner in self._runners.values()]

    def give(self, session_id: str, command: Command, answered: Answered) -> None:
        runner = self._runners.get(session_id)
        if runner is not None and not self._journal.storage_full:
            seq = 0
            if runner.machine.may_have_forgotten(command.command_id):
                try:
                    seq = self._accepted_seq(session_id, command.command_id)
                except Damaged as damaged:
                    if isinstance(command, Attach):
                        self._uploads.discard(command.path)
                    answered(Answer(command.command_id, error=damaged))
                    return
            runner.give(command, answered, seq)
            return
        if isinstance(command, Attach):
            self._uploads.discard(command.path)
        error: CommandError = NotFound(f"no guest session {session_id} lives here", code="ended")
        if runner is not None:
            error = CommandError(STORAGE_FULL, code="storage_full")
        answered(Answer(command.command_id, error=error))

    def files_wanted(self) -> set[str]:
        """The paths of all copies that commands under way still need; any other copy is an
        orphan."""
        return {path for runner in self._runners.values() for path in runner.machine.files_wanted()}

    def watch(self, session_id: str, watcher: Watcher) -> None:
        if not self._hub.is_ending(session_id):
            self._runner(session_id)
        self._hub.watch(session_id, watcher)

    def unwatch(self, session_id: str, watcher: Watcher) -> None:
        self._hub.unwatch(session_id, watcher)

    def read(
        self, session_id: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> Replay:
        self._check_known(session_id)
        return self._journal.read(session_id, after_seq, limit, bytes_max)

    def command(self, session_id: str, command_id: str) -> StoredCommand | None:
        self._check_known(session_id)
        return self._journal.command(session_id, command_id)

    def is_ready(self) -> bool:
        return not (self._draining or self._journal.storage_full or self._journal.storage_low)

    # ------------------------------------------------------------------ the end

    async def drain(
        self, grace_s: float, progress: Callable[[int], None] = lambda left: None
    ) -> DrainReport:
        """Say goodbye for every guest session, waiting at most `grace_s`; `progress` hears how many
        are left."""
        self._draining = True
        return await drain(
            list(self._runners.values()), self._empty, self._clock, grace_s, progress, self._count
        )

    async def stop(self) -> None:
        """Drop what is left, at once. After this no task, timer or socket of the fleet remains."""
        self._draining = self._stopped = True
        for runner in list(self._runners.values()):
            runner.abandon()
        self._bench.pipeline.flush()
        self._runners.clear()
        self._guests.clear()
        if self._admission_timer is not None:
            self._admission_timer.cancel()
        self._timers.stop()
        await self._dials.stop()
        await self._readings.stop()
        await self._uploads.stop()

    # ------------------------------------------------------------------ figures

    def status(self) -> dict[str, Any]:
        """The status line's figures; `echo_p99_s` is None before the first echo."""
        metrics = self.metrics
        return {
            "live": metrics.sessions.get("live", 0),
            "resting": sum(
                metrics.sessions.get(state, 0)
                for state in ("resting", "waiting", "dialing", "joining")
            ),
            "leaving": metrics.sessions.get("leaving", 0),
            "messages_in": metrics.messages_in,
            "messages_out": metrics.messages_out,
            "reordered": metrics.notices.get(Notice.REORDERED, 0),
            "gaps_filled": metrics.notices.get(Notice.GAP_FILLED, 0),
            "echo_p99_s": metrics.echo_latency_s.quantile(0.99),
        }

    def _count(self) -> int:
        return len(self._runners)

    # ------------------------------------------------------------------ admission and dials

    def _ask_admission(self, runner: Runner) -> None:
        self._admission.ask(
            runner, self._clock.now(), priority=0 if runner.machine.has_unsent else 1
        )
        self._look_at_admission_soon()

    def _cancel_admission(self, runner: Runner) -> None:
        self._admission.cancel(runner)

    def _look_at_admission_soon(self) -> None:
        if isinstance(self._admission_timer, asyncio.TimerHandle):
            self._admission_timer.cancel()
            self._admission_timer = None
        if self._admission_timer is None and not self._stopped:
            self._admission_timer = self._loop.call_soon(self._admit)

    def _admit(self) -> None:
        self._admission_timer = None
        for runner in self._admission.admit(self._clock.now()):
            if runner.session_id in self._unremembering:
                self._unremembering.discard(runner.session_id)
                try:
                    shown = self._journal.identities(
                        runner.session_id, self._session.inbox.remembered_max
                    )
                except Damaged as damaged:
                    self._set_aside(runner, damaged)
                    continue
                runner.machine.remember(shown)
            runner.feed(i.Admitted())
        at = self._admission.next_at(self._clock.now())
        if at is not None and self._admission_timer is None:
            self._admission_timer = self._loop.call_at(at, self._admit)

    def _set_aside(self, runner: Runner, damaged: Damaged) -> None:
        """Not brought back: its record in the journal is damaged, and the journal has said so."""
        guest = runner.machine.guest
        runner.set_aside(damaged)
        self._admission.finished(runner)
        self._uploads.cancel_all(runner)
        self._runners.pop(guest.session_id, None)
        self._guests.leave(guest)
        self._hub.over(guest.session_id)
        if not self._runners:
            self._empty.set()

    async def _dial(self, runner: Runner, line: Line) -> None:
        connects = self.metrics.connects
        try:
            link = await self._dialer.dial(self._target, line)
        except DialError as error:
            ending = error.ending
            logger.warning("a dial failed: %s", ending)
            connects[ending.cause.value] = connects.get(ending.cause.value, 0) + 1
            if ending.cause is Cause.UPGRADE_REFUSED and ending.code in (429, 503):
                self._admission.refused(self._clock.now(), ending.retry_after_s)
            if line.runner is not None:
                runner.dial_failed(ending)
        except Exception as error:  # a session that never heard of its dial would wait for ever
            log_bug(logger, "dialing", error)
            connects["internal_error"] = connects.get("internal_error", 0) + 1
            if line.runner is not None:
                runner.dial_failed(Ending(Cause.UNREACHABLE, detail="internal error"))
        else:
            connects["ok"] = connects.get("ok", 0) + 1
            if line.runner is None:
                link.abort()
            else:
                runner.link_opened(link)
        finally:
            self._admission.finished(runner)
            self._look_at_admission_soon()

    # ------------------------------------------------------------------ history

    async def _read_history(self, line: Line, effect: FetchHistory) -> None:
        if line.is_cut:  # while it waited for its turn
            return
        fetches = self.metrics.history_fetches
        given: i.HistoryRead | i.HistoryUnread
        if self._history is None:
            given = i.HistoryUnread("this deployment has no history endpoint", worth_retrying=False)
        else:
            try:
                page = await self._history.page(effect.jwt, effect.page_number)
            except PlatformError as error:
                given = i.HistoryUnread(str(error), error.worth_retrying, error.retry_after_s)
                fetches[error.code] = fetches.get(error.code, 0) + 1
            except (
                Exception
            ) as error:  # a session whose page never came would hold back all that arrives
                log_bug(logger, "reading the history", error)
                given = i.HistoryUnread("internal error", worth_retrying=True)
                fetches["internal_error"] = fetches.get("internal_error", 0) + 1
            else:
                fetches["ok"] = fetches.get("ok", 0) + 1
                given = self._understood(page)
        line.history_answered(given)

    def _understood(self, page: HistoryAnswer) -> i.HistoryRead:
        signals = [
            one
            for entity in page.entities
            for one in reversed(self._dialect.decode_history(entity))
        ]
        items = [one for one in signals if isinstance(one, MessageArrived)]
        if refused := len(signals) - len(items):
            self.metrics.notice(Notice.GARBAGE, refused)
        return i.HistoryRead(items, page.page_number, page.page_count, page.total)

    # ------------------------------------------------------------------ small things

    def _runner(self, session_id: str) -> Runner:
        runner = self._runners.get(session_id)
        if runner is None:
            raise NotFound(f"no guest session {session_id} lives here")
        return runner

    def _accepted_seq(self, session_id: str, command_id: str) -> int:
        """Of a command that its machine does not remember; 0: it is new. Raises Damaged."""
        found = self._journal.command(session_id, command_id)
        return found.accepted.seq if found is not None and found.accepted is not None else 0

    def _check_known(self, session_id: str) -> None:
        """Raises NotFound."""
        known = session_id in self._runners or self._hub.is_ending(session_id)
        if not known and not self._journal.last_seq(session_id):
            raise NotFound(
                f"no guest session {session_id} lives here, and the journal has none with that id"
            )

    def _finished(self, runner: Runner, ending: Ending) -> None:
        guest = runner.machine.guest
        self._runners.pop(guest.session_id, None)
        self._unremembering.discard(guest.session_id)
        self._uploads.cancel_all(runner)
        self._guests.leave(guest)
        self._hub.will_end(guest.session_id)
        self._bench.pipeline.session_over(guest.session_id)
        self.metrics.endings[ending.cause.value] = (
            self.metrics.endings.get(ending.cause.value, 0) + 1
        )
        if ending.cause not in _QUIET:
            logger.warning("guest session %s ended: %s", guest.session_id, ending)
        if not self._runners:
            self._empty.set()

    def _journal_is_full(self, is_full: bool) -> None:
        self._bench.is_full = is_full
        self.metrics.read_pauses += is_full
        for runner in self._runners.values():
            runner.pause_reading(is_full)

    def _new_machine(self, guest: Guest, duration_s: float | None) -> Machine:
        machine = Machine(guest, self._session, self._traits, self._new_inbox(), self._rng)
        if duration_s is not None:
            machine.duration_s = duration_s
        return machine

    def _new_inbox(self) -> Inbox:
        session = self._session
        remembered_max = max(
            session.inbox.remembered_max, session.inbox.held_max
        )  # what is held is not forgotten
        if self._dialect.traits.ordering is Ordering.BY_TIME:
            return ByTime(self._hold, session.inbox.held_max, remembered_max)
        return BySequence(session.inbox.gap_wait_s, session.inbox.held_max, remembered_max)


class _Opening:
    """A new guest session whose opener waits until the journal has it."""

    def __init__(self, runner: Runner, durable: Callable[[], None]) -> None:
        self._runner = runner
        self._durable = durable

    def intent_durable(self, command_id: str) -> None:
        self._runner.intent_durable(command_id)

    def event_durable(self, seq: int) -> None:
        self._runner.event_durable(seq)

    def session_durable(self) -> None:
        self._runner.session_durable()
        self._durable()


def _remaining_s(record: SessionRecord, epoch_ms: int) -> float:
    """How long a guest session of the journal may still live.

    By the wall clock, because the time that the daemon was away counts: a clock that is ahead
    therefore ends it. A clock that went back gives no more than the whole duration that was agreed
    (SESS-2)."""
    agreed_ms = record.ends_ms - record.opened_ms
    return max(0.0, min(record.ends_ms - epoch_ms, agreed_ms) / 1000.0)


def _view(runner: Runner) -> SessionView:
    machine = runner.machine
    guest = machine.guest
    return SessionView(
        guest.session_id, guest.name, machine.state.value, machine.seq, machine.read_only
    )
