"""Commands, accepted once, and their messages: sent in order, then confirmed, failed or uncertain.

Whether a command is refused is decided before (`commands.py`); from its acceptance on it is handled
here. Its intent is recorded first; when that is durable, a context is applied, the end of the
conversation is returned as a word, and a message is ready to be sent, in its place in the lane
(`outbox.py`). The lane is strict and paced, and each message sent waits for its echo. What cannot
be confirmed by an echo is settled by the history, if the dialect has one; what cannot be settled is
reported as `uncertain`, never sent again on a guess."""

from __future__ import annotations

from typing import Any

from ..model import client_messages as m
from ..model import commands as c
from ..model import effects as e
from ..model import events as v
from ..model import signals as s
from ..model.effects import SessionCounter
from ..model.errors import CommandError
from ..model.failures import ENDED, NO_FAILURE, UNAVAILABLE, UNCONFIRMED, PlatformFailure
from ..model.instants import LONG_AGO, NEVER
from ..model.journal import SavedCommand, SavedSession
from ..policy.buckets import SlidingCount
from .accepted import NONE_ACCEPTED, Accepted, AcceptedCommands
from .commands import flatten_context
from .content import NO_DIGEST, content_of, digest_of, digest_of_content, digest_of_intent
from .fleet_rules import FleetRules
from .numbers import EventNumbers, draw_id
from .outbox import Outbox, Outgoing, settled
from .wants import Wants

#: Requests of a connection's budget that messages leave alone: heartbeats, the hello, JWTs, the
#: goodbye.
REQUESTS_KEPT_BACK = 8

#: Resends after which a message's fate is called uncertain instead of trying for ever.
ATTEMPTS_MAX = 5

#: Typing is passed on at most once in this time (protocol §5).
TYPING_INTERVAL_S = 5.0

#: Commands that become messages: a tuple, which is asked faster than a union.
MESSAGES = (c.Send, c.Reply, c.Attach)

QueuedCommand = c.Send | c.Reply | c.Attach | c.Withdraw | c.Context | c.End


