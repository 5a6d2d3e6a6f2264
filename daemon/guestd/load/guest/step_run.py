"""The steps of one guest: begun one after the other, until one has to wait.

A step that waits is `StepUnderWay`; what ends it is a message, a deadline, its file's fate, the
connection. What has to be decided above this, that a step has failed or that the scenario is at its
end, is left in `failure` and `at_end`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...model.instants import NEVER
from ..plan.draws import SeededDraws
from ..plan.spreads import draw
from ..scenario import steps as s
from . import persona
from .actions import OPENING, Action, AskPersona, DropNow, StepDone
from .conversation import Unsettled, VirtualConversation
from .cursor import ScenarioCursor
from .heard import PersonaSaid
from .instructions import Instruction
from .step_under_way import StepUnderWay
from .step_words import TOO_LATE, expected, expected_between, offered
from .templates import filled
from .transcript import shortened

#: The platform passes on one typing event in 5 s (protocol §2.7).
TYPING_EVERY_S = 5.0

#: A scenario that waits for nothing would never give the process back: after so many steps it goes
#: on at the next deadline, which is PAUSE_S away.
STEPS_AT_ONCE_MAX = 200
PAUSE_S = 0.01


class StepRun:
    __slots__ = (
        "_conversation",
        "_cursor",
        "_drawn",
        "_is_connected",
        "_under_way",
        "_was_live",
        "at_end",
        "failure",
    )

    def __init__(self, conversation: VirtualConversation, cursor: ScenarioCursor) -> None:
        self._conversation = conversation
        self._cursor = cursor
        self._drawn = 0
        self._under_way: StepUnderWay | None = None
        self._is_connected = False
        self._was_live = False
        self.at_end = False
        self.failure: StepDone | None = None

    @property
    def wake_at(self) -> float:
        under_way = self._under_way
        return NEVER if under_way is None else min(under_way.until, under_way.typing_at)

    @property
    def number(self) -> int:
        """Of the step under way, else of the one that was to begin next; `OPENING` before all."""
        under_way = self._under_way
        if under_way is not None and under_way.instruction is not None:
            return under_way.instruction.number
        following = self._cursor.following
        return OPENING if following is None or not self._was_live else following.number

    @property
    def step(self) -> s.Step | None:
        """What it waits in."""
        under_way = self._under_way
        if under_way is None or under_way.instruction is None:
            return None
        return under_way.instruction.step

    # --- going on --------------------------------------------------------------------------------

    def _go_on(self, now: float, out: list[Action]) -> None:
        """Begin steps until one waits. Whatever ends a step ends with this; a step never begins
        another one, so there is no depth to it."""
        if not self._was_live:
            return
        for _ in range(STEPS_AT_ONCE_MAX):
            if self._under_way is not None or self.failure is not None or self.at_end:
                return
            instruction = self._cursor.take()
            if instruction is None:
                self.at_end = True
            elif instruction.ends_round:
                self._cursor.end_round()
                self._next_round(now, out)
            else:
                _BEGIN[type(instruction.step)](self, instruction, instruction.step, now, out)
        if self._under_way is None and self.failure is None and not self.at_end:
            self._under_way = StepUnderWay(None, now, now + PAUSE_S)

    def _wait(self, instruction: Instruction, now: float, until: float) -> StepUnderWay:
        self._under_way = StepUnderWay(instruction, now, until)
        return self._under_way

    def _done(self, now: float, out: list[Action]) -> None:
        """The step under way has what it waited for."""
        under_way, self._under_way = self._under_way, None
        assert under_way is not None and under_way.instruction is not None
        out.append(StepDone(under_way.instruction.number, now - under_way.begun_at))
        self._cursor.meant_at = now

    # --- the steps -------------------------------------------------------------------------------

    def _say(self, i: Instruction, step: s.SayStep, now: float, out: list[Action]) -> None:
        names = self._conversation.names
        attributes = filled(i.attributes, names) if i.attributes else None
        unsettled = Unsettled(i.number, self._cursor.meant_at, -1, ends_step=True)
        self._conversation.say(i.text.filled(names), attributes, unsettled, now, out)

    def _type(self, i: Instruction, step: s.TypeFor, now: float, out: list[Action]) -> None:
        self._conversation.type(out)
        self._pass_time(i, step.time, now, out)
        if self._under_way is not None:
            self._under_way.typing_at = now + TYPING_EVERY_S

    def _think(self, i: Instruction, step: s.Think, now: float, out: list[Action]) -> None:
        self._pass_time(i, step.time, now, out)

    def _pass_time(
        self, instruction: Instruction, time: s.Spread, now: float, out: list[Action]
    ) -> None:
        """Counted from when it was meant to begin: one that is late is so much shorter."""
        chance = SeededDraws(self._conversation.planned.seed, self._drawn)
        self._drawn += 1
        self._cursor.meant_at += draw(time, chance)
        if self._cursor.meant_at > now:
            self._wait(instruction, now, self._cursor.meant_at)
        else:
            out.append(StepDone(instruction.number, 0.0))

    def _expect(self, i: Instruction, step: s.ExpectReply, now: float, out: list[Action]) -> None:
        self._wait(i, now, now + step.within_s)
        assert i.matcher is not None
        self._received(self._conversation.incoming.reply(i.matcher, self._conversation.names),
                       now, out)  # fmt: skip

    def _received(self, captured: dict[str, str] | None, now: float, out: list[Action]) -> None:
        if captured is not None:
            self._conversation.capture(captured)
            self._done(now, out)

    def _choose(self, i: Instruction, step: s.Choose, now: float, out: list[Action]) -> None:
        self._wait(i, now, now + step.within_s)
        self._pick(now, out)

    def _pick(self, now: float, out: list[Action]) -> None:
        under_way = self._under_way
        assert under_way is not None and under_way.instruction is not None
        instruction, step = under_way.instruction, under_way.instruction.step
        offer = self._conversation.incoming.offer
        if offer is None or not isinstance(step, s.Choose):
            return
        choice = offer.pick(instruction.text.filled(self._conversation.names), step.number)
        if choice is None:
            return
        if under_way.begun_at < now:
            self._cursor.meant_at = now
        self._under_way = None
        unsettled = Unsettled(instruction.number, self._cursor.meant_at, -1, ends_step=True)
        self._conversation.choose(choice, unsettled, now, out)

    def _attach(self, i: Instruction, step: s.AttachFile, now: float, out: list[Action]) -> None:
        names = self._conversation.names
        unsettled = Unsettled(i.number, self._cursor.meant_at, -1, False, is_file=True)
        name, caption = i.more.filled(names), i.text.filled(names)
        self._conversation.attach(step, name, caption, unsettled, now, out)
        self._wait(i, now, now + step.within_s)

    def _set(self, i: Instruction, step: s.SetAttributes, now: float, out: list[Action]) -> None:
        conversation = self._conversation
        known = conversation.attributes
        if known is None:  # the session's own are sent once, and only where a message has none
            known = filled(self._cursor.program.attributes, conversation.names)
        conversation.attributes = {**known, **filled(i.attributes, conversation.names)}
        out.append(StepDone(i.number, 0.0))

    def _join(self, i: Instruction, step: s.ExpectJoin, now: float, out: list[Action]) -> None:
        self._wait(i, now, now + step.within_s)
        if self._conversation.incoming.has_joined(step.who):
            self._done(now, out)

    def _part(
        self, i: Instruction, step: s.ExpectDisconnect, now: float, out: list[Action]
    ) -> None:
        self._wait(i, now, now + step.within_s)
        if self._conversation.incoming.disconnected:
            self._done(now, out)

    def _drop(self, i: Instruction, step: s.DropConnection, now: float, out: list[Action]) -> None:
        """One that is lost already only has to come back."""
        self._wait(i, now, now + step.within_s)
        if self._is_connected:
            out.append(DropNow(step.how))

    def _end(self, i: Instruction, step: s.EndConversation, now: float, out: list[Action]) -> None:
        """It is over when the session is."""
        self._wait(i, now, NEVER)
        self.at_end = True

    def _repeat(self, i: Instruction, step: s.Repeat, now: float, out: list[Action]) -> None:
        self._cursor.enter(i, step, now)
        self._next_round(now, out)

    def _next_round(self, now: float, out: list[Action]) -> None:
        left = self._cursor.next_round(now)
        if left is not None:
            out.append(StepDone(left.number, now - left.begun_at))
        elif self._cursor.meant_at > now:
            self._under_way = StepUnderWay(None, now, self._cursor.meant_at)

    # --- a language model as the guest -----------------------------------------------------------

    def _talk(self, i: Instruction, step: s.TalkAsPersona, now: float, out: list[Action]) -> None:
        self._ask(self._wait(i, now, now), step, now, out)

    def _ask(
        self, under_way: StepUnderWay, step: s.TalkAsPersona, now: float, out: list[Action]
    ) -> None:
        assert under_way.instruction is not None
        conversation, made = self._conversation, under_way.instruction
        who, goal = made.text.filled(conversation.names), made.more.filled(conversation.names)
        out.append(AskPersona(persona.chat(step, who, goal, conversation.transcript)))
        under_way.phase, under_way.until = "asking", now + persona.ANSWER_WITHIN_S

    def persona_said(self, event: PersonaSaid, now: float, out: list[Action]) -> None:
        under_way, step = self._under_way, self.step
        if under_way is None or not isinstance(step, s.TalkAsPersona):
            return
        if under_way.phase != "asking":
            return
        what, text = persona.judged(step, event, under_way.turns)
        if what == "say":
            self._say_as_persona(text, under_way, step, now, out)
            return
        self._conversation.transcript.add(now, "", text, "persona")
        if what == "reached":
            self._done(now, out)
            self._go_on(now, out)
        else:
            self.fail_here("persona", now, out, seen=text)

    def _say_as_persona(
        self,
        text: str,
        under_way: StepUnderWay,
        step: s.TalkAsPersona,
        now: float,
        out: list[Action],
    ) -> None:
        assert under_way.instruction is not None
        under_way.turns += 1
        under_way.phase, under_way.until = "listening", now + step.reply_within_s
        unsettled = Unsettled(under_way.instruction.number, now, -1, ends_step=False)
        self._conversation.say(text, None, unsettled, now, out)

    # --- what is heard ---------------------------------------------------------------------------

    def message(self, now: float, out: list[Action]) -> None:
        """The conversation has a message more."""
        under_way, incoming = self._under_way, self._conversation.incoming
        if under_way is None or under_way.instruction is None:
            return
        match under_way.instruction.step:
            case s.ExpectReply():
                matcher = under_way.instruction.matcher
                assert matcher is not None
                captured = incoming.newest_reply(matcher, self._conversation.names)
                self._received(captured, now, out)
            case s.Choose():
                self._pick(now, out)
            case s.ExpectJoin(who=who) if incoming.has_joined(who):
                self._done(now, out)
            case s.TalkAsPersona() if under_way.phase == "listening":
                under_way.phase, under_way.until = "quiet", now + persona.QUIET_S
        self._go_on(now, out)

    def presence(self, now: float, out: list[Action]) -> None:
        """Someone has joined, or the conversation was ended."""
        step, incoming = self.step, self._conversation.incoming
        has_parted = isinstance(step, s.ExpectDisconnect) and incoming.disconnected
        if has_parted or (isinstance(step, s.ExpectJoin) and incoming.has_joined(step.who)):
            self._done(now, out)
            self._go_on(now, out)

    def lost(self) -> None:
        self._is_connected = False

    def live(self, first: bool, now: float, out: list[Action]) -> None:
        self._is_connected = self._was_live = True
        if first:
            self._cursor.meant_at = now
        elif isinstance(self.step, s.DropConnection):
            self._done(now, out)
        self._go_on(now, out)

    def confirmed(self, sent: Unsettled, now: float, out: list[Action]) -> None:
        if sent.ends_step:
            out.append(StepDone(sent.step, now - sent.meant_at))
        elif sent.is_file and isinstance(self.step, s.AttachFile):
            self._done(now, out)
            self._go_on(now, out)

    def not_confirmed(
        self,
        sent: Unsettled,
        failure: str,
        why: str,
        is_stopped: bool,
        now: float,
        out: list[Action],
    ) -> None:
        """Fails the step that sent it, which may be one before the present one; but not once the
        run was stopped, which may well be the reason."""
        took_s = now - sent.meant_at
        if sent.ends_step and is_stopped:
            out.append(StepDone(sent.step, took_s, cut_short=True))
        elif sent.ends_step:
            wanted = "the message to be confirmed"
            self._fail(StepDone(sent.step, took_s, failure, wanted, why), now, out)
        elif isinstance(self.step, s.AttachFile if sent.is_file else s.TalkAsPersona):
            self.fail_here(failure, now, out, seen=why)

    def due(self, now: float, out: list[Action]) -> None:
        """`wake_at` has come."""
        under_way = self._under_way
        if under_way is None:
            return
        if now >= under_way.typing_at and now < under_way.until:
            self._conversation.type(out)
            under_way.typing_at = now + TYPING_EVERY_S
        if now >= under_way.until:
            self._time_is_over(under_way, now, out)

    def _time_is_over(self, under_way: StepUnderWay, now: float, out: list[Action]) -> None:
        instruction = under_way.instruction
        if instruction is None or isinstance(instruction.step, s.TypeFor | s.Think):
            self._under_way = None
            if instruction is not None:
                out.append(StepDone(instruction.number, now - under_way.begun_at))
            self._go_on(now, out)
        elif isinstance(instruction.step, s.TalkAsPersona):
            if under_way.phase == "quiet":
                self._ask(under_way, instruction.step, now, out)
            elif under_way.phase == "asking":
                self.fail_here("persona", now, out, seen="no answer of the language model")
            else:
                self.fail_here("no_reply", now, out, seen="nothing")
        else:
            self.fail_here(TOO_LATE[type(instruction.step)], now, out)

    # --- the end ---------------------------------------------------------------------------------

    def fail_here(
        self, failure: str, now: float, out: list[Action], *, seen: str | None = None
    ) -> None:
        """The step under way fails, or the one that was to begin next. `seen` None: what was heard
        in place of what it waits for."""
        number, under_way = self.number, self._under_way
        self._under_way = None
        instruction = under_way.instruction if under_way is not None else None
        if instruction is None or under_way is None:
            wanted = expected_between(failure, self._conversation.open_within_s)
            done = StepDone(number, 0.0, failure, wanted, seen or "nothing")
        else:
            seen = offered(instruction.step, self._conversation.incoming) if seen is None else seen
            wanted = expected(instruction, self._conversation.names)
            took_s = now - under_way.begun_at
            done = StepDone(instruction.number, took_s, failure, wanted, shortened(seen, 1000))
        self._fail(done, now, out)

    def _fail(self, done: StepDone, now: float, out: list[Action]) -> None:
        out.append(done)
        what = "opening" if done.step == OPENING else f"step {done.step + 1}"
        words = f"{what} failed: {done.failure}; expected {done.expected}"
        self._conversation.transcript.add(now, "", f"{words}; seen {done.seen}", "step")
        self.failure = self.failure or done
        self.cut_short(now, out)

    def cut_short(self, now: float, out: list[Action]) -> None:
        """No step is begun any more, and those that were are over; but the messages that are not
        settled yet will be."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None and under_way.instruction is not None:
            number, took_s = under_way.instruction.number, now - under_way.begun_at
            out.append(StepDone(number, took_s, cut_short=True))
        for loop in self._cursor.leave_loops():
            out.append(StepDone(loop.number, now - loop.begun_at, cut_short=True))
        self.at_end = True

    def session_over(
        self, cause: str, *, wanted: bool, is_stopped: bool, now: float, out: list[Action]
    ) -> bool:
        """Nothing more comes. Whether that is in order: `wanted` by the guest, or expected by the
        step that waited."""
        step = self.step
        in_order = wanted or isinstance(step, s.ExpectDisconnect)
        if isinstance(step, s.EndConversation if wanted else s.ExpectDisconnect):
            self._done(now, out)
        if not wanted and self.failure is None and (not in_order or self._has_more()):
            self.fail_here("session_over", now, out, seen=cause)
        self._leave_unsettled(is_stopped, now, out)
        self.cut_short(now, out)
        return in_order

    def _has_more(self) -> bool:
        """Whether the scenario goes on with more than its end."""
        following = self._cursor.following
        return following is not None and not isinstance(following.step, s.EndConversation)

    def _leave_unsettled(self, is_stopped: bool, now: float, out: list[Action]) -> None:
        """The session is over, so they will not be confirmed any more."""
        for sent in self._conversation.unsettled():
            took_s = now - sent.meant_at
            if not sent.ends_step:
                continue
            if is_stopped or self.failure is not None:
                out.append(StepDone(sent.step, took_s, cut_short=True))
            else:
                wanted, seen = "the message to be confirmed", "the end of the session"
                self._fail(StepDone(sent.step, took_s, "no_echo", wanted, seen), now, out)


#: A method of StepRun: an instruction, its step, the time, and where the actions go.
Begin = Callable[[StepRun, Instruction, Any, float, list[Action]], None]

_BEGIN: dict[type, Begin] = {
    s.SayStep: StepRun._say,
    s.TypeFor: StepRun._type,
    s.Think: StepRun._think,
    s.ExpectReply: StepRun._expect,
    s.Choose: StepRun._choose,
    s.AttachFile: StepRun._attach,
    s.SetAttributes: StepRun._set,
    s.ExpectJoin: StepRun._join,
    s.ExpectDisconnect: StepRun._part,
    s.DropConnection: StepRun._drop,
    s.EndConversation: StepRun._end,
    s.Repeat: StepRun._repeat,
    s.TalkAsPersona: StepRun._talk,
}
