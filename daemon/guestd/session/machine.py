"""One guest session as a value: `handle(input, now)` returns the effects it wants, in order.

It is the only place where a guest session changes. It runs to its end without suspension, so
whatever holds at the top of a method still holds at the bottom. It has no clock (`now` is monotonic
seconds), no global chance (a `Random` is given) and no voice: what deserves a count comes out as a
`Noticed`, and `repr()` is the line for a log.

An input of our own that is illegal in the present state raises `IllegalInput`, because it is our
bug (`states.py`). What the platform sends never raises, whatever it is: at worst it leads to an
ending.

One deadline serves all concerns: `wake_at`. Each concern (the state's own step, the heartbeat, the
inbox's hold, the outbox's pacing, the fill, the session's duration, the goodbye) keeps its own
instant, and `wake_at` is the earliest of them. The runner needs one timer entry per session and no
knowledge of what it is for; a `DeadlineReached` that finds nothing due is harmless.

The order in which the platform's acknowledgement, the history and live frames come is the heart of
"never lost, never doubled". After a lost link: `Joined` → everything that arrives is held → the
history is read → what was missing is put in place, what was unconfirmed is looked for, and only
then does the inbox flow again and the outbox move on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model import commands as c
from ..model import effects as e
from ..model import events as v
from ..model import requests as r
from ..model import signals as s
from ..model.effects import Notice
from ..model.endings import Cause, Ending
from ..model.errors import CommandError
from ..model.journal import SavedSession
from ..model.traits import Beating
from ..policy.backoff import Backoff
from . import inputs as i
from .core import Figures
from .fill import Step
from .inbox import NEVER
from .listening import Listening
from .states import LEGAL, IllegalInput, State
from .uploads import rules_of

_ENDED = State.ENDED  # looked up for every frame; an Enum's attribute is not free

_FILE_REFUSALS = frozenset({4008, 4009, 4010})
_MESSAGE_REFUSALS = frozenset({400, 403, 409, 4008, 4009, 4010, 4011, 4013})


class Machine(Listening):
    __slots__ = ()

    def handle(self, given: i.OwnInput | s.Signal, now: float) -> list[e.Effect]:
        """Take one input, return what to do about it, in order."""
        method, legal = _STEPS[type(given)]
        if legal is not None and self.state not in legal:
            raise IllegalInput(f"{type(given).__name__} in {self!r}")
        if self.state is _ENDED:
            return self._after_the_end(given)
        effects: list[e.Effect] = []
        if method(self, given, now, effects):
            self._rearm(now)
        return effects

    def restore(self, saved: SavedSession, now: float) -> None:
        """Take up where the journal says this guest session stood; then `Opened`, as for a new one,
        and `remember` in time.

        An unsettled message that may have been sent is looked for in the history before it is sent
        again."""
        self._seq = saved.seq
        self._joined_once = saved.joined
        self._was_live = saved.was_live
        self.read_only = saved.read_only
        if saved.joined and self._traits.has_history:
            self._inbox.begin_fill()
        if self._restore_commands(saved, now):
            self._leave_cause = Cause.FINISHED

    def remember(self, known: Sequence[tuple[str, str]]) -> None:
        """Identities and times of the last messages shown, oldest first; before the platform is
        joined again."""
        self._inbox.restore(known)

    def stop(self) -> list[e.Effect]:
        """The daemon stops and keeps this guest session: what the journal must know so that nothing
        is in doubt later.

        Nothing is sent after this.
        """
        if self.state is not State.LIVE:
            return []
        self.state, self.wake_at = State.RESTING, NEVER
        return [
            v.SessionEvent(self._next_seq(), "resting", Cause.CLOSED_BY_US.value, self.read_only)
        ]

    # Methods below return True if a deadline may have changed.

    # ------------------------------------------------------------------ the way to live

    def _opened(self, given: i.Opened, now: float, out: list[e.Effect]) -> bool:
        self._ends_at = now + self.duration_s
        if self._leave_cause is not None:
            self._leave_by = now + self._settings.lifetime.leave_timeout_s
        if not self._traits.confirms:
            self._give_up_under_way("guestd stopped before it could tell", out)
        # or a second kill before the next `live` would put in doubt what is accepted from now on
        if self._was_live:
            out.append(
                v.SessionEvent(self._next_seq(), "resting", Cause.LOST.value, self.read_only)
            )
        out.append(e.AskAdmission())
        return True

    def _admitted(self, given: i.Admitted, now: float, out: list[e.Effect]) -> bool:
        self.state = State.DIALING
        out.append(e.Dial())
        return True

    def _link_opened(self, given: i.LinkOpened, now: float, out: list[e.Effect]) -> bool:
        self.state = State.JOINING
        self._step_at = now + self._settings.lifetime.join_timeout_s
        self._requests = None
        out.append(e.Say(r.Hello(tracing_id=self._draw_id())))
        return True

    def _joined(self, given: s.Joined, now: float, out: list[e.Effect]) -> bool:
        self._note_figures(given)
        if self.state is not State.JOINING:
            return False
        first, self._joined_once = not self._joined_once, True
        self._attempt = 0
        self._step_at = NEVER
        self.state = State.LIVE
        self.read_only = given.read_only
        self.beat.start(now, self._settings.heartbeat.interval_s, self._rng)
        out.append(v.SessionEvent(self._next_seq(), "live", read_only=given.read_only, first=first))
        self._send_no_more_until_durable(out)
        if self._leave_cause is not None and self._goodbye_id and given.new_session:
            return self._finish(Ending(self._leave_cause), out, hang_up=True)
        if given.new_session and not first:
            self._give_up_under_way("the platform began a new session", out)
        if (
            first
            and given.new_session
            and self._settings.join_on_new_session
            and not given.read_only
        ):
            out.append(e.Say(r.Join(self._draw_id(), attributes=self._take_attributes())))
        if self._context is not None and self._traits.has_context and not self._context_id:
            out.append(e.Say(r.SetContext(self._context)))
        if self._traits.has_history and not given.new_session:
            self._begin_fill(now, out)
        elif self._inbox.filling:
            self._show(self._inbox.merge([], now), out)
        self._uploads_rejoined(given.new_session and not first, now, out)
        self._move_on(now, out)
        return True

    def _note_figures(self, given: s.Joined) -> None:
        if given.file_types or given.file_bytes_max is not None:
            self.figures = self.figures or Figures()
            self.figures.file_rules = rules_of(
                given.file_types, given.file_bytes_max, given.blocked_extensions
            )
        if (
            given.duration_s
            or given.expires_at_epoch_s
            or given.custom_attribute_bytes_max is not None
        ):
            figures = self.figures = self.figures or Figures()
            figures.duration_s = given.duration_s
            figures.expires_at_epoch_s = given.expires_at_epoch_s
            figures.attribute_bytes_max = given.custom_attribute_bytes_max

    # ------------------------------------------------------------------ links that fail

    def _dial_failed(self, given: i.DialFailed, now: float, out: list[e.Effect]) -> bool:
        return self._rest_or_end(given.ending, now, out)

    def _link_ended(self, given: i.LinkEnded, now: float, out: list[e.Effect]) -> bool:
        if self._cleared:
            return self._finish(Ending(self._leave_cause or Cause.SESSION_CLEARED), out)
        return self._rest_or_end(given.ending, now, out)

    def _rest_or_end(self, ending: Ending, now: float, out: list[e.Effect]) -> bool:
        self._forget_link()
        self._drop_links(out)
        if not ending.may_come_back(self._traits.reconnect_codes):
            return self._finish(ending, out)
        if self._leave_cause is not None and not self._joined_once:
            return self._finish(Ending(self._leave_cause), out)
        backoff = self._backoff()
        if backoff.exhausted(self._attempt):
            return self._finish(Ending(Cause.ATTEMPTS_EXHAUSTED, detail=str(ending)), out)
        rest_s = max(
            backoff.delay_s(self._attempt, self._rng), self._bounded_wait_s(ending.retry_after_s)
        )
        self._attempt += 1
        if self.state in (State.LIVE, State.LEAVING):
            out.append(
                v.SessionEvent(self._next_seq(), "resting", ending.cause.value, self.read_only)
            )
        self.state = State.RESTING
        self._step_at = now + rest_s
        return True

    def _forget_link(self) -> None:
        self.beat.stop()
        self._step_at = NEVER
        self._requests = None
        self._jwt = None
        self._fill = None
        self._uploads_lost_link()
        if self._outbox is not None and self._outbox.under_way is not None:
            self._outbox.under_way.orphaned = True
        if self._joined_once and self._traits.has_history:
            # what is held stays held: what was lost with the link may belong before it
            self._inbox.begin_fill()

    def _lose_link(self, ending: Ending, now: float, out: list[e.Effect]) -> bool:
        """Our own verdict that the link is dead: drop it, and do not wait for TCP to agree."""
        out.append(e.Drop())
        return self._rest_or_end(ending, now, out)

    def _backoff(self) -> Backoff:
        given = self._settings.reconnect
        return Backoff(given.base_s, given.jitter_s, given.cap_s, given.attempts_max)

    # ------------------------------------------------------------------ time

    def _deadline(self, given: i.DeadlineReached, now: float, out: list[e.Effect]) -> bool:
        if now >= self._ends_at:
            self._ends_at = NEVER
            self._leave(Cause.DURATION_REACHED, now, out)
        if self.state is not State.ENDED and now >= self._leave_by:
            self._out_of_patience(now, out)
        if self.state is not State.ENDED and now >= self._step_at:
            self._step_overdue(now, out)
        if self.state in (State.LIVE, State.LEAVING):
            self._tend_heartbeat(now, out)
        if self.state in (State.LIVE, State.LEAVING):
            self._tend_fill(now, out)
            self._tend_outbox(now, out)
            self._tend_links(now, out)
        if self.state is not State.ENDED and now >= self._inbox.wake_at:
            self._show(self._inbox.release(now), out)
        return True

    def _step_overdue(self, now: float, out: list[e.Effect]) -> None:
        self._step_at = NEVER
        if self.state is State.RESTING:
            self.state = State.WAITING
            out.append(e.AskAdmission())
        elif self.state is State.JOINING:
            self._lose_link(
                Ending(Cause.UNANSWERED, detail="the hello was not acknowledged"), now, out
            )

    def _tend_heartbeat(self, now: float, out: list[e.Effect]) -> None:
        if self.beat.asked_at is not None and self._inbox.heard_at > self.beat.asked_at:
            self.beat.answered()  # the answer waits behind what keeps arriving: that is life enough
        if self.beat.is_lost(now, self._settings.heartbeat.timeout_s):
            out.append(e.Noticed(Notice.HEARTBEAT_LOST))
            self._lose_link(
                Ending(Cause.UNANSWERED, detail="a heartbeat was not answered"), now, out
            )
        elif self.beat.is_due(now):
            echo = self._traits.beating is Beating.ECHO and self.beat.beats % 2 == 0
            out.append(e.Say(r.Beat()) if echo else e.Ping())
            out.append(e.Noticed(Notice.HEARTBEAT_SENT))
            self.beat.asked(now, self._settings.heartbeat.interval_s)

    def _heartbeat_answered(
        self, given: s.HeartbeatAnswered, now: float, out: list[e.Effect]
    ) -> bool:
        self.beat.answered()
        if given.expires_at_epoch_s and self.figures is not None:
            self.figures.expires_at_epoch_s = given.expires_at_epoch_s
        return True

    def _pong(self, given: i.PongArrived, now: float, out: list[e.Effect]) -> bool:
        self.beat.answered()
        return True

    def _rearm(self, now: float) -> None:
        at = min(self._step_at, self._ends_at, self._leave_by, self._inbox.wake_at)
        if self.state in (State.LIVE, State.LEAVING):
            at = min(at, self.beat.wake_at(self._settings.heartbeat.timeout_s))
            if self._fill is not None:
                at = min(at, self._fill.wake_at)
            if self._outbox:
                at = min(at, self._outbox_wake_at(now), self._uploads_wake_at(now))
            if self._links:
                at = min(at, self._links_wake_at())
        self.wake_at = at

    # ------------------------------------------------------------------ errors from the platform

    def _throttled(self, given: s.Throttled, now: float, out: list[e.Effect]) -> bool:
        wait_s = self._bounded_wait_s(given.retry_after_s)
        out.append(e.Noticed(Notice.THROTTLED))
        self.beat.answered()
        if self.state is State.JOINING:
            ending = Ending(Cause.THROTTLED, 429, given.reason, wait_s)
            return self._lose_link(ending, now, out)
        outbox = self._outbox
        if given.tracing_id and self._file_throttled(given, now):
            return True
        if outbox and outbox.match(given.tracing_id):
            outbox.put_back(now + wait_s)
        elif (
            outbox and not given.tracing_id
        ):  # whose it was is not known: wait, and let the history tell
            outbox.blocked_until = max(outbox.blocked_until, now + wait_s)
        elif self._fill is not None and self._fill.step is Step.JWT:
            self._history_failed("throttled", given.retry_after_s, now, out)
        return True

    def _refused(self, given: s.Refused, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.PLATFORM_ERROR))
        self.beat.answered()
        if given.code == 4007:
            return self._finish(
                Ending(Cause.SESSION_UNKNOWN, 4007, given.reason), out, hang_up=True
            )
        if self.state is State.JOINING:
            return self._join_refused(given, now, out)
        if (
            self._goodbye_id
            and given.tracing_id == self._goodbye_id
            and self._settings.conversation_clear
        ):
            self._goodbye_id = self._draw_id()
            out.append(e.Say(r.CloseSession(self._goodbye_id)))
            return True
        if given.tracing_id and self._file_refused(given, now, out):
            return True
        outbox = self._outbox
        if outbox is None or outbox.under_way is None:
            return True
        if (
            outbox.under_way.upload is not None
            and given.code in _FILE_REFUSALS
            and outbox.match(given.tracing_id)
        ):
            self._upload_anew(outbox.under_way, f"{given.code} {given.reason}", now, out)
        elif outbox.match(given.tracing_id) or (
            not given.tracing_id and given.code in _MESSAGE_REFUSALS
        ):
            self._delivered(outbox.finish_head(), "failed", out, f"{given.code} {given.reason}")
            self._move_on(now, out)
        return True

    def _join_refused(self, given: s.Refused, now: float, out: list[e.Effect]) -> bool:
        if 500 <= given.code <= 599 or given.code == 5000:
            return self._lose_link(
                Ending(Cause.UPGRADE_REFUSED, given.code, given.reason), now, out
            )
        return self._finish(
            Ending(Cause.SESSION_REFUSED, given.code, given.reason), out, hang_up=True
        )

    # ------------------------------------------------------------------ the end

    def _leave_asked(self, given: i.LeaveAsked, now: float, out: list[e.Effect]) -> bool:
        self._leave(given.cause, now, out)
        return True

    def _leave(self, cause: Cause, now: float, out: list[e.Effect]) -> None:
        """Start to leave. Without a link we come back first to say it, unless the platform never
        heard of us."""
        if self._leave_cause is not None:
            return
        self._leave_cause = cause
        self._leave_by = now + self._settings.lifetime.leave_timeout_s
        if not self._joined_once and self.state is not State.JOINING:
            self._finish(Ending(cause), out)
        elif self.state is State.RESTING:
            self._step_at = now
        else:
            self._move_on(now, out)

    def _say_goodbye(self, now: float, out: list[e.Effect]) -> None:
        if not self._traits.has_goodbye:
            self._finish(Ending(self._leave_cause or Cause.FINISHED), out, hang_up=True)
            return
        self.state = State.LEAVING
        self._goodbye_id = self._draw_id()
        clear = self._settings.conversation_clear
        out.append(e.Say(r.Clear(self._goodbye_id) if clear else r.CloseSession(self._goodbye_id)))

    def _out_of_patience(self, now: float, out: list[e.Effect]) -> None:
        """`leave_by` has passed. With commands still waiting, say goodbye over them; else go
        without an answer."""
        linked = self.state in (State.LIVE, State.LEAVING)
        if self.state is State.LIVE and self._traits.has_goodbye:
            self._leave_by = now + self._settings.lifetime.leave_timeout_s
            self._fill = None
            self._show(self._inbox.merge([], now), out)
            self._say_goodbye(now, out)
        else:
            ending = Ending(Cause.LEAVE_TIMEOUT, detail="the platform did not confirm the goodbye")
            self._finish(ending, out, hang_up=linked)

    def _left(self, given: s.Left, now: float, out: list[e.Effect]) -> bool:
        if self.state is State.LEAVING:
            return self._finish(Ending(self._leave_cause or Cause.FINISHED), out, hang_up=True)
        return False

    def _session_cleared(self, given: s.SessionCleared, now: float, out: list[e.Effect]) -> bool:
        self._cleared = True
        if self.state is State.LEAVING:
            return self._finish(Ending(self._leave_cause or Cause.FINISHED), out, hang_up=True)
        return False

    def _connection_closed(
        self, given: s.ConnectionClosed, now: float, out: list[e.Effect]
    ) -> bool:
        if self.state is State.LEAVING:
            cause = self._leave_cause or Cause.FINISHED
        elif self._cleared:
            cause = Cause.SESSION_CLEARED
        elif given.reason == "signedIn":
            cause = Cause.SIGNED_IN_ELSEWHERE
        else:
            cause = Cause.DISPLACED
        return self._finish(Ending(cause, detail=given.reason), out, hang_up=True)

    def _session_expired(self, given: s.SessionExpired, now: float, out: list[e.Effect]) -> bool:
        cause = (
            self._leave_cause
            if self.state is State.LEAVING and self._leave_cause
            else Cause.SESSION_EXPIRED
        )
        return self._finish(Ending(cause), out, hang_up=True)

    def _logged_out(self, given: s.LoggedOut, now: float, out: list[e.Effect]) -> bool:
        return self._finish(Ending(Cause.LOGGED_OUT), out, hang_up=True)

    def _finish(self, ending: Ending, out: list[e.Effect], *, hang_up: bool = False) -> bool:
        linked = self.state in (State.JOINING, State.LIVE, State.LEAVING)
        waiting = self.state is State.WAITING
        self._fill = None
        self._drop_links(out)
        if self._inbox.held:
            self._show(self._inbox.merge([], 0.0), out)
        for outgoing in self._outbox.give_up() if self._outbox else ():
            status = "failed" if outgoing.sent_at is None and not outgoing.doubted else "uncertain"
            self._delivered(outgoing, status, out, f"the guest session ended: {ending.cause.value}")
        self.state = State.ENDED
        self.wake_at = self._step_at = self._ends_at = self._leave_by = NEVER
        self.beat.stop()
        if hang_up and linked:
            out.append(e.HangUp(1000, "the guest session has ended"))
        if waiting:
            out.append(e.CancelAdmission())
        out.append(v.SessionEvent(self._next_seq(), "ended", ending.cause.value, self.read_only))
        out.append(e.Finish(ending))
        return False

    def break_off(self, recorded_seq: int) -> list[e.Effect]:
        """The end after a bug of ours. Events go on from what was recorded; those that were not
        have not happened."""
        self._seq = recorded_seq
        out: list[e.Effect] = []
        self._drop_links(out)
        for outgoing in self._outbox.give_up() if self._outbox is not None else ():
            if self.was_accepted(outgoing.command.command_id, recorded_seq):
                status = (
                    "failed" if outgoing.sent_at is None and not outgoing.doubted else "uncertain"
                )
                self._delivered(
                    outgoing, status, out, "the guest session ended by an internal error"
                )
        return out + self.bare_end(self._seq)

    def bare_end(self, recorded_seq: int) -> list[e.Effect]:
        """The least that ends a guest session: its last event, and that it is to be forgotten."""
        self._seq = recorded_seq
        waiting = self.state is State.WAITING
        self.state = State.ENDED
        self.wake_at = self._step_at = self._ends_at = self._leave_by = NEVER
        ended = v.SessionEvent(
            self._next_seq(), "ended", Cause.INTERNAL_ERROR.value, self.read_only
        )
        out: list[e.Effect] = [e.CancelAdmission()] if waiting else []
        return [*out, ended, e.Finish(Ending(Cause.INTERNAL_ERROR))]

    def was_accepted(self, command_id: str, recorded_seq: int) -> bool:
        """True if the event that accepts this command is among those recorded up to
        `recorded_seq`."""
        accepted = self._accepted.get(command_id) if self._accepted is not None else None
        return accepted is not None and accepted.seq <= recorded_seq

    def _after_the_end(self, given: i.OwnInput | s.Signal) -> list[e.Effect]:
        if isinstance(given, i.CommandGiven):
            error = CommandError("the guest session has ended", code="ended")
            out: list[e.Effect] = [e.Tell(c.Answer(given.command.command_id, error=error))]
            self._discard_copy(given.command, out)
            return out
        if isinstance(given, i.LinkOpened):
            return [e.HangUp(1000, "the guest session has ended")]
        if (
            isinstance(given, i.IntentDurable)
            and self._accepted
            and given.command_id in self._accepted
        ):
            return [e.Tell(c.Answer(given.command_id, self._accepted[given.command_id].seq))]
        return []


#: For each input its method, and the states it is legal in; signals are legal everywhere.
_STEPS: dict[type, tuple[Any, frozenset[State] | None]] = {
    i.Opened: (Machine._opened, LEGAL[i.Opened]),
    i.Admitted: (Machine._admitted, LEGAL[i.Admitted]),
    i.LinkOpened: (Machine._link_opened, LEGAL[i.LinkOpened]),
    i.DialFailed: (Machine._dial_failed, LEGAL[i.DialFailed]),
    i.LinkEnded: (Machine._link_ended, LEGAL[i.LinkEnded]),
    i.PongArrived: (Machine._pong, LEGAL[i.PongArrived]),
    i.DeadlineReached: (Machine._deadline, LEGAL[i.DeadlineReached]),
    i.CommandGiven: (Machine._command, LEGAL[i.CommandGiven]),
    i.IntentDurable: (Machine._intent_durable, LEGAL[i.IntentDurable]),
    i.EventDurable: (Machine._event_durable, LEGAL[i.EventDurable]),
    i.HistoryRead: (Machine._history_read, LEGAL[i.HistoryRead]),
    i.HistoryUnread: (Machine._history_unread, LEGAL[i.HistoryUnread]),
    i.PutEnded: (Machine._put_ended, LEGAL[i.PutEnded]),
    i.LeaveAsked: (Machine._leave_asked, LEGAL[i.LeaveAsked]),
    s.Joined: (Machine._joined, None),
    s.Left: (Machine._left, None),
    s.MessageArrived: (Machine._message, None),
    s.TypingShown: (Machine._typing, None),
    s.ReceiptArrived: (Machine._receipt, None),
    s.HeartbeatAnswered: (Machine._heartbeat_answered, None),
    s.JwtGranted: (Machine._jwt_granted, None),
    s.SlotGranted: (Machine._slot_granted, None),
    s.SlotRefused: (Machine._slot_refused, None),
    s.UploadSucceeded: (Machine._upload_succeeded, None),
    s.UploadFailed: (Machine._upload_refused, None),
    s.AttachmentDeleted: (Machine._ignored, None),
    s.ConfigurationTold: (Machine._ignored, None),
    s.ResumeTokenGranted: (Machine._ignored, None),
    s.ConnectionClosed: (Machine._connection_closed, None),
    s.SessionCleared: (Machine._session_cleared, None),
    s.SessionExpired: (Machine._session_expired, None),
    s.LoggedOut: (Machine._logged_out, None),
    s.Throttled: (Machine._throttled, None),
    s.Refused: (Machine._refused, None),
    s.Unknown: (Machine._unknown, None),
    s.ContentRefused: (Machine._content_refused, None),
    s.Garbage: (Machine._garbage, None),
}
