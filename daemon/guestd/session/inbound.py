"""Inbound messages: in order, each once; and the history, read when something may be missing.

A message takes one of two ways. In order and not seen before, with nothing held and no gap open, it
is accepted by the inbox as it is, and recorded at once (`record`). Everything else is put into the
inbox (`arrived`), which may hold it, drop it as a repetition, or release several at once.

A gap is closed in three steps, and the machine stands between them. `request_backfill` begins to
hold what arrives and asks for a token and then for pages. When the reading is over, its result is
returned (`wants.BackfillRead` or `BackfillAbandoned`), because the messages of ours that are under
way must be looked for in it first. Then `merge` puts history and held messages together, and the
inbox flows again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model import client_messages as m
from ..model import effects as e
from ..model import events as v
from ..model import signals as s
from ..model.effects import SessionCounter
from ..model.foreign import HISTORY_PAGES_MAX
from ..model.instants import NEVER
from ..policy.buckets import SlidingCount
from . import inputs as i
from .backfill import BackfillStep, HistoryBackfill
from .fleet_rules import FleetRules
from .inbox import InboxOutcome, MessageInbox
from .numbers import EventNumbers, draw_id
from .wants import BackfillAbandoned, BackfillRead, BackfillResult

#: Which command a message of the guest's own is the echo of: tracing id or marker → command id.
Traces = Mapping[str, str] | None

#: A JWT's published life is a minute by the platform's own wall clock. Half of that is safe
#: whatever the clocks say, and a backfill is over in a second.
JWT_USED_S = 30.0


class Inbound:
    """`read_only`: the conversation has ended, as far as its messages say. `inbox` and `backfill`
    may be asked for their deadlines; `backfill` is None while no history is read. `reads` is the
    budget of readings, None before the first."""

    __slots__ = (
        "_gap_open",
        "_jwt",
        "_jwt_is_wanted",
        "_numbers",
        "_rules",
        "backfill",
        "inbox",
        "read_only",
        "reads",
    )

    def __init__(
        self,
        inbox: MessageInbox,
        rules: FleetRules,
        numbers: EventNumbers,
    ) -> None:
        self.inbox = inbox
        self._rules = rules
        self._numbers = numbers
        self.backfill: HistoryBackfill | None = None
        self._gap_open = False
        self._jwt: tuple[str, float] | None = None
        self._jwt_is_wanted = False
        self.reads: SlidingCount | None = None
        self.read_only = False

    # ------------------------------------------------------------------ messages

    def arrived(self, item: s.MessageArrived, now: float, traces: Traces, out: e.Effects) -> None:
        self._show(self.inbox.arrive(item, now), traces, out)

    def sequence_used(
        self, given: s.SequenceUsed, now: float, traces: Traces, out: e.Effects
    ) -> None:
        self._show(self.inbox.use(given.sequence, now), traces, out)

    def release(self, now: float, traces: Traces, out: e.Effects) -> None:
        """Whatever was held long enough."""
        self._show(self.inbox.release(now), traces, out)

    def merge(
        self, history: list[s.MessageArrived], now: float, traces: Traces, out: e.Effects
    ) -> None:
        """Close the gap: put the history and what is held together, and hold no more."""
        self._gap_open = False
        self._show(self.inbox.merge(history, now), traces, out)

    def flush(self, now: float, traces: Traces, out: e.Effects) -> None:
        """Show all that is held, and hold no more."""
        self._gap_open = False
        self._show(self.inbox.flush(now), traces, out)

    def leave_unread(self, now: float, traces: Traces, out: e.Effects) -> None:
        """The history is not waited for any more: show all that is held, and tell that something
        may be missing before it."""
        self.backfill = None
        if self._gap_open and self.inbox.held:
            self._leave_gap("the guest session ended before the history was read", out)
        self.flush(now, traces, out)

    def flush_broken(self, traces: Traces, out: e.Effects) -> None:
        """As `leave_unread`, after a bug. If it is the inbox that broke, its messages are lost, but
        the session can end in an orderly way."""
        seq, count = self._numbers.last, len(out)
        try:
            self.leave_unread(0.0, traces, out)
        except Exception:
            self._numbers.last = seq
            del out[count:]

    def preload_seen(self, known: Sequence[tuple[str, str]]) -> None:
        self.inbox.restore(known)

    def note(self, given: s.Signal, out: e.Effects) -> None:
        """Signals that are recorded or counted as they come."""
        match given:
            case s.TypingShown():
                if given.direction == s.OUTBOUND:
                    seq = self._numbers.next()
                    out.append(v.TypingEvent(seq, given.on, given.duration_ms, given.state))
            case s.ReceiptArrived():
                out.append(v.ReceiptEvent(self._numbers.next(), given.sequence, given.status))
            case s.Unknown():
                out.append(e.Count(SessionCounter.UNKNOWN, name=given.name))
            case s.Garbage() | s.ContentRefused():
                out.append(e.Count(SessionCounter.GARBAGE))

    def _show(self, outcome: InboxOutcome, traces: Traces, out: e.Effects) -> None:
        for placed in outcome.placed:
            if placed.gap is not None:
                after, before = placed.gap
                out.append(v.GapEvent(self._numbers.next(), "not delivered in time", after, before))
            self.record(placed.item, traces, out, placed.late)
        for notice, count in outcome.counts:
            out.append(e.Count(notice, count))

    def record(
        self, item: s.MessageArrived, traces: Traces, out: e.Effects, late: bool = False
    ) -> None:
        numbers = self._numbers
        numbers.last = seq = numbers.last + 1  # as `next`, without a call for each message
        if item.presence:
            if item.presence == "Disconnect" and item.read_only:
                self.read_only = True
            event: v.PresenceEvent | v.MessageEvent = v.PresenceEvent(
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
                traces.get(item.marker or item.tracing_id, "")
                if traces is not None and item.direction == s.INBOUND
                else "",
                item.message_id,
                item.content,
            )
        out.append(event)

    # ------------------------------------------------------------------ the history

    def hold_for_gap(self) -> None:
        """Something may be missing before what arrives from now on."""
        self._gap_open = True
        self.inbox.begin_backfill()

    def request_backfill(self, now: float, out: e.Effects) -> None:
        if self.backfill is not None:
            self.backfill.again = True
            return
        self.hold_for_gap()
        self.backfill = HistoryBackfill()
        self._read_page(now, out)

    def connection_lost(self, was_joined: bool, traces: Traces, out: e.Effects) -> None:
        """What is held because a gap was open already, or because disorder was seen, stays held:
        what was lost with the connection may belong before it."""
        self._jwt, self._jwt_is_wanted = None, False
        self.backfill = None
        self.inbox.connection_lost()
        if was_joined and self._rules.traits.has_history:
            was_open = self.inbox.is_backfilling
            self.inbox.begin_backfill()
            if not was_open:
                self._show(self.inbox.release_trusted(), traces, out)

    def _read_page(self, now: float, out: e.Effects) -> None:
        backfill = self.backfill
        assert backfill is not None
        if self._jwt is None or self._jwt[1] <= now:
            backfill.asked(BackfillStep.JWT, now + self._rules.settings.lifetime.join_timeout_s)
            self._ask_jwt(out)
            return
        budget = self.reads = self.reads or SlidingCount(
            self._rules.settings.history.reads_per_minute, 60.0
        )
        ready_at = budget.ready_at(now)
        if ready_at > now:
            backfill.asked(BackfillStep.REST, ready_at)
            return
        budget.take(now)
        backfill.asked(BackfillStep.PAGE, NEVER)
        if backfill.page_number == 1:
            backfill.asked_at = now
        out.append(e.FetchHistory(self._jwt[0], backfill.page_number, backfill.attempts + 1))

    def _ask_jwt(self, out: e.Effects) -> None:
        out.append(e.Say(m.AskJwt(tracing_id=draw_id(self._rules.rng))))

    def jwt_wanted(self, live: bool, now: float, out: e.Effects) -> None:
        """By someone outside the session. Without a connection nothing is asked, so nothing is
        answered."""
        if self._jwt is not None and self._jwt[1] > now:
            out.append(e.JwtKnown(self._jwt[0]))
        elif live and self._rules.traits.has_history:
            self._jwt_is_wanted = True
            self._ask_jwt(out)

    def jwt_granted(self, given: s.JwtGranted, now: float, out: e.Effects) -> None:
        self._jwt = (given.jwt, now + JWT_USED_S)
        if self._jwt_is_wanted:
            self._jwt_is_wanted = False
            out.append(e.JwtKnown(given.jwt))
        if self.backfill is not None and self.backfill.step is BackfillStep.JWT:
            self._read_page(now, out)

    def page_read(
        self, given: i.HistoryRead, now: float, in_doubt: bool, out: e.Effects
    ) -> BackfillResult | None:
        """`in_doubt`: a message of ours is under way, and the history may prove that it was
        taken."""
        backfill = self.backfill
        if (
            backfill is None
            or backfill.step is not BackfillStep.PAGE
            or given.page_number != backfill.page_number
        ):
            return None
        if not given.items and self._is_suspicious(given, backfill, in_doubt):
            return self._failed("the platform answered an empty page", None, now, out)
        backfill.take(given.items)
        self.inbox.note_shown(given.items, given.shown)
        complete = (
            not given.items
            or given.page_number >= given.page_count
            or self.inbox.closes_gap(given.items[-1])
        )
        if not complete and backfill.pages_read < HISTORY_PAGES_MAX:
            self._read_page(now, out)
            return None
        if not complete:
            self._leave_gap(f"the history is longer than {HISTORY_PAGES_MAX} pages", out)
        return self._complete(backfill, now, out)

    def _is_suspicious(
        self, given: i.HistoryRead, backfill: HistoryBackfill, in_doubt: bool
    ) -> bool:
        """An empty page where there must be something: known messages, pages still to come, a total
        above nothing.

        With a message under way, "there is nothing" would mean to send it again: believed only the
        second time."""
        if given.total > 0 or given.page_number < given.page_count:
            return True
        return given.page_number == 1 and (
            self.inbox.has_released or (in_doubt and backfill.attempts == 0)
        )

    def page_unread(
        self, given: i.HistoryUnread, now: float, out: e.Effects
    ) -> BackfillResult | None:
        if self.backfill is None or self.backfill.step is not BackfillStep.PAGE:
            return None
        if not given.worth_retrying:
            self._jwt = None
        return self._failed(given.reason, given.retry_after_s, now, out)

    def throttled(self, given: s.Throttled, now: float, out: e.Effects) -> BackfillResult | None:
        """A request came too fast; it was the one for a JWT if one is awaited."""
        if self.backfill is None or self.backfill.step is not BackfillStep.JWT:
            return None
        return self._failed("throttled", given.retry_after_s, now, out)

    def on_deadline_backfill(self, now: float, out: e.Effects) -> BackfillResult | None:
        backfill = self.backfill
        if backfill is None or now < backfill.wake_at:
            return None
        if backfill.step is BackfillStep.JWT:
            return self._failed("the platform granted no JWT", None, now, out)
        if backfill.step is BackfillStep.REST:
            self._read_page(now, out)
        return None

    def _failed(
        self, reason: str, retry_after_s: float | None, now: float, out: e.Effects
    ) -> BackfillResult | None:
        backfill = self.backfill
        assert backfill is not None
        settings = self._rules.settings
        backfill.failed(now)
        pauses_s = settings.history.retry_s * settings.history.attempts_max
        give_up_at = backfill.failing_since + pauses_s
        if backfill.attempts >= settings.history.attempts_max or now >= give_up_at:
            self.backfill = None
            self._leave_gap(f"the history could not be read: {reason}", out)
            return BackfillAbandoned()
        asked_s = min(retry_after_s or 0.0, give_up_at - now)
        backfill.restart(now + max(settings.history.retry_s, asked_s))
        return None

    def _complete(
        self, backfill: HistoryBackfill, now: float, out: e.Effects
    ) -> BackfillResult | None:
        if backfill.again and backfill.attempts + 1 < self._rules.settings.history.attempts_max:
            backfill.begin_again(now)
            self._read_page(now, out)
            return None
        self.backfill = None
        return BackfillRead(backfill.oldest_first(), backfill.asked_at)

    def _leave_gap(self, reason: str, out: e.Effects) -> None:
        out.append(e.Count(SessionCounter.GAP_LEFT))
        out.append(v.GapEvent(self._numbers.next(), reason))
