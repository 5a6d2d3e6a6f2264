"""One guest session as a value: `handle(input, now)` returns the effects it wants, in order.

It is the only place where a guest session changes. It runs to its end without suspension, so
whatever holds at the top of a method still holds at the bottom. It has no clock (`now` is monotonic
seconds), no global randomness (a `Random` is given) and no logging: what is worth counting comes
out as a `Count`, and `repr()` is the line for a log.

The machine is the session's *life*: it joins, loses, rests, leaves and ends (`states.py`), with
`connection` (tries and heartbeats) and `departure` (why it ends). What is said meanwhile is in
`conversation`, over parts that know nothing of each other: `inbound` (messages that arrive),
`outbound` (commands and messages to send), `files` (uploads) and `download_links`. Each input goes
to one part. A part writes the effects it wants and returns a value of `wants.py` when it needs
something from elsewhere; the holder of the parts decides what that means.

An input of our own that is illegal in the present state raises `IllegalInput`, because it is our
bug. What the platform sends never raises, whatever it is: at worst it leads to an ending.

One deadline serves all parts: `wake_at`, the earliest of theirs. So a session needs one timer; a
`DeadlineReached` that finds nothing due is harmless.

The order in which the platform's acknowledgement, the history and live frames come is the heart of
"never lost, never doubled". After a lost connection: `Joined` → everything that arrives is held →
the history is read → what was missing is put in place, what was unconfirmed is looked for, and only
then does the inbox flow again and the outbox move on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from ..model import client_messages as m
from ..model import effects as e
from ..model import events as v
from ..model import signals as s
from ..model.effects import Effects
from ..model.endings import Cause, Ending
from ..model.ids import Guest
from ..model.instants import NEVER
from ..model.journal import SavedSession
from . import inputs as i
from .commands import Situation
from .connection import ConnectionState, unanswered
from .conversation import ENDED_TEXT, SessionConversation, TalkInput
from .departure import STAYS, EndSignal, ending_on_error, goodbye, is_session_unknown
from .fleet_rules import FleetRules
from .inbox import MessageInbox
from .numbers import EventNumbers, draw_id
from .states import CONNECTED, LEGAL, IllegalInput, Move, State, next_state
from .wants import Wants

Failure = i.DialFailed | i.ConnectionEnded
BeatAnswer = s.HeartbeatAnswered | i.PongArrived

_ENDED = State.ENDED  # looked up for every frame; an Enum's attribute is not free
_JOINED = (State.LIVE, State.LEAVING)

#: A method of the machine: an input, the time, and where the effects go.
Step = Callable[["Machine", Any, float, Effects], None]


class Machine:
    """`connection`, `conversation` and `departure` may be asked by others; only the machine changes
    them. `since`: when it came into its state."""

    __slots__ = (
        "_numbers",
        "_rules",
        "connection",
        "conversation",
        "departure",
        "duration_s",
        "ends_at",
        "guest",
        "since",
        "state",
        "wake_at",
    )

    def __init__(self, guest: Guest, rules: FleetRules, inbox: MessageInbox, seq: int = 0) -> None:
        self.guest = guest
        self.state = State.WAITING
        self.since = self.wake_at = self.ends_at = NEVER
        self.duration_s = rules.settings.lifetime.duration_s
        self._rules = rules
        self._numbers = numbers = EventNumbers(seq)
        self.connection = ConnectionState()
        self.departure = STAYS
        self.conversation = SessionConversation(guest, inbox, rules, numbers)

    def __repr__(self) -> str:
        soon = "-soon" if self.departure.cause and self.state is not State.LEAVING else ""
        return (
            f"<guest {self.guest.session_id} {self.state.value}{soon} seq={self.seq}"
            f" {self.conversation!r} {self.connection!r}{' read-only' if self.read_only else ''}>"
        )

    @property
    def seq(self) -> int:
        return self._numbers.last

    @property
    def read_only(self) -> bool:
        return self.conversation.inbound.read_only

    def handle(self, given: i.OwnInput | s.Signal, now: float) -> Effects:
        """Take one input, return what to do about it, in order."""
        method, legal, moves_deadlines = _STEPS[type(given)]
        if legal is not None and self.state not in legal:
            raise IllegalInput(f"{type(given).__name__} in {self!r}")
        if self.state is _ENDED:
            return self._after_the_end(given)
        effects: Effects = []
        method(self, given, now, effects)
        if moves_deadlines:
            self._rearm(now)
        return effects

    def restore(self, saved: SavedSession, now: float) -> None:
        """Take up where the journal says this guest session stood; then `Opened`, as for a new one,
        and `preload_seen` of the inbound part in time.
        An unsettled message that may have been sent is looked for in the history before it is sent
        again."""
        self._numbers.last = saved.seq
        self.connection.joined_once = saved.joined
        self.connection.was_live = saved.was_live
        if self.conversation.restore(saved, now) is Wants.LEAVE:
            self.departure = STAYS.begun(Cause.FINISHED)

    def stop(self) -> Effects:
        """The daemon stops and keeps this guest session: what the journal must know so that nothing
        is in doubt later. Nothing is sent after this."""
        out: Effects = []
        self.conversation.stop(out)
        if self.state is State.LIVE:
            self._move(Move.LOST, self.since)
            self.wake_at = NEVER
            self._tell_state("resting", out, Cause.CLOSED_BY_US.value)
        return out

    def set_aside(self) -> None:
        """End at once, without a goodbye: this session's record in the journal cannot be used."""
        self._move(Move.END, self.since)
        self.wake_at = NEVER

    def _move(self, move: Move, now: float) -> None:
        self.state, self.since = next_state(self.state, move), now
        self.conversation.live = self.state is State.LIVE

    def _tell_state(self, state: str, out: Effects, reason: str = "") -> None:
        out.append(v.SessionEvent(self._numbers.next(), state, reason, self.read_only))

    # ------------------------------------------------------------------ the way to live

    def _opened(self, given: i.Opened, now: float, out: Effects) -> None:
        self.since, self.ends_at = now, now + self.duration_s
        self.departure = self.departure.until(self._leave_by(now))
        if not self._rules.traits.confirms:
            self.conversation.outbound.give_up_under_way("guestd stopped before it could tell", out)
        # or a second kill before the next `live` would put in doubt what is accepted from now on
        if self.connection.was_live:
            self._tell_state("resting", out, Cause.LOST.value)
        out.append(e.AskAdmission())

    def _admitted(self, given: i.Admitted, now: float, out: Effects) -> None:
        self._move(Move.ADMITTED, now)
        out.append(e.Dial())

    def _connection_opened(self, given: i.ConnectionOpened, now: float, out: Effects) -> None:
        self.connection.opened(self.since, now, now + self._rules.settings.lifetime.join_timeout_s)
        self._move(Move.CONNECTED, now)
        self.conversation.outbound.connection_opened()
        out.append(e.Say(m.Hello(tracing_id=draw_id(self._rules.rng))))

    def _joined(self, given: s.Joined, now: float, out: Effects) -> None:
        self.conversation.note_limits(given)
        self.connection.expires_epoch_s = given.expires_at_epoch_s
        if self.state is not State.JOINING:
            return
        departure, conversation = self.departure, self.conversation
        self._move(Move.JOINED, now)
        first, dial_ms = self.connection.joined(now, self._rules.settings, self._rules.rng)
        conversation.inbound.read_only = given.read_only
        out.append(v.SessionEvent(self._numbers.next(), "live", "", self.read_only, first, dial_ms))
        conversation.outbound.await_durable(out)
        if departure.cause is not None and departure.goodbye_id and given.new_session:
            self._finish(departure.ending(), out, hang_up=True)
            return
        may_join = self._rules.settings.join_on_new_session and not given.read_only
        conversation.joined(given, first, first and given.new_session and may_join, now, out)
        self._say_goodbye_if_idle(now, out)

    # ------------------------------------------------------------------ connections that fail

    def _connection_failed(self, given: Failure, now: float, out: Effects) -> None:
        if self.departure.cleared and isinstance(given, i.ConnectionEnded):
            self._finish(self.departure.ending(Cause.SESSION_CLEARED), out)
        else:
            self._rest_or_end(given.ending, now, out)

    def _lose_connection(self, ending: Ending, now: float, out: Effects) -> None:
        """We take the connection for dead: drop it, and do not wait for TCP to notice."""
        out.append(e.Drop())
        self._rest_or_end(ending, now, out)

    def _rest_or_end(self, ending: Ending, now: float, out: Effects) -> None:
        connection, settings = self.connection, self._rules.settings
        connection.lost(ending, now)
        self.conversation.connection_lost(connection.joined_once, now, out)
        if not ending.may_come_back(self._rules.traits.reconnect_codes):
            self._finish(ending, out)
            return
        if self.departure.cause is not None and not connection.joined_once:
            self._finish(self.departure.ending(), out)
            return
        rest_s = connection.rest_s(settings, self._rules.rng, self._bounded_s(ending.retry_after_s))
        if rest_s is None:
            tries = f"after {connection.attempt} tries, reconnect.attempts_max"
            self._finish(Ending(Cause.ATTEMPTS_EXHAUSTED, detail=f"{ending}; {tries}"), out)
            return
        if self.state in _JOINED:
            self._tell_state("resting", out, ending.cause.value)
        self._move(Move.LOST, now)
        connection.step_at = now + rest_s

    def _bounded_s(self, retry_after_s: float | None) -> float:
        """What the platform asks us to wait, within our own bound."""
        return min(retry_after_s or 0.0, self._rules.settings.reconnect.retry_after_max_s)

    # ------------------------------------------------------------------ time

    def _deadline(self, given: i.DeadlineReached, now: float, out: Effects) -> None:
        if now >= self.ends_at:
            self.ends_at = NEVER
            self._leave(Cause.DURATION_REACHED, now, out)
        if self.state is not State.ENDED and now >= self.departure.leave_by:
            self._out_of_patience(now, out)
        if self.state is not State.ENDED and now >= self.connection.step_at:
            self._on_deadline_step(now, out)
        if self.state in _JOINED:
            self._on_deadline_heartbeat(now, out)
        if self.state in _JOINED:
            self.conversation.on_deadline(now, out)
            self._say_goodbye_if_idle(now, out)
        if self.state is not State.ENDED:
            self.conversation.release(now, out)

    def _on_deadline_step(self, now: float, out: Effects) -> None:
        self.connection.step_at = NEVER
        if self.state is State.RESTING:
            self._move(Move.RESTED, now)
            out.append(e.AskAdmission())
        elif self.state is State.JOINING:
            self._lose_connection(unanswered("the hello was not acknowledged"), now, out)
        elif self.state is State.LEAVING:
            self._say_goodbye(now, out)

    def _on_deadline_heartbeat(self, now: float, out: Effects) -> None:
        heard_at = self.conversation.inbound.inbox.heard_at
        lost = self.connection.heartbeat_due(
            now, heard_at, self._rules.settings, self._rules.traits, out
        )
        if lost is not None:
            self._lose_connection(lost, now, out)

    def _beat_answered(self, given: BeatAnswer, now: float, out: Effects) -> None:
        self.connection.heartbeat.answered(now)
        if isinstance(given, s.HeartbeatAnswered) and given.expires_at_epoch_s is not None:
            self.connection.expires_epoch_s = given.expires_at_epoch_s

    def _rearm(self, now: float) -> None:
        if self.state is _ENDED:
            self.wake_at = NEVER
            return
        held_until = self.conversation.inbound.inbox.wake_at
        at = min(self.connection.step_at, self.ends_at, self.departure.leave_by, held_until)
        if self.state in _JOINED:
            beat_at = self.connection.heartbeat.wake_at(self._rules.settings.heartbeat.timeout_s)
            at = min(at, beat_at, self.conversation.wake_at(now))
        self.wake_at = at

    # ------------------------------------------------------------------ the conversation

    def _message(self, given: s.MessageArrived, now: float, out: Effects) -> None:
        outbound, inbound = self.conversation.outbound, self.conversation.inbound
        # nine of ten: nothing waits to be confirmed, and it is the next one; no deadline moves
        is_idle = outbound.outbox is None or not outbound.has_unsent
        if is_idle and inbound.inbox.accept_in_order(given, now):
            inbound.record(given, outbound.commands.traces, out)
            return
        self.conversation.message(given, now, out)
        self._say_goodbye_if_idle(now, out)
        self._rearm(now)

    def _talk(self, given: TalkInput, now: float, out: Effects) -> None:
        if self.conversation.take(given, now, out) is Wants.LEAVE:
            self._leave(Cause.FINISHED, now, out)
        self._say_goodbye_if_idle(now, out)

    def _command(self, given: i.CommandGiven, now: float, out: Effects) -> None:
        leaves, link, state = self.departure.cause is not None, self.connection, self.state
        where = Situation(state, leaves, link.joined_once, link.step_at - now, link.lost_by)
        self.conversation.command(given, where, now, out)

    # ------------------------------------------------------------------ errors from the platform

    def _error(self, given: s.Throttled | s.Refused, now: float, out: Effects) -> None:
        is_throttled = isinstance(given, s.Throttled)
        kind = e.SessionCounter.THROTTLED if is_throttled else e.SessionCounter.PLATFORM_ERROR
        out.append(e.Count(kind))
        self.connection.heartbeat.answered(now)
        departure, conversation = self.departure, self.conversation
        if self.state is State.JOINING or is_session_unknown(given):
            ending = ending_on_error(given, self._bounded_s)
            if ending.cause in (Cause.THROTTLED, Cause.UPGRADE_REFUSED):
                self._lose_connection(ending, now, out)
            else:
                self._finish(ending, out, hang_up=True)
        elif isinstance(given, s.Throttled):
            conversation.tell_throttled(given, now, out)
            until = now + self._bounded_s(given.retry_after_s)
            if self.state is State.LEAVING and given.tracing_id in ("", departure.goodbye_id):
                lifetime = self._rules.settings.lifetime
                self.connection.step_at, self.departure = departure.put_off(until, lifetime)
            else:
                conversation.throttled(given, until, now, out)
        elif departure.is_goodbye(given.tracing_id) and self._rules.settings.conversation_clear:
            self._send_goodbye(False, out)
        else:
            conversation.refused(given, now, out)
        self._say_goodbye_if_idle(now, out)

    # ------------------------------------------------------------------ the end

    def _leave_by(self, now: float) -> float:
        return now + self._rules.settings.lifetime.leave_timeout_s

    def _leave_asked(self, given: i.LeaveAsked, now: float, out: Effects) -> None:
        self._leave(given.cause, now, out)

    def _leave(self, cause: Cause, now: float, out: Effects) -> None:
        """Start to leave; come back first to say it, unless the platform never heard of us."""
        if self.departure.cause is not None:
            return
        self.departure = self.departure.begun(cause, self._leave_by(now))
        if not self.connection.joined_once and self.state is not State.JOINING:
            self._finish(Ending(cause), out)
        elif self.state is State.RESTING:
            self.connection.step_at = now
        else:
            self.conversation.proceed(now, out)
            self._say_goodbye_if_idle(now, out)

    def _say_goodbye_if_idle(self, now: float, out: Effects) -> None:
        """When we are asked to leave and all is sent."""
        if self.departure.cause and self.conversation.live and self.conversation.is_idle:
            self._say_goodbye(now, out)

    def _say_goodbye(self, now: float, out: Effects) -> None:
        if not self._rules.traits.has_goodbye:
            self._finish(self.departure.ending(), out, hang_up=True)
            return
        if self.state is not State.LEAVING:
            self._move(Move.GOODBYE, now)
        self._send_goodbye(self._rules.settings.conversation_clear, out)

    def _send_goodbye(self, clear: bool, out: Effects) -> None:
        frame = goodbye(draw_id(self._rules.rng), clear)
        self.departure = self.departure.said(frame)
        out.append(e.Say(frame))

    def _out_of_patience(self, now: float, out: Effects) -> None:
        """With commands still waiting, say goodbye over them; else go without an answer."""
        if self.state is State.LIVE and self._rules.traits.has_goodbye:
            self.departure = self.departure.until(self._leave_by(now))
            self.conversation.flush(now, out)
            self._say_goodbye(now, out)
        else:
            ending = Ending(Cause.LEAVE_TIMEOUT, detail="the platform did not confirm the goodbye")
            self._finish(ending, out, hang_up=self.state in _JOINED)

    def _platform_ends(self, given: EndSignal, now: float, out: Effects) -> None:
        self.departure = self.departure.noted(given)
        ending = self.departure.ending_on(given, self.state is State.LEAVING)
        if ending is not None:
            self._finish(ending, out, hang_up=True)

    def _finish(self, ending: Ending, out: Effects, *, hang_up: bool = False) -> None:
        self.conversation.finish(f"the guest session ended: {ending.cause.value}", out)
        if hang_up and self.state in CONNECTED:
            out.append(e.HangUp(1000, ENDED_TEXT))
        self.connection.heartbeat.stop()
        self._over(ending, out)

    def _over(self, ending: Ending, out: Effects) -> None:
        if self.state is State.WAITING:
            out.append(e.CancelAdmission())
        self.set_aside()
        self._tell_state("ended", out, ending.cause.value)
        out.append(e.Finish(ending))

    def break_off(self, recorded_seq: int) -> Effects:
        """The end after a bug of ours. Events go on from what was recorded; those that were not
        have not happened."""
        self._numbers.last = recorded_seq
        out: Effects = []
        self.conversation.break_off(recorded_seq, out)
        return out + self.bare_end(self.seq)

    def bare_end(self, recorded_seq: int) -> Effects:
        """The least that ends a guest session: its last event, and that it is to be forgotten."""
        self._numbers.last = recorded_seq
        out: Effects = []
        self._over(Ending(Cause.INTERNAL_ERROR), out)
        return out

    def _after_the_end(self, given: i.OwnInput | s.Signal) -> Effects:
        out: Effects = []
        if isinstance(given, i.ConnectionOpened):
            out.append(e.HangUp(1000, ENDED_TEXT))
        else:
            self.conversation.take_after_the_end(given, out)
        return out


