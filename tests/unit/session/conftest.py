"""A guest session's machine on a table: feed it inputs, see its effects. No loop, no clock, no
sleep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import Send
from guestd.model.events import Event
from guestd.model.ids import Guest
from guestd.model.traits import ANY_FILE, Traits
from guestd.policy.reorder_delay import ReorderDelay
from guestd.session import inputs as i
from guestd.session.fleet_rules import FleetRules
from guestd.session.inbox import ByTime
from guestd.session.inbox_by_sequence import BySequence
from guestd.session.machine import Machine
from guestd.session.states import State
from guestd.wire.webchat import TRAITS as WEBCHAT_TRAITS
from guestd.wire.webmessaging import TRAITS as WEBMESSAGING_TRAITS
from tests.sections import session_settings

#: A machine that is woken so often while no time passes will never be done.
IN_VAIN_MAX = 1000

RECONNECT_CODES = frozenset({1001, 1006, 1011, 1012, 1013})

WEBMESSAGING = replace(
    WEBMESSAGING_TRAITS,
    reconnect_codes=RECONNECT_CODES,
    text_length=lambda text: len(text.encode()),
    file_rules=ANY_FILE,
)

WEBCHAT = replace(
    WEBCHAT_TRAITS,
    reconnect_codes=frozenset({1006, 1011, 1012}),
    text_unit="characters",
    text_length=len,
    slot_by_rest=False,
    guests_by_email=False,
    file_rules=ANY_FILE,
)


@dataclass
class Table:
    """The machine, the time, and everything it ever wanted."""

    machine: Machine
    now: float = 1000.0
    effects: list[e.Effect] = field(default_factory=list)
    proves: bool = True  # the journal has each event at once

    def feed(self, *given: Any) -> list[e.Effect]:
        wanted = [effect for one in given for effect in self._handled(one)]
        self.effects += wanted
        return wanted

    def _handled(self, given: Any) -> list[e.Effect]:
        wanted = found = self.machine.handle(given, self.now)
        for effect in found if self.proves else ():
            if isinstance(effect, e.AwaitDurable):
                wanted = wanted + self._handled(i.EventDurable(effect.seq))
        return wanted

    def pass_time(self, seconds: float) -> list[e.Effect]:
        """Let time pass, waking the machine whenever it wants to be woken."""
        until = self.now + seconds
        wanted: list[e.Effect] = []
        in_vain = 0
        while self.machine.wake_at <= until:
            in_vain = in_vain + 1 if self.machine.wake_at <= self.now else 0
            assert in_vain < IN_VAIN_MAX, f"wakes for ever at {self.now}"
            self.now = max(self.now, self.machine.wake_at)
            wanted += self.feed(i.DeadlineReached())
        self.now = until
        return wanted

    def to(self, state: State) -> Table:
        """Walk the shortest way to a state."""
        steps: dict[State, Callable[[], Any]] = {
            State.WAITING: lambda: self.feed(i.Opened()),
            State.DIALING: lambda: self.feed(i.Admitted()),
            State.JOINING: lambda: self.feed(i.ConnectionOpened()),
            State.LIVE: lambda: self.feed(s.Joined(new_session=True)),
        }
        for step, walk in steps.items():
            walk()
            if step is state:
                return self
        if state is State.RESTING:
            self.feed(lost())
        elif state is State.LEAVING:
            self.feed(i.LeaveAsked())
        elif state is State.ENDED:
            self.feed(s.LoggedOut())
        assert self.machine.state is state
        return self

    def rejoin(self, **joined: Any) -> list[e.Effect]:
        """From resting back to live."""
        self.pass_time(max(0.0, self.machine.wake_at - self.now))
        return self.feed(i.Admitted(), i.ConnectionOpened(), s.Joined(**joined))

    def answer_history(self, items: list[s.MessageArrived]) -> list[e.Effect]:
        """Grant the JWT if it is asked for and answer one whole history (oldest first as given)."""
        wanted: list[e.Effect] = []
        if isinstance(self.last(e.Say, e.FetchHistory), e.Say):
            wanted += self.feed(s.JwtGranted("jwt", 0.0))
        newest_first = list(reversed(items))
        wanted += self.feed(i.HistoryRead(newest_first, 1, 1, len(items)))
        return wanted

    def last(self, *kinds: type) -> Any:
        return next(
            (effect for effect in reversed(self.effects) if isinstance(effect, kinds)), None
        )

    def events(self, kind: str | None = None) -> list[Any]:
        recorded = [event for effect in self.effects if (event := event_of(effect)) is not None]
        return [event for event in recorded if kind in (None, event.kind)]

    def texts(self) -> list[str]:
        return [event.text for event in self.events("message")]

    def said(self, kind: type) -> list[Any]:
        return [
            effect.message
            for effect in self.effects
            if isinstance(effect, e.Say) and isinstance(effect.message, kind)
        ]

    def answers(self) -> list[Any]:
        return [effect.answer for effect in self.effects if isinstance(effect, e.SendAnswer)]

    def intent(self, command_id: str) -> dict[str, Any]:
        """What the journal keeps of an accepted command."""
        accepted = [effect for effect in self.effects if isinstance(effect, e.Accept)]
        return next(one.intent for one in accepted if one.event.command_id == command_id)

    def count(self, counter: e.SessionCounter) -> int:
        return sum(f.count for f in self.effects if isinstance(f, e.Count) and f.counter is counter)

    def beat_asked(self) -> bool:
        return self.machine.connection.heartbeat.asked_at is not None

    def send(self, text: str, command_id: str = "c1") -> list[e.Effect]:
        """Give a command and make its intent durable."""
        wanted = self.feed(i.CommandGiven(Send(command_id, text)))
        if any(isinstance(effect, e.Accept) for effect in wanted):
            wanted += self.feed(i.IntentDurable(command_id))
        return wanted


def event_of(effect: e.Effect) -> Any:
    """The event that an effect records, or None."""
    if isinstance(effect, e.Accept):
        return effect.event
    return effect if isinstance(effect, Event) else None


def lost() -> i.ConnectionEnded:
    from guestd.model.endings import Cause, Ending

    return i.ConnectionEnded(Ending(Cause.LOST, 1006))


@pytest.fixture
def new_table() -> Callable[..., Table]:
    def build(
        traits: Traits = WEBMESSAGING,
        hold: ReorderDelay | None = None,
        seed: int = 1,
        **settings: Any,
    ) -> Table:
        figures = session_settings(**{"hold_initial_ms": 0.0, **settings})
        hold = hold or ReorderDelay(
            figures.inbox.hold_initial_ms, figures.inbox.hold_min_ms, figures.inbox.hold_max_ms
        )
        inbox: ByTime | BySequence
        if traits.has_history:
            inbox = ByTime(hold, figures.inbox.held_max, figures.inbox.remembered_max)
        else:
            inbox = BySequence(
                figures.inbox.gap_wait_s,
                figures.inbox.held_max,
                figures.inbox.remembered_max,
                hold,
            )
        guest = Guest("g1", "ana", "token", "ana@example.org")
        return Table(Machine(guest, FleetRules(figures, traits, Random(seed)), inbox))

    return build


@pytest.fixture
def table(new_table: Callable[..., Table]) -> Table:
    return new_table()


@pytest.fixture
def webchat(new_table: Callable[..., Table]) -> Table:
    return new_table(WEBCHAT)


def text(
    n: int, at_ms: int | None = None, direction: str = s.OUTBOUND, **more: Any
) -> s.MessageArrived:
    """The n-th message of a conversation; `at_ms` after the start of a minute, by default n ×
    10."""
    ms = n * 10 if at_ms is None else at_ms
    time = f"2027-05-31T09:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}Z"
    return s.MessageArrived(
        f"m{n}", direction, "Text", text=f"text {n}", time=time, message_id=f"id{n}", **more
    )


@pytest.fixture
def make_text() -> Callable[..., s.MessageArrived]:
    return text


@pytest.fixture
def make_lost() -> Callable[[], i.ConnectionEnded]:
    return lost


@pytest.fixture
def webchat_traits() -> Traits:
    return WEBCHAT
