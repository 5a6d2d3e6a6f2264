"""One guest session on the loop: feeds its machine and performs the effects, in order. It decides
nothing.

A runner at rest is this object, the machine, and a connection with its callbacks. Everything shared
(dialect, timers, commits, admission) is in the one `SessionContext` of all runners."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, assert_never, get_args

import orjson

from ..model import effects as e
from ..model.client_messages import CloseSession
from ..model.commands import Command
from ..model.endings import Cause, Ending
from ..model.errors import CommandError
from ..model.events import DeliveryEvent, Event, MessageEvent, Recorded, SessionEvent
from ..model.instants import NEVER
from ..model.journal import SavedSession
from ..model.ports import Connection
from ..model.signals import MessageArrived, Signal
from ..observe.log import fields
from ..session import inputs as i
from ..session.accepted import Accepted
from ..session.inbound import Inbound
from ..session.machine import BeatAnswer, Machine
from ..session.outbound import Outbound
from ..session.states import State
from .activity import SessionActivity
from .breakage import log_bug, report_of
from .callers import NO_CALLERS, Answered, WaitingCallers
from .connection_callbacks import ConnectionCallbacks
from .event_counts import count_event, count_state, is_message
from .frame_ring import FrameRing
from .frame_tap import FrameTap, TappedConnection, bare
from .own_token import ending_without
from .session_context import SessionContext

logger = logging.getLogger("guestd.session")

#: Inputs that put the deadline off by a heartbeat's interval: the timer is moved while the session
#: is in the processor's cache; one that goes off in vain, as after all others, finds it cold.
_PUT_OFF = frozenset(get_args(BeatAnswer))

#: A method of Runner, and the effect it performs.
Performed = Callable[["Runner", Any], None]


class Runner:
    __slots__ = (
        "_agreed_s",
        "_callbacks",
        "_callers",
        "_connection",
        "_counted",
        "_is_over",
        "_recorded_seq",
        "_tap",
        "_timer_at",
        "activity",
        "context",
        "machine",
        "opened_ms",
    )

    def __init__(self, machine: Machine, context: SessionContext) -> None:
        self.machine = machine
        self.context = context
        self._callbacks: ConnectionCallbacks | None = None
        self._connection: Connection | None = None
        self._tap: FrameTap | None = None
        self._timer_at = NEVER
        self._callers = NO_CALLERS
        self._counted: State | None = None
        self._recorded_seq = 0
        self._is_over = False
        self.activity = SessionActivity()
        self._agreed_s = machine.duration_s  # most share one
        self.opened_ms = 0

    @property
    def session_id(self) -> str:
        return self.machine.guest.session_id

    @property
    def token(self) -> str:
        return self.machine.guest.token

    @property
    def inbound(self) -> Inbound:
        """To be asked, not to be changed."""
        return self.machine.conversation.inbound

    @property
    def outbound(self) -> Outbound:
        return self.machine.conversation.outbound

    @property
    def ends_ms(self) -> int:
        """When it ends, as agreed at its beginning."""
        return self.opened_ms + round(self._agreed_s * 1000)

    @property
    def address(self) -> str:
        """What its connection is connected to; "" without one."""
        return self._connection.peer() if self._connection is not None else ""

    def restore(self, saved: SavedSession) -> None:
        """Take up where the journal says it stood; then feed `Opened`."""
        self._recorded_seq = saved.seq
        self.opened_ms = saved.record.opened_ms
        self._agreed_s = (saved.record.ends_ms - self.opened_ms) / 1000
        self.machine.restore(saved, self.context.now())
        clock = self.context.clock
        self.outbound.commands.note_ages(saved.commands, clock.now(), clock.epoch_ms())

    # ------------------------------------------------------------------ what happens

    def connection_opened(self, connection: Connection) -> None:
        self._connection = self._tap.opened(connection) if self._tap is not None else connection
        if self.context.is_full:
            connection.pause_reading()
        self.feed(i.ConnectionOpened())

    def dial_failed(self, ending: Ending) -> None:
        if self._tap is not None:
            self._tap.failed(ending)
        self._cut_callbacks()
        self.feed(i.DialFailed(ending_without(self.token, ending)))

    def connection_ended(self, ending: Ending) -> None:
        self._cut_callbacks()
        self.feed(i.ConnectionEnded(ending_without(self.token, ending)))

    def reconnect(self, hang_up: bool) -> bool:
        """Close the connection, for someone who asked, and let it come back; False if there is
        none."""
        if self._connection is None:
            return False
        self._perform(e.HangUp(1000, "reconnecting") if hang_up else e.Drop())
        self.connection_ended(Ending(Cause.RECONNECT_ASKED))
        return True

    def deadline_reached(self) -> None:
        self._timer_at = NEVER
        if self.machine.wake_at > self.context.now():
            self._set_timer()
        else:
            self.feed(i.DeadlineReached())

    def session_durable(self) -> None:
        if self.machine.state is State.WAITING:  # or it was given up meanwhile
            self.feed(i.Opened())

    def intent_durable(self, command_id: str) -> None:
        self.feed(i.IntentDurable(command_id))

    def event_durable(self, seq: int) -> None:
        self.feed(i.EventDurable(seq))

    def give(self, command: Command, answered: Answered, accepted: Accepted | None = None) -> None:
        """`accepted`: what the journal knows of this command from long ago."""
        if self._callers is NO_CALLERS:
            self._callers = WaitingCallers()
        self._callers.add(command.command_id, answered)
        self.feed(i.CommandGiven(command, accepted))

    async def was_shown(self, item: MessageArrived) -> bool:
        return await self.context.was_shown(self.session_id, item.identity, item.time)

    def ask_journal(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.context.ask_journal(work)

    @property
    def is_waiting(self) -> bool:
        """True while what the connection brought waits for the journal's word."""
        return self._callbacks is not None and self._callbacks.is_waiting

    def pause_reading(self, paused: bool) -> None:
        if self._connection is not None:
            if paused:
                self._connection.pause_reading()
            elif not (self.context.is_full or self.is_waiting):
                self._connection.resume_reading()

    def tap(self, ring: FrameRing | None) -> None:
        """From now on its frames are copied into this ring; None: no more."""
        context, connection = self.context, self._connection
        tap = FrameTap(self.machine, ring, context.clock, context.log.host) if ring else None
        self._tap = tap
        if self._callbacks is not None:
            self._callbacks.tap = tap
        if connection is not None:
            self._connection = TappedConnection(connection, tap) if tap else bare(connection)

    def feed(self, given: i.OwnInput | Signal) -> None:
        machine = self.machine
        try:
            for effect in machine.handle(given, self.context.now()):
                self._PERFORM[type(effect)](self, effect)
        except Exception as error:
            self._break(given, error)
        if machine.state is not self._counted:
            self._count_state()
        if machine.wake_at < self._timer_at or type(given) in _PUT_OFF:
            self._set_timer()

    def abort(self) -> None:
        """Drop everything at once: the fleet stops and will not wait any longer."""
        for effect in self.machine.stop():
            self._perform(effect)
        self._drop(None)
        self.context.timers.cancel(self)

    def set_aside(self, error: CommandError) -> None:
        """Drop everything and write nothing: the session's record cannot be used any more. Waiting
        callers get `error`."""
        self.abort()
        self.machine.set_aside()
        self._count_state()
        self._callers.refuse(error)

    # ------------------------------------------------------------------ effects

    def _record(self, event: Event, intent: bytes = b"") -> None:
        """The seq counts as taken only when the event could be written: a broken session's last
        event comes after it."""
        context = self.context
        if type(event) is SessionEvent:
            count_event(event, context.metrics)
            if event.state == "live":
                context.outage.joined()
                context.log.live(self.machine.guest, event.first)
        elif type(event) is DeliveryEvent:
            count_event(event, context.metrics)
            event.latency_ms = self.outbound.commands.age_ms(event.command_id, context.now())
        context.commits.record(self, self.machine.guest.session_id, event, intent)
        self._recorded_seq = event.seq
        self.activity.note(event)

    def _record_message(self, event: MessageEvent) -> None:
        """The same for nine of ten events, with less to ask."""
        context = self.context
        context.metrics.messages_in += 1
        context.commits.record_message(self.machine.guest.session_id, event)
        self._recorded_seq = event.seq
        self.activity.note_message(event)

    def _accept(self, effect: e.Accept) -> None:
        self._record(effect.event, orjson.dumps(effect.intent))

    def _say(self, effect: e.Say) -> None:
        frame = self.context.dialect.encode(self.machine.guest, effect.message)
        if frame is None or self._connection is None:
            return
        metrics = self.context.metrics
        metrics.frames_out += 1
        metrics.bytes_out += len(frame)
        metrics.messages_out += is_message(effect.message)
        self._connection.send_text(frame)

    def _ping(self, effect: e.Ping) -> None:
        if self._connection is not None:
            self._connection.ping()

    def _dial(self, effect: e.Dial) -> None:
        context, inbox = self.context, self.inbound.inbox
        self._callbacks = ConnectionCallbacks(self, inbox, context.metrics, context.decode)
        self._callbacks.tap = self._tap
        context.dial(self, self._callbacks)

    def _hang_up(self, effect: e.HangUp) -> None:
        if (connection := self._cut_callbacks()) is not None:
            connection.resume_reading()
            connection.close(effect.code, effect.reason)

    def _drop(self, effect: e.Drop | None) -> None:
        if (connection := self._cut_callbacks()) is not None:
            connection.abort()

    def _cut_callbacks(self) -> Connection | None:
        """The connection that there was; nothing more is heard of it."""
        connection, callbacks = self._connection, self._callbacks
        self._callbacks = self._connection = None
        if callbacks is not None:
            callbacks.cut()
        return connection

    def _send_answer(self, effect: e.SendAnswer) -> None:
        answer, metrics = effect.answer, self.context.metrics
        if answer.accepted:
            metrics.commands_accepted += 1
        else:
            metrics.commands_refused += 1
        self._callers.answer(answer, effect.only_newest)

    def _await_durable(self, effect: e.AwaitDurable) -> None:
        self.context.commits.when_durable(self, effect.seq)

    def _fetch_history(self, effect: e.FetchHistory) -> None:
        if self._callbacks is not None:
            self.context.fetch_history(self._callbacks, effect, self.machine.guest.session_id)

    def _count_notice(self, effect: e.Count) -> None:
        self.context.metrics.count_session(effect.counter, effect.count)
        if self.context.counted is not None:
            self.context.counted(self.session_id, effect.counter, effect.count)
        if effect.name:
            self.context.log.unknown_frames.count(effect.name, self.machine.guest)
        if self._tap is not None and effect.counter is e.SessionCounter.DUPLICATE:
            self._tap.repeated()

    def _noted(self, effect: e.Noted) -> None:
        known = {"session_id": self.session_id, **effect.details}
        self.context.note(effect.action, effect.status, known)

    def _echoed(self, effect: e.Echoed) -> None:
        self.context.metrics.echo_latency_s.observe(effect.latency_s)

    def _finish(self, effect: e.Finish) -> None:
        self._is_over = True
        self._cut_callbacks()
        self.context.timers.cancel(self)
        self._timer_at = -NEVER
        self.context.finished(self, effect.ending)

    def _set_timer(self) -> None:
        at = self.machine.wake_at
        if at != self._timer_at and at < NEVER:
            self._timer_at = at
            self.context.timers.set(self, at)

    def _count_state(self) -> None:
        machine, before = self.machine, self._counted
        self._counted = state = machine.state
        count_state(before, state, self.context.metrics)
        self.activity.state_since_ms = self.context.clock.epoch_ms()
        self.context.commits.touched(self.session_id)
        if state is State.RESTING:
            had_joined = before is State.LIVE or before is State.LEAVING
            self.context.outage.failed()
            self.context.log.rests(machine.guest, machine.connection, had_joined)
        if logger.isEnabledFor(logging.DEBUG):
            who = fields(guest=machine.guest.name, session_id=machine.guest.session_id)
            logger.debug("%s: %r", machine.guest.name, machine, extra=who)

    # ------------------------------------------------------------------ a bug of ours

    def _break(self, given: object, error: Exception) -> None:
        """A bug of ours in one guest session must not reach the others: log it, and end this one
        visibly."""
        recorded_seq = self._recorded_seq
        log_bug(logger, f"guest session {self.session_id} on {type(given).__name__}", error)
        at_ms = self.context.clock.epoch_ms()
        report = report_of(self.session_id, at_ms, given, self.machine, error)
        self.context.keep_report(report)
        if not self._is_over:
            try:
                self._end_broken(self.machine.break_off(recorded_seq))
            except Exception as second:
                log_bug(logger, f"ending guest session {self.session_id}", second)
                self._end_broken(self.machine.bare_end(self._recorded_seq))
        self._refuse_callers(recorded_seq)

    def _end_broken(self, effects: list[e.Effect]) -> None:
        """Say goodbye where there is a connection, whatever the machine thought of it; then what
        the machine wants."""
        if self._connection is not None:
            self._perform(e.Say(CloseSession("")))
            self._perform(e.HangUp(1000, "the guest session has ended"))
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: e.Effect) -> None:
        self._PERFORM[type(effect)](self, effect)

    def _refuse_callers(self, recorded_seq: int) -> None:
        """Those whose command is recorded hear of it when it is durable; the others hear now that
        it was not taken."""
        error = CommandError(
            "the guest session ended by an internal error; see the log", code="internal"
        )
        self._callers.refuse(error, lambda one: self.outbound.was_accepted(one, recorded_seq))

    #: For each class of effects its method; filled below.
    _PERFORM: ClassVar[dict[type, Performed]] = {}


