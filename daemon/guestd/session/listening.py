"""The machine's ear: what arrives, in order, each once; and the history, read when something may be
missing."""

from __future__ import annotations

from ..model import effects as e
from ..model import events as v
from ..model import requests as r
from ..model import signals as s
from ..model.effects import Notice
from ..model.foreign import HISTORY_PAGES_MAX
from ..policy.buckets import SlidingCount
from . import inputs as i
from .attaching import Attaching
from .fill import Fill, Step
from .inbox import NEVER, Outcome
from .states import State


class Listening(Attaching):
    __slots__ = ()

    # ------------------------------------------------------------------ messages in

    def may_have_shown(self, item: s.MessageArrived) -> bool:
        """True if the journal must be asked whether this item was shown before it is given to
        `handle`."""
        return self._inbox.may_have_shown(item)

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
            out.append(v.TypingEvent(self._next_seq(), given.on, given.duration_ms, given.state))
        return False

    def _receipt(self, given: s.ReceiptArrived, now: float, out: list[e.Effect]) -> bool:
        out.append(v.ReceiptEvent(self._next_seq(), given.sequence, given.status))
        return False

    def _garbage(self, given: s.Garbage, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.GARBAGE))
        if self.state is State.LIVE and self._traits.has_history:
            self._begin_fill(now, out)
        return True

    def _unknown(self, given: s.Unknown, now: float, out: list[e.Effect]) -> bool:
        out.append(e.Noticed(Notice.UNKNOWN))
        return False

    def _content_refused(self, given: s.ContentRefused, now: float, out: list[e.Effect]) -> bool:
        """Counted as malformed; nothing is missing, so the history is not asked."""
        out.append(e.Noticed(Notice.GARBAGE))
        return False

    def _ignored(self, given: s.Signal, now: float, out: list[e.Effect]) -> bool:
        """Nobody here has asked for it."""
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
            fill.asked(Step.JWT, now + self._settings.lifetime.join_timeout_s)
            out.append(e.Say(r.AskJwt(tracing_id=self._draw_id())))
            return
        budget = self._history = self._history or SlidingCount(
            self._settings.history.reads_per_minute, 60.0
        )
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
        # The platform says when it expires by its own wall clock; its published life is a minute.
        # Half of that is safe whatever the clocks say, and a fill is over in a second.
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
        complete = (
            not given.items
            or given.page_number >= given.page_count
            or self._inbox.closes_gap(given.items[-1])
        )
        if not complete and fill.pages_read < HISTORY_PAGES_MAX:
            self._read_history(now, out)
            return True
        if not complete:
            out.append(e.Noticed(Notice.GAP_LEFT))
            out.append(
                v.GapEvent(
                    self._next_seq(), f"the history is longer than {HISTORY_PAGES_MAX} pages"
                )
            )
        self._end_fill(fill, now, out)
        return True

    def _is_suspicious(self, given: i.HistoryRead, fill: Fill) -> bool:
        """An empty page where there must be something: known messages, pages still to come, a total
        above nothing.

        With a message under way, "there is nothing" would mean to send it again: believed only when
        said twice."""
        if given.total > 0 or given.page_number < given.page_count:
            return True
        under_way = self._outbox is not None and self._outbox.under_way is not None
        return given.page_number == 1 and (
            self._inbox.has_released or (under_way and fill.attempts == 0)
        )

    def _history_unread(self, given: i.HistoryUnread, now: float, out: list[e.Effect]) -> bool:
        if self._fill is None or self._fill.step is not Step.PAGE:
            return False
        if not given.worth_retrying:
            self._jwt = None
        return self._history_failed(given.reason, given.retry_after_s, now, out)

    def _history_failed(
        self, reason: str, retry_after_s: float | None, now: float, out: list[e.Effect]
    ) -> bool:
        fill = self._fill
        assert fill is not None
        settings = self._settings
        fill.failed(now)
        give_up_at = fill.failing_since + settings.history.retry_s * settings.history.attempts_max
        if fill.attempts >= settings.history.attempts_max or now >= give_up_at:
            self._abandon_fill(reason, now, out)
        else:
            asked_s = min(retry_after_s or 0.0, give_up_at - now)
            fill.restart(now + max(settings.history.retry_s, asked_s))
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
        if fill.again and fill.attempts + 1 < self._settings.history.attempts_max:
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
