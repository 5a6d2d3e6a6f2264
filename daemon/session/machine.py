"""One guest session as a value: `handle(input, now)` returns the effects it wants, in order.

It is the only place where a guest session changes. It runs to its end without suspension, so whatever holds at the top
of a method still holds at the bottom. It has no clock (`now` is monotonic seconds), no global chance (a `Random` is
given) and no voice: what deserves a count comes out as a `Noticed`, and `repr()` is the line for a log.

An input of our own that is illegal in the present state raises `IllegalInput`, because it is our bug (`states.py`). What
the platform sends never raises, whatever it is: at worst it leads to an ending.

One deadline serves all concerns: `wake_at`. Each concern (the state's own step, the heartbeat, the inbox's hold, the
outbox's pacing, the fill, the session's duration, the goodbye) keeps its own instant, and `wake_at` is the earliest of
them. The runner needs one timer entry per session and no knowledge of what it is for; a `DeadlineReached` that finds
nothing due is harmless.

The order in which the platform's acknowledgement, the history and live frames come is the heart of "never lost, never
doubled". After a lost link: `Joined` → everything that arrives is held → the history is read → what was missing is put
in place, what was unconfirmed is looked for, and only then does the inbox flow again and the outbox move on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar
from uuid import UUID

from ..model import commands as c
from ..model import effects as e
from ..model import events as v
from ..model import requests as r
from ..model import signals as s
from ..model.effects import Notice
from ..model.endings import Cause, Ending
from ..model.errors import CommandError
from ..model.ids import Guest
from ..policy.backoff import Backoff
from ..policy.buckets import SlidingCount
from . import inputs as i
from .commands import flatten_context, refusal
from .fill import Fill, Step
from .heartbeat import Heartbeat
from .inbox import NEVER, Inbox, Outcome
from .outbox import Outbox, Outgoing
from .settings import SessionSettings
from .states import LEGAL, IllegalInput, State

#: Requests of a connection's budget that messages leave alone: heartbeats, the hello, JWTs, the goodbye.
REQUESTS_KEPT_BACK = 8

#: Resends after which a message's fate is called uncertain instead of trying for ever.
ATTEMPTS_MAX = 5

#: Typing is passed on at most once in this time (reference §5).
TYPING_INTERVAL_S = 5.0

_ENDED = State.ENDED  # looked up for every frame; an Enum's attribute is not free

_MESSAGE_REFUSALS = frozenset({400, 403, 409, 4008, 4009, 4010, 4011, 4013})


@dataclass(slots=True, frozen=True)
class Manners:
    """What the machine must know of the dialect it lives in; the same for all sessions of a deployment."""

    confirms: bool
    has_history: bool
    beats_by_echo: bool
    has_goodbye: bool
    has_context: bool
    reconnect_codes: frozenset[int]
    messages_per_s: float
    requests_per_minute: int | None
    text_max: int
    text_unit: str
    text_length: Callable[[str], int]
    attribute_bytes_max: int


@dataclass(slots=True)
class _Accepted:
    """A command we said yes to; `durable` once its intent is, so that a repetition gets the same answer.

    `trace` is the tracing id and marker of its message: ours, because a caller's command id need not be unique for ever.
    """

    seq: int
    trace: str = ""
    durable: bool = False


@dataclass(slots=True)
class Figures:
    """What changes rarely and is asked for by outsiders: the platform's own figures of this session."""

    duration_s: float | None = None
    expires_at_epoch_s: float | None = None
    attribute_bytes_max: int | None = None


