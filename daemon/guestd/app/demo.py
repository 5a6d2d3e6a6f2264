"""Demo guests: each holds a conversation with the emulator's agent, at a human's pace, from a seed.

No task per guest: one wheel of deadlines says whose turn it is. They know the fleet only by its
port, as any frontend does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import orjson

from ..model.commands import Answer, Reply, Send
from ..model.journal import EventRow
from ..model.ports import Fleet, OpenGuest
from ..policy.deadlines import DeadlineWheel

#: What a conversation may begin with.
FIRST_LINES = (
    "Hello, is anybody there?",
    "Where is my parcel?",
    "I ordered two lamps and got one.",
    "Can I return the blue one?",
    "What are your opening hours?",
)
LINES = (
    *FIRST_LINES,
    "My order number is A-1043.",
    "It says delivered, but it is not here.",
    "Could you track it for me?",
    "That would be great.",
    "How long does a refund take?",
    "I would rather have it replaced.",
    "Thank you, that helps.",
)

PAUSE_MIN_S, PAUSE_MAX_S = 4.0, 12.0
TICK_S = 0.25


#: Told a guest's name and each message of the conversation.
Shown = Callable[[str, dict[str, Any]], None]


class DemoGuest:
    """One guest: a watcher of its own session that answers what it is asked."""

    def __init__(self, name: str, demo: Demo, shown: Shown | None = None) -> None:
        self.name = name
        self._shown = shown
        self.session_id = ""
        self._demo = demo
        self.has_spoken = False
        self.offered: list[tuple[str, str]] = []

    def offer(self, row: EventRow) -> None:
        kind, encoded = row.kind, row.payload
        if kind == "message":
            message = orjson.loads(encoded)
            self._look_for_quick_replies(message)
            if self._shown is not None:
                self._shown(self.name, message)
        elif kind == "session" and orjson.loads(encoded)["state"] == "live":
            self._demo.speak_later(self)

    def over(self) -> None:
        self._demo.forget(self)

    def _look_for_quick_replies(self, message: dict[str, Any]) -> None:
        if message["direction"] != "Outbound":
            return
        found = [one.get("quickReply") for one in message["content"] if isinstance(one, dict)]
        replies = [one for one in found if isinstance(one, dict)]
        self.offered = [(str(one.get("text", "")), str(one.get("payload", ""))) for one in replies]


class Demo:
    """`start(count)` opens the guests; admission paces how fast they come to life."""

    def __init__(
        self,
        fleet: Fleet,
        loop: asyncio.AbstractEventLoop,
        draw_id: Callable[[], str],
        seed: int = 1,
        shown: Shown | None = None,
        shown_guests: int = 0,
    ) -> None:
        """`shown` is given the messages of the first `shown_guests`."""
        self._fleet = fleet
        self._loop = loop
        self._draw_id = draw_id
        self._rng = Random(seed)
        self._shown, self._shown_guests = shown, shown_guests
        self._turns: DeadlineWheel[DemoGuest] = DeadlineWheel(TICK_S, now=loop.time())
        self._handle: asyncio.TimerHandle | None = None

    def start(self, count: int) -> None:
        for n in range(1, count + 1):
            shown = self._shown if n <= self._shown_guests else None
            guest = DemoGuest(f"demo-{n}", self, shown)
            living = self._fleet.find(guest.name)
            guest.session_id = living or self._fleet.open(
                OpenGuest(guest.name, email=f"demo-{n}@example.org")
            )
            self._fleet.watch(guest.session_id, guest)
            if self._fleet.view(guest.session_id).state == "live":  # told before we watched
                self.speak_later(guest)
        self._handle = self._loop.call_later(TICK_S, self._take_turns)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def speak_later(self, guest: DemoGuest) -> None:
        self._turns.set(guest, self._loop.time() + self._rng.uniform(PAUSE_MIN_S, PAUSE_MAX_S))

    def forget(self, guest: DemoGuest) -> None:
        self._turns.cancel(guest)

    def _take_turns(self) -> None:
        for guest in self._turns.due(self._loop.time()):
            self._speak(guest)
            self.speak_later(guest)
        self._handle = self._loop.call_later(TICK_S, self._take_turns)

    def _speak(self, guest: DemoGuest) -> None:
        if guest.offered and self._rng.random() < 0.7:
            choice = self._rng.choice(guest.offered)
            command: Send | Reply = Reply(self._draw_id(), "QuickReply", (choice,))
        else:
            lines = LINES if guest.has_spoken else FIRST_LINES
            command = Send(self._draw_id(), self._rng.choice(lines))
        guest.offered, guest.has_spoken = [], True
        self._fleet.give(guest.session_id, command, _not_minding)


def _not_minding(answer: Answer) -> None:
    """A demo guest that is refused (its link is down just now) simply speaks again later."""
