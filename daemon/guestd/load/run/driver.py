"""A virtual guest on a fleet: hands it what its session's watcher gets, and does what it wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from ...model.commands import Answer, Command, End, Reply, Send, Typing
from ...model.errors import GuestdError, NotFound
from ...model.instants import NEVER
from ...model.journal import EventRow
from ...model.ports import Clock, GuestSessions, OpenGuest
from ...runtime.timers import Timers
from ..guest import actions as a
from ..guest import heard as h
from ..guest.virtual_guest import VirtualGuest
from ..measure.recorder import Recorder
from .conversation_log import ConversationLog
from .message_gate import MessageGate
from .reading import heard_in

#: A custom attribute of every virtual guest: the id of its run.
RUN_ATTRIBUTE = "guestd_run"
#: Of a run in several processes: which of them plays the guest.
PART_ATTRIBUTE = "guestd_run_part"


def own_mark(run_id: str, worker: int, workers: int) -> tuple[str, str]:
    """The custom attribute that the guests of one process have, and no others."""
    return (PART_ATTRIBUTE, f"{run_id}-{worker}") if workers > 1 else (RUN_ATTRIBUTE, run_id)


class EndHolder(Protocol):
    """What a guest's end of its conversation may have to wait for."""

    def holds(self, driver: GuestDriver, end: a.EndSession) -> bool:
        """Whether it must wait; then it is asked for in time, by `GuestDriver.end`."""

    def heard(self, driver: GuestDriver) -> None:
        """Something of it has come."""


class GuestHost(Protocol):
    """What drivers share. `start`: of the run, on the clock."""

    run_id: str
    mark: tuple[str, str]
    start: float
    fleet: GuestSessions
    clock: Clock
    loop: asyncio.AbstractEventLoop
    timers: Timers[GuestDriver]
    gate: MessageGate | None
    recorder: Recorder

    @property
    def histories(self) -> EndHolder | None: ...

    @property
    def at_s(self) -> float: ...

    def opened(self, driver: GuestDriver) -> None: ...

    def not_opened(self, driver: GuestDriver, reason: str) -> None: ...

    def finished(self, driver: GuestDriver, one: a.Finished) -> None: ...

    def send_file(self, driver: GuestDriver, asked: a.SendFile) -> None: ...

    def ask_persona(self, driver: GuestDriver, asked: a.AskPersona) -> None: ...


