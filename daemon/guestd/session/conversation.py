"""What is said in a guest session: the flow between messages in, messages out and files.

The parts know nothing of each other. Where one has an answer that concerns another, it is passed on
here: an echo ends the wait of the lane, a history settles what was under way, a file that is there
lets its message go. What concerns the life of the session is not decided here: `LEAVE` and
`is_idle` are for the machine."""

from __future__ import annotations

from typing import Any

from ..model import commands as c
from ..model import effects as e
from ..model import signals as s
from ..model.effects import SessionCounter
from ..model.errors import CommandError
from ..model.failures import failure_of_frame, words_of_frame
from ..model.ids import Guest
from ..model.journal import SavedSession
from ..model.traits import FileRules
from . import inputs as i
from .commands import Situation, refusal
from .download_links import NO_LINKS, DownloadLinks
from .files import FileUploads
from .fleet_rules import FleetRules
from .inbound import Inbound
from .inbox import MessageInbox
from .numbers import EventNumbers
from .outbound import Outbound
from .uploads import rules_of
from .wants import BackfillRead, BackfillResult, Wants

#: Error codes about the file that a message carries, and about a message when no tracing id says
#: so.
FILE_REFUSALS = frozenset({4008, 4009, 4010})
MESSAGE_REFUSALS = frozenset({400, 403, 409, 4008, 4009, 4010, 4011, 4013})

ENDED_TEXT = "the guest session has ended"

HistoryInput = s.JwtGranted | i.JwtWanted | i.HistoryRead | i.HistoryUnread
FileInput = i.PutEnded | s.SlotGranted | s.SlotRefused | s.UploadSucceeded | s.UploadFailed
FrameInput = s.NotedSignal | s.Garbage | s.SequenceUsed
TalkInput = FrameInput | HistoryInput | FileInput | i.IntentDurable | i.EventDurable


