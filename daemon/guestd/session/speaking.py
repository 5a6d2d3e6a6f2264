"""The machine's mouth: commands accepted once, messages on their way, confirmed, failed, or
honestly uncertain."""

from __future__ import annotations

from collections import OrderedDict

from ..model import commands as c
from ..model import effects as e
from ..model import events as v
from ..model import requests as r
from ..model import signals as s
from ..model.effects import Notice
from ..model.endings import Cause
from ..model.errors import CommandError
from ..model.journal import SavedCommand, SavedSession
from ..model.json_values import is_text
from ..policy.buckets import SlidingCount
from . import inputs as i
from .commands import flatten_context, refusal
from .core import Accepted, SessionCore
from .inbox import NEVER
from .outbox import Outbox, Outgoing
from .states import State

#: Requests of a connection's budget that messages leave alone: heartbeats, the hello, JWTs, the
#: goodbye.
REQUESTS_KEPT_BACK = 8

#: Resends after which a message's fate is called uncertain instead of trying for ever.
ATTEMPTS_MAX = 5

#: Typing is passed on at most once in this time (reference §5).
TYPING_INTERVAL_S = 5.0


class Speaking(SessionCore):
    __slots__ = ()

    # ------------------------------------------------------------------ commands

    def _command(self, given: i.CommandGiven, now: float, out: list[e.Effect]) -> bool:
        command = given.command
        accepted = self._accepted.get(command.command_id) if self._accepted else None
        if accepted is not None:
            if accepted.durable:
                out.append(e.Tell(c.Answer(command.command_id, accepted.seq)))
            self._discard_copy(command, out)
            return False
        if given.accepted_seq:
            out.append(e.Tell(c.Answer(command.command_id, given.accepted_seq)))
            self._discard_copy(command, out)
            return False
        error = self._refusal(command, now)
        if error is not None:
            out.append(e.Tell(c.Answer(command.command_id, error=error)))
            self._discard_copy(command, out)
            return False
        if isinstance(command, c.Typing):
            return self._show_typing(command, now, out)
        if isinstance(command, c.FreshLink):
            return self._ask_link(command, now, out)
        self._accept(command, now, out)
        return True

    def _refusal(self, command: c.Command, now: float) -> CommandError | None:
        outbox = self._outbox
        refused = refusal(
            command,
            state=self.state,
            leaving=self._leave_cause is not None,
            read_only=self.read_only,
            settings=self._settings,
            text_max=self._traits.text_max,
            text_unit=self._traits.text_unit,
            text_length=self._traits.text_length,
            attribute_bytes_max=(self.figures and self.figures.attribute_bytes_max)
            or self._traits.attribute_bytes_max,
            waiting=len(outbox) if outbox is not None else 0,
            is_over_rate=self._is_over_rate(now),
            was_ever_live=self._joined_once,
        )
        if refused is None and isinstance(command, c.Attach):
            return self._attach_refusal(command)
        if refused is None and isinstance(command, c.Withdraw):
            return self._withdraw_refusal(command)
        return refused

    def _withdraw_refusal(self, command: c.Withdraw) -> CommandError | None:
        outgoing = self._outbox.find(command.target) if self._outbox is not None else None
        if outgoing is None or outgoing.upload is None:
            return CommandError(
                "no file of that command waits to be sent", code="not_found", field="target"
            )
        if outgoing.sent_at is not None or outgoing.doubted:
            return CommandError(
                "the file may have been sent already", code="too_late", field="target"
            )
        return None

    def _discard_copy(self, command: c.Command, out: list[e.Effect]) -> None:
        """A copy that came with a command we do not carry out, or are carrying out with another
        copy."""
        if isinstance(command, c.Attach):
            outgoing = self._outbox.find(command.command_id) if self._outbox is not None else None
            if (
                outgoing is None
                or not isinstance(outgoing.command, c.Attach)
                or outgoing.command.path != command.path
            ):
                out.append(e.Discard(command.path))

    def _is_over_rate(self, now: float) -> bool:
        """Whether `reject` refuses a message now: by the rates and the platform's 429, never by how
        fast the journal is."""
        if self._settings.messages.pacing != "reject" or self._outbox is None:
            return False
        spent = self._requests is not None and self._requests.ready_at(now) > now
        return spent or self._outbox.refuses(now)

    def _accept(
        self,
        command: c.Send | c.Reply | c.Attach | c.Withdraw | c.Context | c.End,
        now: float,
        out: list[e.Effect],
    ) -> None:
        seq = self._next_seq()
        trace, text = "", ""
        if isinstance(command, c.Send | c.Reply | c.Attach):
            trace = self._draw_id()
            outgoing = Outgoing(
                command,
                trace,
                attributes=command.attributes if isinstance(command, c.Send) else None,
            )
            self._the_outbox().accept(outgoing)
            if not isinstance(command, c.Attach):
                self._the_outbox().count(now)
            text, intent = outgoing.text, outgoing.intent()
        elif isinstance(command, c.Withdraw):
            found = self._the_outbox().find(command.target)
            assert found is not None
            found.withdrawn_by = command.command_id
            intent = {"action": "withdraw", "target": command.target}
        elif isinstance(command, c.Context):
            self._context, self._context_id = command.context, command.command_id
            intent = {"action": "context", "context": command.context}
        else:
            self._end_id = command.command_id
            intent = {"action": "end"}
        self._remember_accepted(command.command_id, Accepted(seq, trace))
        event = v.AcceptedEvent(seq, command.command_id, intent["action"], text)
        out.append(e.Accept(event, intent))

    def _restore_commands(self, saved: SavedSession, now: float) -> bool:
        """True if the guest had asked to end the conversation."""
        ending, doubted = False, 0
        for command in saved.commands:
            intent = command.intent
            trace = str(intent.get("trace", ""))
            self._remember_accepted(command.command_id, Accepted(command.seq, trace, durable=True))
            match intent.get("action"):
                case "send" | "reply" | "attach" if not command.settled:
                    self._the_outbox().accept(Outgoing.restored(command.command_id, intent))
                    doubted += self._may_have_been_sent(command, saved)
                case "withdraw":
                    taken_back = self._the_outbox().find(intent["target"])
                    if taken_back is not None:
                        taken_back.withdrawn = True
                case "context":
                    self._context = intent["context"]
                    self._apply_context([])
                case "end":
                    ending = True
        if doubted and self._outbox is not None:
            self._outbox.doubt(now, doubted if self._traits.confirms else 1)
        return ending

    def _may_have_been_sent(self, command: SavedCommand, saved: SavedSession) -> bool:
        """What the journal proves of an unsettled message; see `outbox.py`."""
        if saved.was_live:
            return saved.joined
        return saved.joined and self._traits.confirms and command.seq < saved.state_seq

    def _remember_accepted(self, command_id: str, accepted: Accepted) -> None:
        if self._accepted is None or self._traces is None:
            self._accepted, self._traces = OrderedDict(), {}
        self._accepted[command_id] = accepted
        self._traces[accepted.trace] = command_id
        while len(self._accepted) > self._settings.answers_kept_max:
            _, forgotten = self._accepted.popitem(last=False)
            self._traces.pop(forgotten.trace, None)
            self._has_forgotten = True

    def may_have_forgotten(self, command_id: str) -> bool:
        """True if this command may have been accepted so long ago that only the journal knows."""
        if not self._has_forgotten or self._accepted is None or command_id in self._accepted:
            return False
        return is_text(command_id)  # what cannot be written was never accepted

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
            taken_back = self._outbox.withdrawn_by(given.command_id)
            if taken_back is not None:
                taken_back.withdrawn = True
            self._outbox.made_durable(given.command_id)
            self._move_on(now, out)
        return True

    def _apply_context(self, out: list[e.Effect]) -> None:
        self._context_id = ""
        assert self._context is not None
        if not self._traits.has_context:
            self._pending_attributes = {
                **(self._pending_attributes or {}),
                **flatten_context(self._context),
            }
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
            per_s = self._traits.messages_per_s
            limit = max(1, int(per_s))
            window_s = limit / per_s
            if self._settings.messages.pacing == "queue":
                self._outbox = Outbox(SlidingCount(limit, window_s), 1.0 / per_s)
            else:
                self._outbox = Outbox(
                    SlidingCount(limit, window_s), accepted=SlidingCount(limit, window_s)
                )
        return self._outbox

    def _the_requests(self) -> SlidingCount | None:
        per_minute = self._traits.requests_per_minute
        if per_minute is None:
            return None
        if self._requests is None:
            self._requests = SlidingCount(max(1, per_minute - REQUESTS_KEPT_BACK), 60.0)
        return self._requests

    def _move_on(self, now: float, out: list[e.Effect]) -> None:
        """Send what may be sent now; when the lane is empty and we are asked to leave, say
        goodbye."""
        if self.state is not State.LIVE:
            return
        outbox = self._outbox
        if outbox is not None and outbox.file_count:
            self._tend_uploads(now, out)
        while (
            outbox and not self._unproven_seq and outbox.ready_at(now, self._the_requests()) <= now
        ):
            outgoing = outbox.send_head(now, self._the_requests())
            if outgoing.attributes is None:
                outgoing.attributes = self._take_attributes()
            if outgoing.attempts > 1:
                out.append(e.Noticed(Notice.RESENT))
            out.append(e.Say(outgoing.request()))
            if not self._traits.confirms:
                self._delivered(outbox.finish_head(), "sent", out)
                self._send_no_more_until_durable(out)
        if not outbox and self._leave_cause is not None and self._fill is None:
            self._say_goodbye(now, out)

    def _send_no_more_until_durable(self, out: list[e.Effect]) -> None:
        """The journal must hold the newest event before the next message is sent; `outbox.py` says
        what that proves."""
        self._unproven_seq = self._seq
        out.append(e.AwaitDurable(self._seq))

    def _event_durable(self, given: i.EventDurable, now: float, out: list[e.Effect]) -> bool:
        if given.seq != self._unproven_seq:
            return False
        self._unproven_seq = 0
        self._move_on(now, out)
        return True

    def _outbox_wake_at(self, now: float) -> float:
        outbox = self._outbox
        assert outbox is not None
        under_way = outbox.under_way
        if under_way is not None and under_way.sent_at is not None:
            return (
                NEVER
                if self._fill is not None
                else under_way.sent_at + self._settings.messages.confirm_timeout_s
            )
        if self._unproven_seq:
            return NEVER
        return outbox.ready_at(now, self._the_requests())

    def _tend_outbox(self, now: float, out: list[e.Effect]) -> None:
        outbox = self._outbox
        if not outbox or self.state is not State.LIVE:
            return
        under_way = outbox.under_way
        if outbox.file_count:
            self._tend_uploads(now, out)
        if under_way is None:
            self._move_on(now, out)
        elif (
            self._fill is None
            and now >= (under_way.sent_at or now) + self._settings.messages.confirm_timeout_s
        ):
            if self._traits.has_history:
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
        self,
        outgoing: Outgoing,
        status: str,
        out: list[e.Effect],
        reason: str = "",
        message_id: str = "",
    ) -> None:
        command = outgoing.command
        out.append(
            v.DeliveryEvent(self._next_seq(), command.command_id, status, reason, message_id)
        )
        if isinstance(command, c.Attach):
            out.append(e.Discard(command.path))

    def _settle_under_way(self, history_asked_at: float, out: list[e.Effect]) -> None:
        """The history was read and does not hold the message under way. May it be sent again?

        Only if the history had the time to know it: its link is gone, or it was sent a whole
        confirmation time-out before the history was asked. One sent just now is simply on its way.
        """
        outbox = self._outbox
        under_way = outbox.under_way if outbox is not None else None
        if outbox is None or under_way is None or under_way.sent_at is None:
            return
        overdue = under_way.sent_at + self._settings.messages.confirm_timeout_s <= history_asked_at
        if not under_way.orphaned and not overdue:
            return
        if under_way.attempts >= ATTEMPTS_MAX:
            self._delivered(
                outbox.finish_head(), "failed", out, "the platform did not take it, often tried"
            )
        else:
            outbox.put_back()
        outbox.end_doubt()

    def _give_up_under_way(self, reason: str, out: list[e.Effect]) -> None:
        """All of what is under way: after a restart that may be more than one."""
        while self._outbox is not None and self._outbox.under_way is not None:
            self._delivered(self._outbox.finish_head(), "uncertain", out, reason)

    def _take_attributes(self) -> dict[str, str] | None:
        attributes, self._pending_attributes = self._pending_attributes, None
        return attributes