def _method_for(effect: e.Effect) -> Performed:
    """How an effect is performed. mypy proves that none is left out."""
    if isinstance(effect, MessageEvent):
        return Runner._record_message
    if isinstance(effect, Recorded):
        return Runner._record
    match effect:
        case e.Accept():
            return Runner._accept
        case e.Say():
            return Runner._say
        case e.Ping():
            return Runner._ping
        case e.Dial():
            return Runner._dial
        case e.HangUp():
            return Runner._hang_up
        case e.Drop():
            return Runner._drop
        case e.AskAdmission():
            return lambda runner, _: runner.context.ask_admission(runner)
        case e.CancelAdmission():
            return lambda runner, _: runner.context.cancel_admission(runner)
        case e.SendAnswer():
            return Runner._send_answer
        case e.AwaitDurable():
            return Runner._await_durable
        case e.FetchHistory():
            return Runner._fetch_history
        case e.JwtKnown():
            return lambda runner, known: runner.context.jwt_known(runner.session_id, known.jwt)
        case e.AskPresigned():
            return lambda runner, asked: runner.context.ask_presigned(runner, asked)
        case e.Upload():
            return lambda runner, file: runner.context.upload(runner, file)
        case e.CancelUpload():
            return lambda runner, one: runner.context.cancel_upload(runner, one.attachment_id)
        case e.Discard():
            return lambda runner, copy: runner.context.discard(copy.path)
        case e.Count():
            return Runner._count_notice
        case e.Noted():
            return Runner._noted
        case e.Echoed():
            return Runner._echoed
        case e.Finish():
            return Runner._finish
        case _:
            assert_never(effect)


def _bare_instance(kind: type) -> Any:
    """Without its values."""
    names = getattr(kind, "__struct_fields__", None)
    return object.__new__(kind) if names is None else kind(*names)


Runner._PERFORM.update((kind, _method_for(_bare_instance(kind))) for kind in get_args(e.Effect))