#: For each method the inputs it takes.
_ROUTES: tuple[tuple[Step, tuple[type, ...]], ...] = (
    (Machine._opened, (i.Opened,)),
    (Machine._admitted, (i.Admitted,)),
    (Machine._connection_opened, (i.ConnectionOpened,)),
    (Machine._connection_failed, get_args(Failure)),
    (Machine._joined, (s.Joined,)),
    (Machine._beat_answered, get_args(BeatAnswer)),
    (Machine._deadline, (i.DeadlineReached,)),
    (Machine._message, (s.MessageArrived,)),
    (Machine._command, (i.CommandGiven,)),
    (Machine._error, (s.Throttled, s.Refused)),
    (Machine._leave_asked, (i.LeaveAsked,)),
    (Machine._platform_ends, get_args(EndSignal)),
    (Machine._talk, get_args(TalkInput)),
)

#: What is only recorded or counted; and a message: most move no deadline, the others say so.
_MOVE_NO_DEADLINE = frozenset({s.MessageArrived, *get_args(s.NotedSignal)})

#: For each input its method, where it is legal (None: everywhere), and if it may move a deadline.
_STEPS: dict[type, tuple[Step, frozenset[State] | None, bool]] = {
    kind: (method, LEGAL.get(kind), kind not in _MOVE_NO_DEADLINE)
    for method, kinds in _ROUTES
    for kind in kinds
}
