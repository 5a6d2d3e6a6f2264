"""A virtual guest under test: scenarios in one line, and what came out by kind."""

from __future__ import annotations

from typing import Any

from guestd.load.guest.actions import (
    Action,
    Counted,
    EndSession,
    Finished,
    Measured,
    SendChoice,
    SendFile,
    SendText,
    StepDone,
)
from guestd.load.guest.guest_run import GuestRun
from guestd.load.guest.heard import Heard, Live, MessageHeard, SessionOver, Settled
from guestd.load.guest.instructions import compiled
from guestd.load.guest.virtual_guest import VirtualGuest
from guestd.load.plan.guests import PlannedGuest
from guestd.load.scenario.file import GuestProfile, Scenario
from guestd.load.scenario.steps import ExpectReply, Place, SayStep, Spread, Step
from guestd.model.instants import NEVER

PLACE = Place("f.yaml", 1)
START = 1000.0
SENT = (SendText, SendChoice, SendFile)


def step(kind: type, **fields: Any) -> Any:
    return kind(place=PLACE, label=fields.pop("label", ""), **fields)


def seconds(time_s: float) -> Spread:
    return Spread("fixed", time_s)


def scenario(*steps: Step, **fields: Any) -> Scenario:
    return Scenario(fields.pop("name", "parcel"), steps, PLACE, **fields)


def say(text: str) -> SayStep:
    return step(SayStep, text=text)


def expect(text: str = "", **fields: object) -> ExpectReply:
    return step(ExpectReply, containing=text, **fields)


def quick_replies(*texts: str) -> list[Any]:
    return [
        {"contentType": "QuickReply", "quickReply": {"text": one, "payload": one.upper()}}
        for one in texts
    ]


class GuestUnderTest:
    """Time is `START` + what each call says. All actions are kept in `out`, and each call returns
    its own."""

    def __init__(self, *steps: Step, seed: int = 7, row: int = 0, **fields: Any) -> None:
        run = GuestRun("run-1", START, open_within_s=fields.pop("open_within_s", NEVER))
        self.scenario = scenario(*steps, **fields)
        planned = PlannedGuest(5, "parcel-6", 0, row, seed)
        self.guest = VirtualGuest(planned, compiled(self.scenario), run)
        self.out: list[Action] = []
        self.messages = 0

    def _kept(self, actions: list[Action]) -> list[Action]:
        self.out += actions
        return actions

    def begin(self, at: float = 0.0, *, meant_at: float | None = None) -> list[Action]:
        meant = at if meant_at is None else meant_at
        return self._kept(self.guest.begin(START + meant, START + at))

    def hear(self, event: Heard, at: float) -> list[Action]:
        return self._kept(self.guest.heard(event, START + at))

    def live(self, at: float = 0.0) -> list[Action]:
        """Begun at 0, and live."""
        if self.guest.state == "waiting":
            self.begin()
        return self.hear(Live(True), at)

    def reply(self, text: str, at: float, **fields: Any) -> list[Action]:
        self.messages += 1
        return self.hear(MessageHeard(f"m{self.messages}", text, **fields), at)

    def confirm(self, at: float, command_id: str | None = None, **fields: Any) -> list[Action]:
        """The one sent last, or another."""
        found = command_id or self.sent()[-1].command_id
        return self.hear(Settled(found, fields.pop("status", "confirmed"), **fields), at)

    def due(self, at: float) -> list[Action]:
        return self._kept(self.guest.deadline(START + at))

    def over(self, at: float, cause: str = "finished") -> list[Action]:
        return self.hear(SessionOver(cause), at)

    def stop(self, at: float) -> list[Action]:
        return self._kept(self.guest.stop(START + at))

    # --- what came out ---------------------------------------------------------------------------

    @property
    def wake(self) -> float:
        return self.guest.wake_at - START

    def sent(self) -> list[Any]:
        return [one for one in self.out if isinstance(one, SENT)]

    def said(self) -> list[str]:
        return [one.text for one in self.out if isinstance(one, SendText)]

    def measured(self, name: str) -> list[float]:
        return [
            round(one.value_s, 6)
            for one in self.out
            if isinstance(one, Measured) and one.name == name
        ]

    def counted(self, name: str) -> int:
        return sum(isinstance(one, Counted) and one.name == name for one in self.out)

    def done(self) -> list[StepDone]:
        return [one for one in self.out if isinstance(one, StepDone)]

    def failures(self) -> list[tuple[int, str]]:
        return [(one.step, one.failure) for one in self.done() if one.failure]

    def has_asked_to_end(self) -> bool:
        return any(isinstance(one, EndSession) for one in self.out)

    def outcomes(self) -> list[str]:
        return [one.outcome for one in self.out if isinstance(one, Finished)]


__all__ = ["GuestProfile", "GuestUnderTest", "quick_replies", "scenario", "seconds", "step"]