class SessionConversation:
    """`live`: the session is joined and no goodbye was said, so that messages may be sent."""

    __slots__ = (
        "_attribute_bytes_max",
        "_file_rules",
        "_numbers",
        "_rules",
        "downloads",
        "inbound",
        "live",
        "outbound",
    )

    def __init__(
        self,
        guest: Guest,
        inbox: MessageInbox,
        rules: FleetRules,
        numbers: EventNumbers,
    ) -> None:
        self._rules = rules
        self._numbers = numbers
        self.inbound = Inbound(inbox, rules, numbers)
        self.outbound = Outbound(dict(guest.attributes), rules, numbers)
        self.downloads = NO_LINKS
        self.live = False
        self._attribute_bytes_max: int | None = None
        self._file_rules: FileRules | None = None  # what the platform said of this session's files

    @property
    def files(self) -> FileUploads:
        """For the moment: it keeps nothing of its own."""
        return FileUploads(self._rules, self._numbers, self._file_rules)

    @property
    def is_idle(self) -> bool:
        """True if nothing waits to be sent, and no gap to be closed."""
        return not self.outbound.has_unsent and self.inbound.backfill is None

    def wake_at(self, now: float) -> float:
        """The earliest deadline that runs only while connected."""
        outbound = self.outbound
        backfill, lane = self.inbound.backfill, outbound.outbox
        at = self.downloads.wake_at
        if backfill is not None:
            at = min(at, backfill.wake_at)
        if lane is not None and lane.head is not None:
            at = min(at, outbound.wake_at(now, backfill is not None))
            # after a goodbye no step of a file follows; `on_deadline` would wake in vain, for ever
            if lane.file_count and (self.live or outbound.under_way is not None):
                at = min(at, self.files.wake_at(lane, outbound.requests(), now))
        return at

    def __repr__(self) -> str:
        lane = self.outbound.outbox
        backfilling = " backfilling" if self.inbound.backfill else ""
        return f"held={self.inbound.inbox.held} out={len(lane) if lane else 0}{backfilling}"

    def take(self, given: TalkInput, now: float, out: e.Effects) -> Wants | None:
        """`LEAVE` if the guest's own end of the conversation may be carried out."""
        match given:
            case i.IntentDurable():
                return self._intent_durable(given.command_id, now, out)
            case i.EventDurable():
                if self.outbound.event_durable(given.seq) is Wants.PROCEED:
                    self.proceed(now, out)
            case s.JwtGranted():
                self.inbound.jwt_granted(given, now, out)
            case i.JwtWanted():
                self.inbound.jwt_wanted(self.live, now, out)
            case i.HistoryRead():
                in_doubt = self.outbound.under_way is not None
                self._after_backfill(self.inbound.page_read(given, now, in_doubt, out), now, out)
            case i.HistoryUnread():
                self._after_backfill(self.inbound.page_unread(given, now, out), now, out)
            case s.Garbage():
                self._garbage(given, now, out)
            case s.SequenceUsed():
                traces = self.outbound.commands.traces
                self.inbound.sequence_used(given, now, traces, out)
            case (
                i.PutEnded()
                | s.SlotGranted()
                | s.SlotRefused()
                | s.UploadSucceeded()
                | s.UploadFailed()
            ):
                self._file(given, now, out)
            case _:
                self.inbound.note(given, out)
        return None

    def take_after_the_end(self, given: i.OwnInput | s.Signal, out: e.Effects) -> None:
        """Commands that come too late, and intents of those that did not."""
        if isinstance(given, i.CommandGiven):
            self.outbound.refuse(given.command, CommandError(ENDED_TEXT, code="ended"), out)
        elif isinstance(given, i.IntentDurable):
            accepted = self.outbound.commands.find(given.command_id)
            if accepted is not None:
                out.append(e.SendAnswer(c.Answer(given.command_id, accepted.seq)))

    # ------------------------------------------------------------------ messages in

    def message(self, item: s.MessageArrived, now: float, out: e.Effects) -> None:
        inbound, outbound = self.inbound, self.outbound
        confirmed = outbound.confirmed(item, now, out)
        traces = outbound.commands.traces
        if inbound.inbox.accept_in_order(item, now):
            inbound.record(item, traces, out)
        else:
            inbound.arrived(item, now, traces, out)
        if confirmed:
            self.proceed(now, out)

    def _garbage(self, given: s.Garbage, now: float, out: e.Effects) -> None:
        """It might have been a message."""
        self.inbound.note(given, out)
        if self.live and self._rules.traits.has_history:
            self.inbound.request_backfill(now, out)

    def release(self, now: float, out: e.Effects) -> None:
        """Messages that were held long enough."""
        if now >= self.inbound.inbox.wake_at:
            self.inbound.release(now, self.outbound.commands.traces, out)

    def flush(self, now: float, out: e.Effects) -> None:
        """Hold nothing any more, and wait for no history."""
        self.inbound.leave_unread(now, self.outbound.commands.traces, out)

    # ------------------------------------------------------------------ the history

    def _after_backfill(self, result: BackfillResult | None, now: float, out: e.Effects) -> None:
        """What was missing is put in place, and what was unconfirmed is looked for."""
        if result is None:
            return
        inbound, outbound = self.inbound, self.outbound
        if isinstance(result, BackfillRead):
            for item in result.history:
                outbound.confirmed(item, now, out)
            inbound.merge(result.history, now, outbound.commands.traces, out)
            outbound.settle_under_way(result.asked_at, out)
        else:
            inbound.flush(now, outbound.commands.traces, out)
            outbound.give_up_under_way("the history could not be read", out)
        self.proceed(now, out)

    # ------------------------------------------------------------------ messages and files out

    def command(
        self, given: i.CommandGiven, situation: Situation, now: float, out: e.Effects
    ) -> None:
        command, outbound = given.command, self.outbound
        if outbound.answers_again(command, given.accepted, out):
            return
        refused = self._refusal(command, situation, now)
        if refused is not None:
            outbound.refuse(command, refused, out)
        elif isinstance(command, c.Typing):
            outbound.show_typing(command, now, out)
        elif isinstance(command, c.RenewDownloadLink):
            not_ready = None if self.live else situation.not_ready()
            self._links().request(command, self._rules, not_ready, now, out)
        else:
            outbound.accept(command, now, out)

    def _refusal(self, command: c.Command, situation: Situation, now: float) -> CommandError | None:
        outbound = self.outbound
        refused = refusal(
            command,
            situation,
            read_only=self.inbound.read_only,
            settings=self._rules.settings,
            traits=self._rules.traits,
            attribute_bytes_max=self._attribute_bytes_max or self._rules.traits.attribute_bytes_max,
            waiting=len(outbound.outbox) if outbound.outbox is not None else 0,
            is_over_rate=outbound.is_over_rate(now),
        )
        if refused is None and isinstance(command, c.Attach):
            return self.files.refusal(command)
        if refused is None and isinstance(command, c.Withdraw):
            return outbound.withdraw_refusal(command)
        return refused

    def _links(self) -> DownloadLinks:
        if self.downloads is NO_LINKS:
            self.downloads = DownloadLinks()
        return self.downloads

    def _intent_durable(self, command_id: str, now: float, out: e.Effects) -> Wants | None:
        wanted = self.outbound.intent_durable(command_id, self.live, out)
        if wanted is Wants.PROCEED:
            self.proceed(now, out)
        return wanted

    def _file(self, given: FileInput | s.Refused, now: float, out: e.Effects) -> None:
        """An answer about an upload or about a download link."""
        if isinstance(given, s.SlotRefused | s.UploadFailed):
            out.append(e.Count(SessionCounter.PLATFORM_ERROR))
        if (
            isinstance(given, s.SlotGranted)
            and not given.headers
            and self.downloads.granted(given, out)
        ):
            return
        lane = self.outbound.outbox
        if lane is None or not lane.file_count:
            return
        wanted = self.files.take(given, lane, self.live, now, out)
        if wanted is Wants.PROCEED_WHEN_DURABLE:
            self.outbound.await_durable(out)
        if wanted is not None:
            self.proceed(now, out)

    def proceed(self, now: float, out: e.Effects) -> None:
        """Send what may be sent now."""
        if self.live:
            self._proceed_with_files(now, out)
            self.outbound.proceed(now, out)

    def _proceed_with_files(self, now: float, out: e.Effects) -> None:
        lane = self.outbound.outbox
        if lane is not None and lane.file_count:
            self.files.proceed(lane, self.outbound.requests(), now, out)

    def on_deadline(self, now: float, out: e.Effects) -> None:
        """Only while connected."""
        if self.inbound.backfill is not None:
            self._after_backfill(self.inbound.on_deadline_backfill(now, out), now, out)
        if self.outbound.outbox:
            self._on_deadline_lane(now, out)
        self.downloads.on_deadline(now, out)

    def _on_deadline_lane(self, now: float, out: e.Effects) -> None:
        outbound = self.outbound
        if not outbound.outbox or not self.live:
            return
        if outbound.under_way is None:
            self.proceed(now, out)
            return
        self._proceed_with_files(now, out)
        if self.inbound.backfill is None and outbound.is_overdue(now):
            if self._rules.traits.has_history:
                self.inbound.request_backfill(now, out)
            else:
                outbound.give_up_under_way("the platform did not confirm it", out)

    # ------------------------------------------------------------------ errors from the platform

    def tell_throttled(self, given: s.Throttled, now: float, out: e.Effects) -> None:
        """A line of the audit for each 429, with the command that it was about, if that is known
        (AUDIT-1)."""
        lane = self.outbound.outbox
        outgoing = lane.match(given.tracing_id) if lane is not None else None
        known: dict[str, Any] = {"call": "guest.request"}
        if outgoing is not None:
            known = {"call": "guest.message", "command_id": outgoing.command.command_id}
            known |= {"idempotency_key": outgoing.command.command_id, "attempt": outgoing.attempts}
            if outgoing.sent_at is not None:
                known["latency_ms"] = round((now - outgoing.sent_at) * 1000.0, 3)
        words = "; ".join(filter(None, (given.reason, f"wait {given.retry_after_s:g} s")))
        known |= {"rate_limited": True, "retry_after_s": given.retry_after_s}
        known |= {"error_code": "platform_unavailable", "error_status": 429}
        out.append(e.Noted("platform.attempt", "failed", {**known, "error_message": words}))

    def throttled(self, given: s.Throttled, until: float, now: float, out: e.Effects) -> None:
        """A request came too fast: one for a slot, a message, or one for a JWT."""
        lane, trace = self.outbound.outbox, given.tracing_id
        if lane is not None and self.files.throttled(trace, lane, until, now, out):
            return
        if not self.outbound.throttled(trace, until):
            self._after_backfill(self.inbound.throttled(given, now, out), now, out)

    def refused(self, given: s.Refused, now: float, out: e.Effects) -> None:
        """An error frame about a download link, an upload, or the message under way."""
        lane, trace = self.outbound.outbox, given.tracing_id
        if (trace and self.downloads.refused(given, out)) or lane is None:
            return
        if self.files.concerns(trace, lane):
            self._file(given, now, out)
            return
        under_way = lane.under_way
        if under_way is None:
            return
        reason = words_of_frame(given.code, given.reason)
        failure = failure_of_frame(given.code)
        is_its = lane.match(trace) is not None
        if is_its and under_way.upload is not None and given.code in FILE_REFUSALS:
            lane.put_back()
            self.files.begin_again(under_way, lane, reason, failure, self.live, now, out)
            self.proceed(now, out)
        elif is_its or (not trace and given.code in MESSAGE_REFUSALS):
            self.outbound.fail_under_way(reason, failure, out)
            self.proceed(now, out)

    # ------------------------------------------------------------------ connections

    def restore(self, saved: SavedSession, now: float) -> Wants | None:
        """`LEAVE` if the guest had asked to end the conversation."""
        self.inbound.read_only = saved.read_only
        if saved.joined and self._rules.traits.has_history:
            self.inbound.hold_for_gap()
        return self.outbound.restore(saved, now)

    def note_limits(self, given: s.Joined) -> None:
        """What the platform says of this session's files and attributes."""
        if given.file_types or given.file_bytes_max is not None:
            self._file_rules = rules_of(
                given.file_types, given.file_bytes_max, given.blocked_extensions
            )
        attribute_bytes_max = given.custom_attribute_bytes_max
        has_limits = given.duration_s or given.expires_at_epoch_s or attribute_bytes_max is not None
        if has_limits:
            self._attribute_bytes_max = attribute_bytes_max

    def joined(self, given: s.Joined, first: bool, join: bool, now: float, out: e.Effects) -> None:
        """`join`: a new session is told that the guest is present."""
        inbound, outbound = self.inbound, self.outbound
        if given.new_session and not first:
            out.append(e.Count(e.SessionCounter.BEGUN_ANEW))
            outbound.give_up_under_way("the platform began a new session", out)
        outbound.greet(join, out)
        if self._rules.traits.has_history and not given.new_session:
            inbound.request_backfill(now, out)
        elif inbound.inbox.is_backfilling:
            inbound.flush(now, outbound.commands.traces, out)
        if outbound.outbox is not None:
            self.files.rejoined(outbound.outbox, given.new_session and not first, now, out)
        self.proceed(now, out)

    def connection_lost(self, was_joined: bool, now: float, out: e.Effects) -> None:
        if self.outbound.outbox is not None:
            self.files.connection_lost(self.outbound.outbox, now, out)
        self.outbound.connection_lost()
        self.inbound.connection_lost(was_joined, self.outbound.commands.traces, out)
        self.downloads.connection_lost(out)

    def finish(self, reason: str, out: e.Effects) -> None:
        """The guest session is over: show what is held, and settle all that was accepted."""
        if self.outbound.outbox is not None:
            self.files.connection_lost(self.outbound.outbox, None, out)
        self.downloads.connection_lost(out)
        self.flush(0.0, out)
        self.outbound.give_up(reason, out)

    def stop(self, out: e.Effects) -> None:
        """The daemon stops. What waits for the history is left to it: shown now, it would end the
        next reading before the gap is reached. Anything else that is held is shown, because it may
        never come again."""
        if not self.inbound.inbox.is_backfilling:
            self.flush(0.0, out)

    def break_off(self, recorded_seq: int, out: e.Effects) -> None:
        """Over after a bug: only what was recorded has happened. What is held is shown."""
        self.downloads.connection_lost(out)
        self.outbound.give_up("the guest session ended by an internal error", out, recorded_seq)
        self.inbound.flush_broken(self.outbound.commands.traces, out)
