"""One virtual guest as a value: what it hears goes in, what it wants done comes out, in order.

Like a guest session's machine (`session/machine.py`) it has no clock (`now` is monotonic seconds),
no I/O and no task, and it never raises because of what the platform says: at worst a step fails.
So tens of thousands of them share one process, one timer and one loop, and every order of events
can be a test. `wake_at` is when it wants `deadline` to be called; too early or twice is harmless.

**Three layers.** `VirtualConversation` is what is said and heard, with what is measured of it.
`StepRun` is the scenario's steps over that conversation: which one is under way, and what ends it.
This file is the guest's life: its session is opened, lives, is lost and comes back, and is ended,
because the scenario is at its end, a step has failed, or the run is stopped. Each way out is the
same: `EndSession` is asked for once, the session sends what still waits and says goodbye, and with
`SessionOver` comes the one `Finished`.

**When a message is meant to be sent.** A load generator that sends the next message when the answer
to the last one has come stops sending while the platform stalls, and so measures one bad answer
where its guests would have met hundreds. The scenario here has its own time, `ScenarioCursor`'s
`meant_at`: a time to think moves it by what was drawn, a round with `every_s` sets it to the
round's place in the schedule, and neither asks how late it is now. Only what really waits for the
platform (a reply, a join, a file, a lost connection) sets it to the moment that was waited for,
since the guest could not have gone on before. Latency is measured from there, so a process or a
platform that was late is seen by every message that was meant for that time.

**A step is over once.** Every step that was begun is told of by exactly one `StepDone`. Saying is
not waiting: the next step begins at once, and the `StepDone` of what was said follows when its
message is settled, perhaps steps later. So a message that was refused or remains uncertain fails
the step that said it, while the step that was under way is cut short, like the Repeats around it
and whatever is under way when the run is stopped: neither passed nor failed.

**Messages are used in order.** An expected reply may have come before the step that expects it
began: what was heard since the guest last spoke is kept. The first message that is the reply uses
up itself and those before it, so two steps that expect the same get two messages.

**Nothing is kept that can be shared.** The compiled scenario is one object for all guests, chance
is one integer, and what most guests never need (captures, loops, messages in doubt) is None until
they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ...model.endings import Cause
from ...model.instants import NEVER
from ...model.ports import OpenGuest
from ..plan.guests import PlannedGuest
from . import heard as h
from .actions import (
    Action,
    CountName,
    EndSession,
    Finished,
    OpenGuestSession,
    StepDone,
    TranscriptLine,
)
from .conversation import CONFIRMED, VirtualConversation
from .cursor import ScenarioCursor
from .guest_run import GuestRun
from .instructions import Program
from .step_run import StepRun
from .templates import filled

GuestState = Literal["waiting", "opening", "live", "resting", "leaving", "over"]
Outcome = Literal["passed", "failed", "stopped"]

#: A refused end is asked for again: until it is accepted the session would stay open.
END_AGAIN_S = 1.0

_UNDER_WAY = ("opening", "live", "resting")


class VirtualGuest:
    """`wake_at` is `NEVER` when it waits for nothing but events. `failed`: the first step that
    failed. `outcome` is None until it is over. `started_at`: when it was begun, None before."""

    __slots__ = (
        "_conversation",
        "_end_id",
        "_is_stopped",
        "_limit_at",
        "_program",
        "_steps",
        "outcome",
        "planned",
        "started_at",
        "state",
        "wake_at",
    )

    def __init__(self, planned: PlannedGuest, program: Program, run: GuestRun) -> None:
        rows = program.scenario.data
        row = rows[planned.row % len(rows)] if rows else None
        self.planned = planned
        self.state: GuestState = "waiting"
        self.outcome: Outcome | None = None
        self.started_at: float | None = None
        self.wake_at = NEVER
        self._program = program
        self._conversation = VirtualConversation(planned, row, run)
        self._steps = StepRun(self._conversation, ScenarioCursor(program))
        self._limit_at = NEVER
        self._is_stopped = False
        self._end_id = ""

    @property
    def is_over(self) -> bool:
        return self.state == "over"

    @property
    def failed(self) -> StepDone | None:
        return self._steps.failure

    @property
    def step(self) -> int | None:
        """The number of the step that it waits in; None between steps."""
        return None if self._steps.step is None else self._steps.number

    @property
    def row(self) -> tuple[int, int]:
        """Of its scenario's data, from 1, and how many there are; zeros if there are not two."""
        rows = len(self._program.scenario.data)
        return (self.planned.row % rows + 1, rows) if rows > 1 else (0, 0)

    @property
    def transcript(self) -> list[TranscriptLine]:
        """Made anew each time it is asked for."""
        return self._conversation.lines()

    # --- what is called --------------------------------------------------------------------------

    def begin(self, meant_at: float, now: float) -> list[Action]:
        """Open the session. `meant_at`: when the plan wanted it, on the same clock."""
        out: list[Action] = []
        if self.state != "waiting":
            return out
        self.state, self.started_at = "opening", now
        if self._program.scenario.for_s > 0:
            self._limit_at = now + self._program.scenario.for_s
        out.append(OpenGuestSession(self._guest()))
        self._conversation.timings.opened(meant_at, out)
        self._conclude(now, out)
        return out

    def heard(self, event: h.Heard, now: float) -> list[Action]:
        """Legal in every state; what comes after the session is over is not heard."""
        out: list[Action] = []
        if self.state not in ("waiting", "over"):
            _HEARD[type(event)](self, event, now, out)
            self._conclude(now, out)
        return out

    def deadline(self, now: float) -> list[Action]:
        """`wake_at` has come."""
        out: list[Action] = []
        if now < self.wake_at:
            return out
        if self.state in _UNDER_WAY and now >= self._limit_at:
            limit = f"{self._program.scenario.for_s:g} s of the scenario are over"
            self._steps.fail_here("too_long", now, out, seen=limit)
        elif self.state == "opening" and now >= self._open_by:
            self._steps.fail_here("not_reached", now, out)
        elif self.state in _UNDER_WAY:
            self._steps.due(now, out)
        elif self.state == "leaving":
            self._ask_for_the_end(out)
        self._conclude(now, out)
        return out

    def stop(self, now: float) -> list[Action]:
        """The run is over: end the conversation in an orderly way."""
        out: list[Action] = []
        if self.state == "waiting":
            self._is_stopped = True
            self._finish(out)
        elif self.state in _UNDER_WAY:
            self._is_stopped = True
            self._note(now, "the run was stopped", "step")
            self._steps.cut_short(now, out)
            self._conclude(now, out)
        return out

    # --- its life --------------------------------------------------------------------------------

    def _guest(self) -> OpenGuest:
        program, names = self._program, self._conversation.names
        return OpenGuest(
            self.planned.name,
            email=program.email.filled(names),
            attributes=filled(program.attributes, names),
            metadata=dict(program.scenario.guest.metadata),
            display_name=program.display_name.filled(names),
        )

    def _conclude(self, now: float, out: list[Action]) -> None:
        """What follows from where its steps stand now."""
        if self.state in _UNDER_WAY:
            if self._steps.at_end:
                self.state, self._limit_at = "leaving", NEVER
                self._ask_for_the_end(out)
            else:
                self.wake_at = min(self._steps.wake_at, self._limit_at, self._open_by)
                return
        self.wake_at = self._limit_at if self.state == "leaving" else NEVER

    @property
    def _open_by(self) -> float:
        if self.state != "opening" or self.started_at is None:
            return NEVER
        return self.started_at + self._conversation.open_within_s

    def _ask_for_the_end(self, out: list[Action]) -> None:
        self._limit_at = NEVER
        self._end_id = self._conversation.command_id()
        out.append(EndSession(self._end_id))

    def _finish(self, out: list[Action]) -> None:
        self.state = "over"
        if self._is_stopped:
            self.outcome = "stopped" if self.failed is None else "failed"
        else:
            self.outcome = "passed" if self.failed is None else "failed"
        out.append(Finished(self.outcome))

    def _note(self, now: float, text: str, kind: Literal["step", "connection", "presence"]) -> None:
        self._conversation.transcript.add(now, "", text, kind)

    # --- what is heard ---------------------------------------------------------------------------

    def _live(self, event: h.Live, now: float, out: list[Action]) -> None:
        timings = self._conversation.timings
        first = not timings.was_live
        timings.live(now, out)
        self._note(now, "connected" if first else "connected again", "connection")
        if self.state != "leaving":
            self.state = "live"
            self._steps.live(first, now, out)

    def _resting(self, event: h.Resting, now: float, out: list[Action]) -> None:
        self._conversation.timings.lost(now)
        words = f"connection lost: {event.cause}"
        if event.cause == Cause.RECONNECT_ASKED.value:
            words = "connection dropped, as was asked"
        self._note(now, words, "connection")
        self._steps.lost()
        if self.state == "live":
            self.state = "resting"

    def _session_over(self, event: h.SessionOver, now: float, out: list[Action]) -> None:
        wanted = self.state == "leaving"
        in_order = self._steps.session_over(
            event.cause, wanted=wanted, is_stopped=self._is_stopped, now=now, out=out
        )
        self._note(now, f"session over: {event.cause}", "connection")
        self._conversation.timings.over(self._way_out(event, wanted, in_order), now, out)
        self._finish(out)

    def _way_out(self, event: h.SessionOver, wanted: bool, in_order: bool) -> CountName:
        """`in_order`: as the guest, or its scenario, wanted. A goodbye that the platform did not
        confirm may have left the conversation open there."""
        if not in_order or not self._conversation.timings.was_live:
            return "failed"
        return "ended" if event.is_confirmed or not wanted else "unconfirmed_end"

    def _message(self, event: h.MessageHeard, now: float, out: list[Action]) -> None:
        self._conversation.message(event, now, out)
        self._steps.message(now, out)

    def _echo(self, event: h.EchoHeard, now: float, out: list[Action]) -> None:
        """`Settled` says so too."""

    def _presence(self, event: h.PresenceHeard, now: float, out: list[Action]) -> None:
        self._note(now, event.presence, "presence")
        self._conversation.incoming.presence(event)
        self._steps.presence(now, out)

    def _typing(self, event: h.TypingHeard, now: float, out: list[Action]) -> None:
        self._conversation.timings.typing(now, out)

    def _settled(self, event: h.Settled, now: float, out: list[Action]) -> None:
        if event.status in CONFIRMED:
            sent = self._conversation.confirmed(event.command_id, event.took_s, now, out)
            if sent is not None:
                self._steps.confirmed(sent, now, out)
        else:
            self._not_sent(event.command_id, event.status == "uncertain", event, now, out)

    def _refused(self, event: h.CommandRefused, now: float, out: list[Action]) -> None:
        if event.command_id == self._end_id:
            self._limit_at = now + END_AGAIN_S
        else:
            self._not_sent(event.command_id, False, event, now, out)

    def _not_sent(
        self,
        command_id: str,
        uncertain: bool,
        event: h.Settled | h.CommandRefused,
        now: float,
        out: list[Action],
    ) -> None:
        why = ": ".join(filter(None, (event.code, event.reason)))
        sent = self._conversation.not_confirmed(command_id, uncertain, why, out)
        if sent is not None:
            failure = "uncertain" if uncertain else "send_failed"
            self._steps.not_confirmed(sent, failure, why, self._is_stopped, now, out)

    def _gap(self, event: h.GapHeard, now: float, out: list[Action]) -> None:
        self._note(now, f"messages may be missing here: {event.reason}", "connection")

    def _persona_said(self, event: h.PersonaSaid, now: float, out: list[Action]) -> None:
        self._steps.persona_said(event, now, out)


#: A method of VirtualGuest: an event, the time, and where the actions go.
Hear = Callable[[VirtualGuest, Any, float, list[Action]], None]

_HEARD: dict[type, Hear] = {
    h.Live: VirtualGuest._live,
    h.Resting: VirtualGuest._resting,
    h.SessionOver: VirtualGuest._session_over,
    h.MessageHeard: VirtualGuest._message,
    h.EchoHeard: VirtualGuest._echo,
    h.PresenceHeard: VirtualGuest._presence,
    h.TypingHeard: VirtualGuest._typing,
    h.Settled: VirtualGuest._settled,
    h.CommandRefused: VirtualGuest._refused,
    h.GapHeard: VirtualGuest._gap,
    h.PersonaSaid: VirtualGuest._persona_said,
}