class GuestDriver:
    """A `Watcher` of its session. `log`: what is compared with the platform's record. `has_ended`:
    the conversation is over at the platform. `held_s`: how long its end had to wait until its
    history was read."""

    __slots__ = (
        "_host",
        "_lost_by",
        "_timer_at",
        "guest",
        "has_ended",
        "held_s",
        "log",
        "session_id",
        "slowest_s",
        "slowest_what",
        "started_s",
        "took_s",
        "was_live",
    )

    def __init__(self, guest: VirtualGuest, host: GuestHost) -> None:
        self.guest = guest
        self.session_id = ""
        self.log = ConversationLog()
        self.started_s = self.took_s = self.slowest_s = self.held_s = 0.0
        self.slowest_what = ""
        self.was_live = self.has_ended = False
        self._lost_by = ""
        self._host = host
        self._timer_at = NEVER

    def begin(self, meant_at: float) -> None:
        now = self._host.clock.now()
        self.started_s = now - self._host.start
        self._perform(self.guest.begin(meant_at, now), now)

    def stop(self) -> None:
        now = self._host.clock.now()
        self._perform(self.guest.stop(now), now)

    def take(self, one: h.Heard) -> None:
        now = self._host.clock.now()
        self._perform(self.guest.heard(one, now), now)

    def deadline_reached(self) -> None:
        self._timer_at = NEVER
        now = self._host.clock.now()
        if self.guest.wake_at > now:
            self._set_timer()
        else:
            self._perform(self.guest.deadline(now), now)

    # ------------------------------------------------------------------ the Watcher

    def offer(self, row: EventRow) -> None:
        one = heard_in(row)
        if one is None:
            return
        now = self._host.clock.now()
        at_s = now - self._host.start
        self._note(one, at_s)
        if type(one) is h.EchoHeard:  # `Settled` tells the guest so
            return
        if row.kind == "session":
            self._note_state(one, at_s)
        self._perform(self.guest.heard(one, now), now)

    def _note_state(self, one: h.Heard, at_s: float) -> None:
        match one:
            case h.Live():
                if not self.was_live:
                    self._host.recorder.opened(at_s)
                self.was_live = True
            case h.SessionOver():
                self.has_ended = one.is_confirmed
            case h.Resting():
                self._lost_by = one.cause
                self._host.recorder.lost_connection(one.cause, at_s)

    def over(self) -> None:
        """The event of the end has said so."""

    def _note(self, one: h.Heard, at_s: float) -> None:
        self.log.heard(one, at_s)
        if (histories := self._host.histories) is not None:
            histories.heard(self)

    # ------------------------------------------------------------------ actions

    def _perform(self, actions: list[a.Action], now: float) -> None:
        host, guest = self._host, self.guest
        gate, at_s = host.gate, now - host.start
        for action in actions:
            if gate is None or not gate.holds(guest.planned.number, action, now):
                _PERFORM[type(action)](self, action, at_s)
        if guest.wake_at < self._timer_at:
            self._set_timer()

    def perform_held(self, action: a.Action) -> None:
        """What the gate held has its turn."""
        _PERFORM[type(action)](self, action, self._host.at_s)

    def _set_timer(self) -> None:
        if (at := self.guest.wake_at) < self._timer_at:
            self._timer_at = at
            self._host.timers.set(self, at)

    def _open(self, action: a.OpenGuestSession, at_s: float) -> None:
        fleet = self._host.fleet
        try:
            self.session_id = fleet.open(self._marked(action.guest))
            fleet.watch(self.session_id, self)
        except GuestdError as error:
            self._host.not_opened(self, str(error))
            self.soon(h.SessionOver(getattr(error, "code", "") or "refused"))
        else:
            self._host.opened(self)

    def _marked(self, guest: OpenGuest) -> OpenGuest:
        """So that others can tell an automated guest, and one run from another."""
        marks = {"IsAutomatedTest": "true", RUN_ATTRIBUTE: self._host.run_id}
        marks |= [self._host.mark]
        return replace(guest, attributes={**marks, **guest.attributes})

    def _send_text(self, action: a.SendText, at_s: float) -> None:
        self.log.sent(action, at_s)
        attributes = dict(action.attributes) if action.attributes is not None else None
        self._give(Send(action.command_id, action.text, attributes, when_down="queue"))

    def _send_choice(self, action: a.SendChoice, at_s: float) -> None:
        self._give(
            Reply(
                action.command_id,
                action.reply_type,
                action.choices,
                action.originating_message_id,
                when_down="queue",
            )
        )

    def _send_typing(self, action: a.SendTyping, at_s: float) -> None:
        self._give(Typing(action.command_id), heeded=False)

    def _drop(self, action: a.DropNow, at_s: float) -> None:
        with suppress(NotFound):  # it is over, and the event that says so is on its way
            self._host.fleet.reconnect(self.session_id, hang_up=action.how == "close")

    def _end(self, action: a.EndSession, at_s: float) -> None:
        histories = self._host.histories
        if histories is None or not histories.holds(self, action):
            self.end(action)

    def end(self, action: a.EndSession) -> None:
        """Its history is read, or is not to be."""
        self._give(End(action.command_id), heeded=False)

    def _give(self, command: Command, heeded: bool = True) -> None:
        self.give(command, self.answered if heeded else _unheeded)

    def give(self, command: Command, answered: Callable[[Answer], None]) -> None:
        try:
            self._host.fleet.give(self.session_id, command, answered)
        except GuestdError as error:
            if answered is not _unheeded:
                code = getattr(error, "code", "") or "refused"
                self.soon(h.CommandRefused(command.command_id, code, str(error)))

    def answered(self, answer: Answer) -> None:
        """Its guest hears of a refusal."""
        error = answer.error
        if error is not None:
            self.soon(h.CommandRefused(answer.command_id, error.code, str(error)))

    def soon(self, one: h.Heard) -> None:
        """In the next turn: the guest is in the middle of what it wants done."""
        self._note(one, self._host.at_s)
        self._host.loop.call_soon(self.take, one)

    def _counted(self, one: a.Counted, at_s: float) -> None:
        self._host.recorder.counted(one.name, at_s)

    def _measured(self, one: a.Measured, at_s: float) -> None:
        name, value_s = one.name, one.value_s
        if name == "conversation_time":
            value_s -= self.held_s
        if value_s > self.slowest_s and (what := _SLOW.get(name)):
            self.slowest_s, self.slowest_what = value_s, what
        self._host.recorder.measured(name, value_s, at_s)
        if name == "restore_time":
            self._host.recorder.restored(self._lost_by, value_s)

    def _step_done(self, one: a.StepDone, at_s: float) -> None:
        self._host.recorder.step_done(self.guest.planned.scenario, one, at_s)

    def _send_file(self, asked: a.SendFile, at_s: float) -> None:
        self._host.send_file(self, asked)

    def _ask_persona(self, asked: a.AskPersona, at_s: float) -> None:
        self._host.ask_persona(self, asked)

    def _finished(self, action: a.Finished, at_s: float) -> None:
        self.took_s = at_s - self.started_s
        self._host.timers.cancel(self)
        self._timer_at = -NEVER
        if self.was_live:
            self._host.recorder.ended(at_s)
        self._host.finished(self, action)


#: What makes a conversation a slow one.
_SLOW = {"echo_latency": "an echo", "first_reply": "first reply", "session_time": "live"}


def _unheeded(answer: Answer) -> None:
    pass


#: A method of GuestDriver: an action, and when in the run it is done.
_PERFORM: dict[type, Callable[[GuestDriver, Any, float], None]] = {
    a.OpenGuestSession: GuestDriver._open,
    a.SendText: GuestDriver._send_text,
    a.SendChoice: GuestDriver._send_choice,
    a.SendTyping: GuestDriver._send_typing,
    a.SendFile: GuestDriver._send_file,
    a.DropNow: GuestDriver._drop,
    a.EndSession: GuestDriver._end,
    a.AskPersona: GuestDriver._ask_persona,
    a.Measured: GuestDriver._measured,
    a.Counted: GuestDriver._counted,
    a.StepDone: GuestDriver._step_done,
    a.Finished: GuestDriver._finished,
}