class Machine:
    __slots__ = (
        "_accepted",
        "_attempt",
        "_cleared",
        "_context",
        "_context_id",
        "_end_id",
        "_ends_at",
        "_fill",
        "_goodbye_id",
        "_history",
        "_inbox",
        "_joined_once",
        "_jwt",
        "_leave_by",
        "_leave_cause",
        "_manners",
        "_outbox",
        "_pending_attributes",
        "_requests",
        "_rng",
        "_seq",
        "_settings",
        "_step_at",
        "_traces",
        "_typed_at",
        "beat",
        "duration_s",
        "figures",
        "guest",
        "read_only",
        "state",
        "wake_at",
    )

    def __init__(
        self, guest: Guest, settings: SessionSettings, manners: Manners, inbox: Inbox, rng: Random, seq: int = 0
    ) -> None:
        self.guest = guest
        self.state = State.WAITING
        self.read_only = False
        self.wake_at = NEVER
        self.beat = Heartbeat()
        self.figures: Figures | None = None
        self.duration_s = settings.duration_s
        self._settings = settings
        self._manners = manners
        self._inbox = inbox
        self._rng = rng
        self._seq = seq
        self._attempt = 0
        self._joined_once = False
        self._step_at = NEVER
        self._ends_at = NEVER
        self._leave_by = NEVER
        self._leave_cause: Cause | None = None
        self._goodbye_id = ""
        self._cleared = False
        self._outbox: Outbox | None = None
        self._requests: SlidingCount | None = None
        self._fill: Fill | None = None
        self._jwt: tuple[str, float] | None = None
        self._history: SlidingCount | None = None
        self._accepted: OrderedDict[str, _Accepted] | None = None
        self._traces: dict[str, str] | None = None
        self._pending_attributes = guest.attributes or None
        self._context: dict[str, Any] | None = None
        self._context_id = ""
        self._end_id = ""
        self._typed_at = -NEVER

    def __repr__(self) -> str:
        state = self.state.value + ("-soon" if self._leave_cause and self.state is not State.LEAVING else "")
        out = len(self._outbox) if self._outbox else 0
        return (
            f"<guest {self.guest.session_id} {state} seq={self._seq} held={self._inbox.held} out={out}"
            f" attempt={self._attempt}{' filling' if self._fill else ''}{' read-only' if self.read_only else ''}>"
        )

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def has_unsent(self) -> bool:
        return bool(self._outbox)

    def handle(self, given: i.OwnInput | s.Signal, now: float) -> list[e.Effect]:
        """Take one input, return what to do about it, in order."""
        method, legal = self._STEPS[type(given)]
        if legal is not None and self.state not in legal:
            raise IllegalInput(f"{type(given).__name__} in {self!r}")
        if self.state is _ENDED:
            return self._after_the_end(given)
        effects: list[e.Effect] = []
        if method(self, given, now, effects):
            self._rearm(now)
        return effects

    # Methods below return True if a deadline may have changed.

    # ------------------------------------------------------------------ the way to live

    def _opened(self, given: i.Opened, now: float, out: list[e.Effect]) -> bool:
        self._ends_at = now + self.duration_s
        out.append(e.AskAdmission())
        return True

    def _admitted(self, given: i.Admitted, now: float, out: list[e.Effect]) -> bool:
        self.state = State.DIALING
        out.append(e.Dial())
        return True

    def _link_opened(self, given: i.LinkOpened, now: float, out: list[e.Effect]) -> bool:
        self.state = State.JOINING
        self._step_at = now + self._settings.join_timeout_s
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
        self.beat.start(now, self._settings.heartbeat_interval_s, self._rng)
        out.append(v.SessionEvent(self._next_seq(), "live", read_only=given.read_only))
        if self._leave_cause is not None and self._goodbye_id and given.new_session:
            return self._finish(Ending(self._leave_cause), out, hang_up=True)
        if given.new_session and not first:
            self._give_up_under_way("the platform began a new session", out)
        if first and given.new_session and self._settings.join_on_new_session and not given.read_only:
            out.append(e.Say(r.Join(self._draw_id(), attributes=self._take_attributes())))
        if self._context is not None and self._manners.has_context and not self._context_id:
            out.append(e.Say(r.SetContext(self._context)))
        if self._manners.has_history and not given.new_session:
            self._begin_fill(now, out)
        elif self._inbox.filling:
            self._show(self._inbox.merge([], now), out)
        self._move_on(now, out)
        return True

    def _note_figures(self, given: s.Joined) -> None:
        if given.duration_s or given.expires_at_epoch_s or given.custom_attribute_bytes_max is not None:
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
        if not ending.may_come_back(self._manners.reconnect_codes):
            return self._finish(ending, out)
        if self._leave_cause is not None and not self._joined_once:
            return self._finish(Ending(self._leave_cause), out)
        backoff = self._backoff()
        if backoff.exhausted(self._attempt):
            return self._finish(Ending(Cause.ATTEMPTS_EXHAUSTED, detail=str(ending)), out)
        rest_s = max(backoff.delay_s(self._attempt, self._rng), ending.retry_after_s or 0.0)
        self._attempt += 1
        if self.state in (State.LIVE, State.LEAVING):
            out.append(v.SessionEvent(self._next_seq(), "resting", ending.cause.value, self.read_only))
        self.state = State.RESTING
        self._step_at = now + rest_s
        return True

    def _forget_link(self) -> None:
        self.beat.stop()
        self._step_at = NEVER
        self._requests = None
        self._jwt = None
        self._fill = None
        if self._outbox is not None and self._outbox.under_way is not None:
            self._outbox.under_way.orphaned = True
        if self._joined_once and self._manners.has_history:
            self._inbox.begin_fill()  # what is held stays held: what was lost with the link may belong before it

    def _lose_link(self, ending: Ending, now: float, out: list[e.Effect]) -> bool:
        """Our own verdict that the link is dead: drop it, and do not wait for TCP to agree."""
        out.append(e.Drop())
        return self._rest_or_end(ending, now, out)

    def _backoff(self) -> Backoff:
        f = self._settings
        return Backoff(f.reconnect_base_s, f.reconnect_jitter_s, f.reconnect_cap_s, f.reconnect_attempts_max)

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
        if self.state is not State.ENDED and now >= self._inbox.wake_at:
            self._show(self._inbox.release(now), out)
        return True

    def _step_overdue(self, now: float, out: list[e.Effect]) -> None:
        self._step_at = NEVER
        if self.state is State.RESTING:
            self.state = State.WAITING
            out.append(e.AskAdmission())
        elif self.state is State.JOINING:
            self._lose_link(Ending(Cause.UNANSWERED, detail="the hello was not acknowledged"), now, out)

    def _tend_heartbeat(self, now: float, out: list[e.Effect]) -> None:
        if self.beat.is_lost(now, self._settings.heartbeat_timeout_s):
            out.append(e.Noticed(Notice.HEARTBEAT_LOST))
            self._lose_link(Ending(Cause.UNANSWERED, detail="a heartbeat was not answered"), now, out)
        elif self.beat.is_due(now):
            echo = self._manners.beats_by_echo and self.beat.beats % 2 == 0
            out.append(e.Say(r.Beat()) if echo else e.Ping())
            out.append(e.Noticed(Notice.HEARTBEAT_SENT))
            self.beat.asked(now, self._settings.heartbeat_interval_s)

    def _heartbeat_answered(self, given: s.HeartbeatAnswered, now: float, out: list[e.Effect]) -> bool:
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
            at = min(at, self.beat.wake_at(self._settings.heartbeat_timeout_s))
            if self._fill is not None:
                at = min(at, self._fill.wake_at)
            if self._outbox:
                at = min(at, self._outbox_wake_at(now))
        self.wake_at = at

    # ------------------------------------------------------------------ messages in

    def _message(self, given: s.MessageArrived, now: float, out: list[e.Effect]) -> bool:
        if self._inbox.passes(given, now):
            changed = self._outbox is not None and self._confirm(given, now, out)
            self._record(given, out)
            if changed:
                self._move_on(now, out)
            return changed
        changed = self._outbox is not None and self._confirm(given, now, out)
        self._show(self._inbox.arrive(given, now), out)
        if changed:
            self._move_on(now, out)
        return True

    def _show(self, outcome: Outcome, out: list[e.Effect]) -> None:
        for placed in outcome.placed:
            if placed.gap is not None:
                after, before = placed.gap
                out.append(v.GapEvent(self._next_seq(), "not delivered in time", after, before))
            self._record(placed.item, out, placed.late)
        for notice, count in outcome.notices:
            out.append(e.Noticed(notice, count))

    def _record(self, item: s.MessageArrived, out: list[e.Effect], late: bool = False) -> None:
        self._seq = seq = self._seq + 1
        if item.presence:
            self._note_presence(item)
            event: v.Event = v.PresenceEvent(
                seq, item.identity, item.direction, item.presence, item.time, item.read_only, late
            )
        else:
            event = v.MessageEvent(
                seq,
                item.identity,
                item.direction,
                item.type,
                item.text,
                item.time,
                item.sender,
                item.bot,
                late,
                self._command_of(item) if self._traces is not None else "",
                item.message_id,
                item.content,
            )
        out.append(event)

    def _command_of(self, item: s.MessageArrived) -> str:
        if self._traces is None or item.direction != s.INBOUND:
            return ""
        return self._traces.get(item.marker or item.tracing_id, "")

    def _note_presence(self, item: s.MessageArrived) -> None:
        if item.presence == "Disconnect" and item.read_only:
            self.read_only = True

    def _typing(self, given: s.TypingShown, now: float, out: list[e.Effect]) -> bool:
        if given.direction == s.OUTBOUND:
            out.append(v.TypingEvent(self._next_seq(), given.on, given.duration_ms))
        return False

    def _receipt(self, given: s.ReceiptArrived, now: float, out: list[e.Effect]) -> bool:
        out.append(v.ReceiptEvent(self._next_seq(), given.sequence))
        return False

    def _garbage(self, given: s.Garbage, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.GARBAGE))
        if self.state is State.LIVE and self._manners.has_history:
            self._begin_fill(now, out)
        return True

    def _unknown(self, given: s.Unknown, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.UNKNOWN))
        return False

    def _ignored(self, given: s.Signal, now: float, out: list[e.Effect]) -> bool:
        """Attachments and configuration answers: nobody here has asked for them."""
        return False

    # ------------------------------------------------------------------ the history

    def _begin_fill(self, now: float, out: list[e.Effect]) -> None:
        if self._fill is not None:
            self._fill.again = True
            return
        self._inbox.begin_fill()
        self._fill = Fill()
        self._read_history(now, out)

    def _read_history(self, now: float, out: list[e.Effect]) -> None:
        fill = self._fill
        assert fill is not None
        if self._jwt is None or self._jwt[1] <= now:
            fill.asked(Step.JWT, now + self._settings.join_timeout_s)
            out.append(e.Say(r.AskJwt(tracing_id=self._draw_id())))
            return
        budget = self._history = self._history or SlidingCount(self._settings.history_reads_per_minute, 60.0)
        ready_at = budget.ready_at(now)
        if ready_at > now:
            fill.asked(Step.REST, ready_at)
            return
        budget.take(now)
        fill.asked(Step.PAGE, NEVER)
        if fill.page_number == 1:
            fill.asked_at = now
        out.append(e.FetchHistory(self._jwt[0], fill.page_number))

    def _jwt_granted(self, given: s.JwtGranted, now: float, out: list[e.Effect]) -> bool:
        # The platform says when it expires by its own wall clock; its published life is a minute. Half of that is safe
        # whatever the clocks say, and a fill is over in a second.
        self._jwt = (given.jwt, now + 30.0)
        if self._fill is not None and self._fill.step is Step.JWT:
            self._read_history(now, out)
        return True

    def _history_read(self, given: i.HistoryRead, now: float, out: list[e.Effect]) -> bool:
        fill = self._fill
        if fill is None or fill.step is not Step.PAGE or given.page_number != fill.page_number:
            return False
        if not given.items and self._is_suspicious(given, fill):
            return self._history_failed("the platform answered an empty page", None, now, out)
        fill.take(given.items)
        complete = not given.items or given.page_number >= given.page_count or self._inbox.knows(given.items[-1])
        if not complete:
            self._read_history(now, out)
            return True
        self._end_fill(fill, now, out)
        return True

    def _is_suspicious(self, given: i.HistoryRead, fill: Fill) -> bool:
        """An empty page where there must be something: known messages, pages still to come, a total above nothing.

        With a message under way, "there is nothing" would mean to send it again: believed only when said twice.
        """
        if given.total > 0 or given.page_number < given.page_count:
            return True
        under_way = self._outbox is not None and self._outbox.under_way is not None
        return given.page_number == 1 and (self._inbox.has_released or (under_way and fill.attempts == 0))

    def _history_unread(self, given: i.HistoryUnread, now: float, out: list[e.Effect]) -> bool:
        if self._fill is None or self._fill.step is not Step.PAGE:
            return False
        if not given.worth_retrying:
            self._jwt = None
        return self._history_failed(given.reason, given.retry_after_s, now, out)

    def _history_failed(self, reason: str, retry_after_s: float | None, now: float, out: list[e.Effect]) -> bool:
        fill = self._fill
        assert fill is not None
        fill.attempts += 1
        if fill.attempts >= self._settings.history_attempts_max:
            self._abandon_fill(reason, now, out)
        else:
            fill.restart(now + max(self._settings.history_retry_s, retry_after_s or 0.0))
        return True

    def _tend_fill(self, now: float, out: list[e.Effect]) -> None:
        fill = self._fill
        if fill is None or now < fill.wake_at:
            return
        if fill.step is Step.JWT:
            self._history_failed("the platform granted no JWT", None, now, out)
        elif fill.step is Step.REST:
            self._read_history(now, out)

    def _end_fill(self, fill: Fill, now: float, out: list[e.Effect]) -> None:
        if fill.again and fill.attempts + 1 < self._settings.history_attempts_max:
            fill.begin_again(now)
            self._read_history(now, out)
            return
        history = fill.oldest_first()
        self._fill = None
        for item in history:
            self._confirm(item, now, out)
        self._show(self._inbox.merge(history, now), out)
        self._settle_under_way(fill.asked_at, out)
        self._move_on(now, out)

    def _abandon_fill(self, reason: str, now: float, out: list[e.Effect]) -> None:
        self._fill = None
        out.append(e.Noticed(Notice.GAP_LEFT))
        out.append(v.GapEvent(self._next_seq(), f"the history could not be read: {reason}"))
        self._show(self._inbox.merge([], now), out)
        self._give_up_under_way("the history could not be read", out)
        self._move_on(now, out)

    # ------------------------------------------------------------------ commands

    def _command(self, given: i.CommandGiven, now: float, out: list[e.Effect]) -> bool:
        command = given.command
        accepted = self._accepted.get(command.command_id) if self._accepted else None
        if accepted is not None:
            if accepted.durable:
                out.append(e.Tell(c.Answer(command.command_id, accepted.seq)))
            return False
        error = self._refusal(command, now)
        if error is not None:
            out.append(e.Tell(c.Answer(command.command_id, error=error)))
            return False
        if isinstance(command, c.Typing):
            return self._show_typing(command, now, out)
        self._accept(command, out)
        return True

    def _refusal(self, command: c.Command, now: float) -> CommandError | None:
        outbox = self._outbox
        return refusal(
            command,
            state=self.state,
            leaving=self._leave_cause is not None,
            read_only=self.read_only,
            settings=self._settings,
            text_max=self._manners.text_max,
            text_unit=self._manners.text_unit,
            text_length=self._manners.text_length,
            attribute_bytes_max=(self.figures and self.figures.attribute_bytes_max)
            or self._manners.attribute_bytes_max,
            waiting=len(outbox) if outbox is not None else 0,
            must_wait=outbox is not None and outbox.waits(now),
        )

    def _accept(self, command: c.Send | c.Reply | c.Context | c.End, out: list[e.Effect]) -> None:
        seq = self._next_seq()
        trace, action, text = "", "end", ""
        if isinstance(command, c.Send | c.Reply):
            trace = self._draw_id()
            outgoing = Outgoing(command, trace, attributes=command.attributes if isinstance(command, c.Send) else None)
            self._the_outbox().accept(outgoing)
            action, text = ("send" if isinstance(command, c.Send) else "reply"), outgoing.text
        elif isinstance(command, c.Context):
            self._context, self._context_id, action = command.context, command.command_id, "context"
        else:
            self._end_id = command.command_id
        self._remember_accepted(command.command_id, _Accepted(seq, trace))
        out.append(v.AcceptedEvent(seq, command.command_id, action, text))

    def _remember_accepted(self, command_id: str, accepted: _Accepted) -> None:
        if self._accepted is None or self._traces is None:
            self._accepted, self._traces = OrderedDict(), {}
        self._accepted[command_id] = accepted
        self._traces[accepted.trace] = command_id
        while len(self._accepted) > self._settings.answers_kept_max:
            _, forgotten = self._accepted.popitem(last=False)
            self._traces.pop(forgotten.trace, None)

    def _intent_durable(self, given: i.IntentDurable, now: float, out: list[e.Effect]) -> bool:
        accepted = self._accepted.get(given.command_id) if self._accepted else None
        if accepted is not None:
            accepted.durable = True
            out.append(e.Tell(c.Answer(given.command_id, accepted.seq)))
        if given.command_id == self._context_id:
            self._apply_context(out)
        elif given.command_id == self._end_id:
            self._leave(Cause.FINISHED, now, out)
        elif self._outbox is not None:
            self._outbox.made_durable(given.command_id)
            self._move_on(now, out)
        return True

    def _apply_context(self, out: list[e.Effect]) -> None:
        self._context_id = ""
        assert self._context is not None
        if not self._manners.has_context:
            self._pending_attributes = {**(self._pending_attributes or {}), **flatten_context(self._context)}
        elif self.state is State.LIVE:
            out.append(e.Say(r.SetContext(self._context)))

    def _show_typing(self, command: c.Typing, now: float, out: list[e.Effect]) -> bool:
        if now >= self._typed_at + TYPING_INTERVAL_S:
            self._typed_at = now
            out.append(e.Say(r.ShowTyping()))
        out.append(e.Tell(c.Answer(command.command_id)))
        return False

    # ------------------------------------------------------------------ the outbox

    def _the_outbox(self) -> Outbox:
        if self._outbox is None:
            per_s = self._manners.messages_per_s
            limit = max(1, int(per_s))
            spacing_s = 1.0 / per_s if self._settings.pacing == "queue" else 0.0
            self._outbox = Outbox(SlidingCount(limit, limit / per_s), spacing_s)
        return self._outbox

    def _the_requests(self) -> SlidingCount | None:
        per_minute = self._manners.requests_per_minute
        if per_minute is None:
            return None
        if self._requests is None:
            self._requests = SlidingCount(max(1, per_minute - REQUESTS_KEPT_BACK), 60.0)
        return self._requests

    def _move_on(self, now: float, out: list[e.Effect]) -> None:
        """Send what may be sent now; when the lane is empty and we are asked to leave, say goodbye."""
        if self.state is not State.LIVE:
            return
        outbox = self._outbox
        while outbox and outbox.ready_at(now, self._the_requests()) <= now:
            outgoing = outbox.send_head(now, self._the_requests())
            if outgoing.attributes is None:
                outgoing.attributes = self._take_attributes()
            if outgoing.attempts > 1:
                out.append(e.Noticed(Notice.RESENT))
            out.append(e.Say(outgoing.request()))
            if not self._manners.confirms:
                self._delivered(outbox.finish_head(), "sent", out)
        if not outbox and self._leave_cause is not None and self._fill is None:
            self._say_goodbye(now, out)

    def _outbox_wake_at(self, now: float) -> float:
        outbox = self._outbox
        assert outbox is not None
        under_way = outbox.under_way
        if under_way is not None and under_way.sent_at is not None:
            return NEVER if self._fill is not None else under_way.sent_at + self._settings.confirm_timeout_s
        return outbox.ready_at(now, self._the_requests())

    def _tend_outbox(self, now: float, out: list[e.Effect]) -> None:
        outbox = self._outbox
        if not outbox or self.state is not State.LIVE:
            return
        under_way = outbox.under_way
        if under_way is None:
            self._move_on(now, out)
        elif self._fill is None and now >= (under_way.sent_at or now) + self._settings.confirm_timeout_s:
            if self._manners.has_history:
                self._begin_fill(now, out)
            else:
                self._give_up_under_way("the platform did not confirm it", out)

    def _confirm(self, item: s.MessageArrived, now: float, out: list[e.Effect]) -> bool:
        outbox = self._outbox
        if outbox is None or not outbox.matches_echo(item):
            return False
        outgoing = outbox.finish_head()
        if outgoing.sent_at is not None and outgoing.attempts == 1:
            out.append(e.Echoed(now - outgoing.sent_at))
        self._delivered(outgoing, "confirmed", out, message_id=item.message_id)
        return True

    def _delivered(
        self, outgoing: Outgoing, status: str, out: list[e.Effect], reason: str = "", message_id: str = ""
    ) -> None:
        event = v.DeliveryEvent(self._next_seq(), outgoing.command.command_id, status, reason, message_id)
        out.append(event)

    def _settle_under_way(self, history_asked_at: float, out: list[e.Effect]) -> None:
        """The history was read and does not hold the message under way. May it be sent again?

        Only if the history had the time to know it: its link is gone, or it was sent a whole confirmation time-out
        before the history was asked. One sent just now is simply on its way.
        """
        outbox = self._outbox
        under_way = outbox.under_way if outbox is not None else None
        if outbox is None or under_way is None or under_way.sent_at is None:
            return
        overdue = under_way.sent_at + self._settings.confirm_timeout_s <= history_asked_at
        if not under_way.orphaned and not overdue:
            return
        if under_way.attempts >= ATTEMPTS_MAX:
            self._delivered(outbox.finish_head(), "failed", out, "the platform did not take it, often tried")
        else:
            outbox.put_back()

    def _give_up_under_way(self, reason: str, out: list[e.Effect]) -> None:
        if self._outbox is not None and self._outbox.under_way is not None:
            self._delivered(self._outbox.finish_head(), "uncertain", out, reason)

    def _take_attributes(self) -> dict[str, str] | None:
        attributes, self._pending_attributes = self._pending_attributes, None
        return attributes

    # ------------------------------------------------------------------ errors from the platform

    def _throttled(self, given: s.Throttled, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.THROTTLED))
        self.beat.answered()
        if self.state is State.JOINING:
            ending = Ending(Cause.THROTTLED, 429, given.reason, given.retry_after_s)
            return self._lose_link(ending, now, out)
        outbox = self._outbox
        if outbox and outbox.match(given.tracing_id):
            outbox.put_back(now + given.retry_after_s)
        elif outbox and not given.tracing_id:  # whose it was is not known: wait, and let the history tell
            outbox.blocked_until = max(outbox.blocked_until, now + given.retry_after_s)
        elif self._fill is not None and self._fill.step is Step.JWT:
            self._history_failed("throttled", given.retry_after_s, now, out)
        return True

    def _refused(self, given: s.Refused, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.PLATFORM_ERROR))
        self.beat.answered()
        if given.code == 4007:
            return self._finish(Ending(Cause.SESSION_UNKNOWN, 4007, given.reason), out, hang_up=True)
        if self.state is State.JOINING:
            return self._join_refused(given, now, out)
        if self._goodbye_id and given.tracing_id == self._goodbye_id and self._settings.conversation_clear:
            self._goodbye_id = self._draw_id()
            out.append(e.Say(r.CloseSession(self._goodbye_id)))
            return True
        outbox = self._outbox
        if outbox is None or outbox.under_way is None:
            return True
        if outbox.match(given.tracing_id) or (not given.tracing_id and given.code in _MESSAGE_REFUSALS):
            self._delivered(outbox.finish_head(), "failed", out, f"{given.code} {given.reason}")
            self._move_on(now, out)
        return True

    def _join_refused(self, given: s.Refused, now: float, out: list[e.Effect]) -> bool:
        if 500 <= given.code <= 599 or given.code == 5000:
            return self._lose_link(Ending(Cause.UPGRADE_REFUSED, given.code, given.reason), now, out)
        return self._finish(Ending(Cause.SESSION_REFUSED, given.code, given.reason), out, hang_up=True)

    def _slot_refused(self, given: s.SlotRefused, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.PLATFORM_ERROR))
        return False

    # ------------------------------------------------------------------ the end

    def _leave_asked(self, given: i.LeaveAsked, now: float, out: list[e.Effect]) -> bool:
        self._leave(given.cause, now, out)
        return True

    def _leave(self, cause: Cause, now: float, out: list[e.Effect]) -> None:
        """Start to leave. Without a link we come back first to say it, unless the platform never heard of us."""
        if self._leave_cause is not None:
            return
        self._leave_cause = cause
        self._leave_by = now + self._settings.leave_timeout_s
        if not self._joined_once and self.state is not State.JOINING:
            self._finish(Ending(cause), out)
        elif self.state is State.RESTING:
            self._step_at = now
        else:
            self._move_on(now, out)

    def _say_goodbye(self, now: float, out: list[e.Effect]) -> None:
        if not self._manners.has_goodbye:
            self._finish(Ending(self._leave_cause or Cause.FINISHED), out, hang_up=True)
            return
        self.state = State.LEAVING
        self._goodbye_id = self._draw_id()
        clear = self._settings.conversation_clear
        out.append(e.Say(r.Clear(self._goodbye_id) if clear else r.CloseSession(self._goodbye_id)))

    def _out_of_patience(self, now: float, out: list[e.Effect]) -> None:
        """`leave_by` has passed. With commands still waiting, say goodbye over them; else go without an answer."""
        linked = self.state in (State.LIVE, State.LEAVING)
        if self.state is State.LIVE and self._manners.has_goodbye:
            self._leave_by = now + self._settings.leave_timeout_s
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

    def _connection_closed(self, given: s.ConnectionClosed, now: float, out: list[e.Effect]) -> bool:
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
        cause = self._leave_cause if self.state is State.LEAVING and self._leave_cause else Cause.SESSION_EXPIRED
        return self._finish(Ending(cause), out, hang_up=True)

    def _logged_out(self, given: s.LoggedOut, now: float, out: list[e.Effect]) -> bool:
        return self._finish(Ending(Cause.LOGGED_OUT), out, hang_up=True)

    def _finish(self, ending: Ending, out: list[e.Effect], *, hang_up: bool = False) -> bool:
        linked = self.state in (State.JOINING, State.LIVE, State.LEAVING)
        waiting = self.state is State.WAITING
        self._fill = None
        if self._inbox.held:
            self._show(self._inbox.merge([], 0.0), out)
        for outgoing in self._outbox.give_up() if self._outbox else ():
            status = "uncertain" if outgoing.sent_at is not None else "failed"
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

    def _after_the_end(self, given: i.OwnInput | s.Signal) -> list[e.Effect]:
        if isinstance(given, i.CommandGiven):
            error = CommandError("the guest session has ended", code="ended")
            return [e.Tell(c.Answer(given.command.command_id, error=error))]
        if isinstance(given, i.LinkOpened):
            return [e.HangUp(1000, "the guest session has ended")]
        if isinstance(given, i.IntentDurable) and self._accepted and given.command_id in self._accepted:
            return [e.Tell(c.Answer(given.command_id, self._accepted[given.command_id].seq))]
        return []

    # ------------------------------------------------------------------ small things

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _draw_id(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    #: For each input its method, and the states it is legal in; signals are legal everywhere.
    _STEPS: ClassVar[dict[type, tuple[Any, frozenset[State] | None]]] = {
        i.Opened: (_opened, LEGAL[i.Opened]),
        i.Admitted: (_admitted, LEGAL[i.Admitted]),
        i.LinkOpened: (_link_opened, LEGAL[i.LinkOpened]),
        i.DialFailed: (_dial_failed, LEGAL[i.DialFailed]),
        i.LinkEnded: (_link_ended, LEGAL[i.LinkEnded]),
        i.PongArrived: (_pong, LEGAL[i.PongArrived]),
        i.DeadlineReached: (_deadline, LEGAL[i.DeadlineReached]),
        i.CommandGiven: (_command, LEGAL[i.CommandGiven]),
        i.IntentDurable: (_intent_durable, LEGAL[i.IntentDurable]),
        i.HistoryRead: (_history_read, LEGAL[i.HistoryRead]),
        i.HistoryUnread: (_history_unread, LEGAL[i.HistoryUnread]),
        i.LeaveAsked: (_leave_asked, LEGAL[i.LeaveAsked]),
        s.Joined: (_joined, None),
        s.Left: (_left, None),
        s.MessageArrived: (_message, None),
        s.TypingShown: (_typing, None),
        s.ReceiptArrived: (_receipt, None),
        s.HeartbeatAnswered: (_heartbeat_answered, None),
        s.JwtGranted: (_jwt_granted, None),
        s.SlotGranted: (_ignored, None),
        s.SlotRefused: (_slot_refused, None),
        s.UploadSucceeded: (_ignored, None),
        s.UploadFailed: (_ignored, None),
        s.AttachmentDeleted: (_ignored, None),
        s.ConfigurationTold: (_ignored, None),
        s.ResumeTokenGranted: (_ignored, None),
        s.ConnectionClosed: (_connection_closed, None),
        s.SessionCleared: (_session_cleared, None),
        s.SessionExpired: (_session_expired, None),
        s.LoggedOut: (_logged_out, None),
        s.Throttled: (_throttled, None),
        s.Refused: (_refused, None),
        s.Unknown: (_unknown, None),
        s.Garbage: (_garbage, None),
    }