class Outbound:
    """`commands` remembers what was accepted; `outbox` is the lane, None before the first
    message."""

    __slots__ = (
        "_context",
        "_context_id",
        "_end_id",
        "_numbers",
        "_pending_attributes",
        "_requests",
        "_rules",
        "_typed_at",
        "_unproven_seq",
        "commands",
        "outbox",
    )

    def __init__(
        self,
        attributes: dict[str, str] | None,
        rules: FleetRules,
        numbers: EventNumbers,
    ) -> None:
        self._rules = rules
        self._numbers = numbers
        self.commands = NONE_ACCEPTED
        self.outbox: Outbox | None = None
        self._requests: SlidingCount | None = None
        self._pending_attributes = attributes or None
        self._context: dict[str, Any] | None = None
        self._context_id = ""
        self._end_id = ""
        self._typed_at = LONG_AGO
        #: Nothing is sent before the event of that seq is durable; 0: nothing to wait for.
        self._unproven_seq = 0

    # ------------------------------------------------------------------ questions

    @property
    def has_unsent(self) -> bool:
        return self.outbox is not None and self.outbox.head is not None

    @property
    def under_way(self) -> Outgoing | None:
        return self.outbox.under_way if self.outbox is not None else None

    @property
    def requests_taken(self) -> SlidingCount | None:
        """The connection's budget of requests if some of it was taken."""
        return self._requests

    @property
    def unproven_seq(self) -> int:
        """The event that must be durable before anything more is sent; 0: none."""
        return self._unproven_seq

    def is_overdue(self, now: float) -> bool:
        """True if the message under way should have been confirmed by now."""
        under_way = self.under_way
        if under_way is None:
            return False
        return now >= (under_way.sent_at or now) + self._rules.settings.messages.confirm_timeout_s

    def is_over_rate(self, now: float) -> bool:
        """Whether `reject` refuses a message now: by the rates and the platform's 429, never by how
        fast the journal is."""
        if self._rules.settings.messages.pacing != "reject" or self.outbox is None:
            return False
        spent = self._requests is not None and self._requests.ready_at(now) > now
        return spent or self.outbox.refuses(now)

    def was_accepted(self, command_id: str, recorded_seq: int) -> bool:
        """True if the event that accepts this command is among those recorded up to
        `recorded_seq`."""
        accepted = self.commands.find(command_id)
        return accepted is not None and accepted.seq <= recorded_seq

    def withdraw_refusal(self, command: c.Withdraw) -> CommandError | None:
        outgoing = self.outbox.find(command.target) if self.outbox is not None else None
        if outgoing is None or outgoing.upload is None:
            return CommandError(
                "no file of that command waits to be sent", code="not_found", field="target"
            )
        if outgoing.sent_at is not None or outgoing.doubted:
            return CommandError(
                "the file may have been sent already", code="too_late", field="target"
            )
        return None

    def paths(self) -> list[str]:
        """Where our own copies of files lie that are still needed."""
        return self.outbox.paths() if self.outbox is not None else []

    def wake_at(self, now: float, backfilling: bool) -> float:
        """When a message may be sent, or is to be confirmed."""
        outbox = self.outbox
        head = outbox.head if outbox is not None else None
        if outbox is None or head is None:
            return NEVER
        if head.sent_at is not None:
            return (
                NEVER
                if backfilling
                else head.sent_at + self._rules.settings.messages.confirm_timeout_s
            )
        return NEVER if self._unproven_seq else outbox.ready_at(now, self.requests())

    # ------------------------------------------------------------------ commands

    def answers_again(self, command: c.Command, journaled: Accepted | None, out: e.Effects) -> bool:
        """True if a command of this id was accepted before: it gets its answer again, or gets it
        when its intent is durable; with other content it is refused. `journaled`: what the journal
        knows of it."""
        remembered = self.commands.find(command.command_id)
        accepted = remembered or journaled
        if accepted is None:
            return False
        known = accepted.digest or (journaled.digest if journaled is not None else NO_DIGEST)
        if known not in (NO_DIGEST, digest_of(command)):
            out.append(e.SendAnswer(c.Answer(command.command_id, error=_other_content()), True))
        elif accepted.durable:
            out.append(e.SendAnswer(c.Answer(command.command_id, accepted.seq)))
        self.discard_copy(command, out)
        return True

    def refuse(self, command: c.Command, error: CommandError, out: e.Effects) -> None:
        out.append(e.SendAnswer(c.Answer(command.command_id, error=error)))
        self.discard_copy(command, out)

    def discard_copy(self, command: c.Command, out: e.Effects) -> None:
        """A copy that came with a command we do not carry out, or are carrying out with another
        copy."""
        if isinstance(command, c.Attach):
            outgoing = self.outbox.find(command.command_id) if self.outbox is not None else None
            carried = outgoing.command if outgoing is not None else None
            if not isinstance(carried, c.Attach) or carried.path != command.path:
                out.append(e.Discard(command.path))

    def accept(self, command: QueuedCommand, now: float, out: e.Effects) -> None:
        seq = self._numbers.next()
        trace, text = "", ""
        intent = content = content_of(command)
        if isinstance(command, MESSAGES):
            trace = draw_id(self._rules.rng)
            attributes = command.attributes if isinstance(command, c.Send) else None
            outgoing = Outgoing(command, trace, attributes=attributes)
            lane = self._lane()
            lane.accept(outgoing)
            if not isinstance(command, c.Attach):
                lane.count(now)
            text, intent = outgoing.text, outgoing.intent(content)
        elif isinstance(command, c.Withdraw):
            found = self._lane().find(command.target)
            assert found is not None
            found.withdrawn_by = command.command_id
        elif isinstance(command, c.Context):
            self._context, self._context_id = command.context, command.command_id
        else:
            self._end_id = command.command_id
        digest = digest_of_content(content)
        self._remember(command.command_id, Accepted(seq, trace, False, digest, now))
        event = v.AcceptedEvent(seq, command.command_id, intent["action"], text)
        out.append(e.Accept(event, intent))

    def _remember(self, command_id: str, accepted: Accepted) -> None:
        if self.commands is NONE_ACCEPTED:
            self.commands = AcceptedCommands()
        self.commands.add(command_id, accepted, self._rules.settings.answers_kept_max)

    def intent_durable(self, command_id: str, live: bool, out: e.Effects) -> Wants | None:
        accepted = self.commands.find(command_id)
        if accepted is not None:
            accepted.durable = True
            out.append(e.SendAnswer(c.Answer(command_id, accepted.seq)))
        if command_id == self._context_id:
            self._apply_context(live, out)
            return None
        if command_id == self._end_id:
            return Wants.LEAVE
        if self.outbox is None:
            return None
        if self.outbox.file_count:
            withdrawn = self.outbox.withdrawn_by(command_id)
            if withdrawn is not None:
                withdrawn.withdrawn = True
        self.outbox.made_durable(command_id)
        return Wants.PROCEED

    def _apply_context(self, live: bool, out: e.Effects) -> None:
        self._context_id = ""
        assert self._context is not None
        if not self._rules.traits.has_context:
            self._pending_attributes = {
                **(self._pending_attributes or {}),
                **flatten_context(self._context),
            }
        elif live:
            out.append(e.Say(m.SetContext(self._context)))

    def show_typing(self, command: c.Typing, now: float, out: e.Effects) -> None:
        if now >= self._typed_at + TYPING_INTERVAL_S:
            self._typed_at = now
            out.append(e.Say(m.ShowTyping()))
        out.append(e.SendAnswer(c.Answer(command.command_id)))

    # ------------------------------------------------------------------ connections and restarts

    def restore(self, saved: SavedSession, now: float) -> Wants | None:
        """Commands of the journal; `LEAVE` if the guest had asked to end the conversation."""
        wanted, doubted = None, 0
        for command in saved.commands:
            intent = command.intent
            trace = str(intent.get("trace", ""))
            digest = digest_of_intent(intent)
            self._remember(command.command_id, Accepted(command.seq, trace, True, digest))
            match intent.get("action"):
                case "send" | "reply" | "attach" if not command.settled:
                    is_head = not self.outbox
                    self._lane().accept(Outgoing.restored(command.command_id, intent))
                    if is_head or self._rules.traits.confirms:
                        doubted += self._may_have_been_sent(command, saved)
                case "withdraw":
                    withdrawn = self._lane().find(intent["target"])
                    if withdrawn is not None:
                        withdrawn.withdrawn = True
                case "context":
                    self._context = intent["context"]
                    self._apply_context(False, [])
                case "end":
                    wanted = Wants.LEAVE
        if doubted and self.outbox is not None:
            self.outbox.doubt(now, doubted)
        return wanted

    def _may_have_been_sent(self, command: SavedCommand, saved: SavedSession) -> bool:
        """What the journal proves of an unsettled message; see `outbox.py`."""
        is_file = command.intent.get("action") == "attach"
        if is_file and not self._rules.traits.confirms and command.file != "uploaded":
            return False
        if saved.was_live:
            return saved.joined
        return saved.joined and self._rules.traits.confirms and command.seq < saved.state_seq

    def connection_opened(self) -> None:
        self._requests = None

    def connection_lost(self) -> None:
        self._requests = None
        if self.outbox is not None and self.outbox.under_way is not None:
            self.outbox.under_way.orphaned = True

    def greet(self, join: bool, out: e.Effects) -> None:
        """What a new connection is told first: that the guest has come, and the custom context."""
        if join:
            out.append(e.Say(m.Join(draw_id(self._rules.rng), attributes=self._take_attributes())))
        if self._context is not None and self._rules.traits.has_context and not self._context_id:
            out.append(e.Say(m.SetContext(self._context)))

    # ------------------------------------------------------------------ the lane

    def _lane(self) -> Outbox:
        if self.outbox is None:
            per_s = self._rules.traits.messages_per_s
            limit = max(1, int(per_s))
            rate = SlidingCount(limit, limit / per_s)
            if self._rules.settings.messages.pacing == "queue":
                self.outbox = Outbox(rate, 1.0 / per_s)
            else:
                self.outbox = Outbox(rate, accepted=SlidingCount(limit, limit / per_s))
        return self.outbox

    def requests(self) -> SlidingCount | None:
        """The connection's budget of requests, which messages and slots share; None: no limit."""
        per_minute = self._rules.traits.requests_per_minute
        if per_minute is None:
            return None
        if self._requests is None:
            self._requests = SlidingCount(max(1, per_minute - REQUESTS_KEPT_BACK), 60.0)
        return self._requests

    def proceed(self, now: float, out: e.Effects) -> None:
        """Send what may be sent now. Only while live."""
        outbox = self.outbox
        if outbox is None or outbox.head is None:
            return
        requests = self.requests()
        while not self._unproven_seq and outbox.ready_at(now, requests) <= now:
            outgoing = outbox.send_head(now, requests)
            if outgoing.attributes is None:
                outgoing.attributes = self._take_attributes()
            if outgoing.attempts > 1:
                out.append(e.Count(SessionCounter.RESENT))
            out.append(e.Say(outgoing.request()))
            if not self._rules.traits.confirms:
                self._settle_head("sent", out)
                self.await_durable(out)

    def await_durable(self, out: e.Effects) -> None:
        """The journal must hold the newest event before the next message is sent; `outbox.py` says
        what that proves."""
        self._unproven_seq = self._numbers.last
        out.append(e.AwaitDurable(self._unproven_seq))

    def event_durable(self, seq: int) -> Wants | None:
        if seq != self._unproven_seq:
            return None
        self._unproven_seq = 0
        return Wants.PROCEED

    def _take_attributes(self) -> dict[str, str] | None:
        attributes, self._pending_attributes = self._pending_attributes, None
        return attributes

    # ------------------------------------------------------------------ what became of a message

    def confirmed(self, item: s.MessageArrived, now: float, out: e.Effects) -> bool:
        """True if this message is the echo of the one under way."""
        outbox = self.outbox
        if outbox is None or not outbox.matches_echo(item):
            return False
        outgoing = outbox.finish_head()
        sent_at = None if outgoing.doubted else outgoing.sent_at  # by another process: not known
        took_s = now - sent_at if sent_at is not None else None
        if took_s is not None and outgoing.attempts == 1:
            out.append(e.Echoed(took_s))
        seq = self._numbers.next()
        settled(outgoing, seq, "confirmed", out, message_id=item.message_id, took_s=took_s)
        return True

    def throttled(self, trace: str, until: float) -> bool:
        """True if this 429 was about a message, or may have been."""
        outbox = self.outbox
        if outbox and outbox.match(trace):
            outbox.put_back(until)
            return True
        if outbox and not trace:  # whose it was is not known: wait, and let the history tell
            outbox.throttle(until)
            return True
        return False

    def fail_under_way(self, reason: str, failure: PlatformFailure, out: e.Effects) -> None:
        self._settle_head("failed", out, reason, failure)

    def settle_under_way(self, history_asked_at: float, out: e.Effects) -> None:
        """The history was read and does not hold the message under way. May it be sent again?

        Only if the history had the time to know it: its connection is gone, or it was sent a whole
        confirmation time-out before the history was asked. One sent just now is simply on its way.
        """
        outbox = self.outbox
        under_way = self.under_way
        if outbox is None or under_way is None or under_way.sent_at is None:
            return
        overdue = (
            under_way.sent_at + self._rules.settings.messages.confirm_timeout_s <= history_asked_at
        )
        if not under_way.orphaned and not overdue:
            return
        if under_way.attempts >= ATTEMPTS_MAX:
            reason = "the platform did not take it, often tried"
            self._settle_head("failed", out, reason, UNAVAILABLE)
        else:
            outbox.put_back()
        outbox.end_doubt()

    def give_up_under_way(self, reason: str, out: e.Effects) -> None:
        """All of what is under way: after a restart that may be more than one."""
        while self.under_way is not None:
            self._settle_head("uncertain", out, reason, UNCONFIRMED)

    def give_up(self, reason: str, out: e.Effects, recorded_seq: int | None = None) -> None:
        """The guest session ends. What was certainly not sent has failed, all else is uncertain.
        With `recorded_seq`, commands accepted by a later event were never accepted."""
        for outgoing in self.outbox.give_up() if self.outbox is not None else ():
            command_id = outgoing.command.command_id
            if recorded_seq is not None and not self.was_accepted(command_id, recorded_seq):
                continue
            unsent = outgoing.sent_at is None and not outgoing.doubted
            status, failure = ("failed", ENDED) if unsent else ("uncertain", UNCONFIRMED)
            settled(outgoing, self._numbers.next(), status, out, reason, failure=failure)

    def _settle_head(
        self,
        status: str,
        out: e.Effects,
        reason: str = "",
        failure: PlatformFailure = NO_FAILURE,
    ) -> None:
        assert self.outbox is not None
        outgoing = self.outbox.finish_head()
        settled(outgoing, self._numbers.next(), status, out, reason, failure=failure)


def _other_content() -> CommandError:
    return CommandError(
        "a command with this id and other content was accepted before; draw a new id",
        code="conflict",
        field="command_id",
    )
