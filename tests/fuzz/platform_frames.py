"""What the platform sends: one frame a line, through the decoder of each dialect into a guest
session's machine."""

from __future__ import annotations

import json
from collections.abc import Hashable
from random import Random
from typing import Any

import msgspec
import orjson

from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import Send
from guestd.model.endings import Cause, Ending
from guestd.model.events import Event
from guestd.model.ids import Guest
from guestd.policy.reorder_delay import ReorderDelay
from guestd.session import inputs as i
from guestd.session.fleet_rules import FleetRules
from guestd.session.inbox import ByTime
from guestd.session.inbox_by_sequence import BySequence
from guestd.session.machine import Machine
from guestd.session.settings import effective_traits
from guestd.session.states import State
from guestd.wire.dialect import Dialect
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging import WebMessaging
from tests.sections import session_settings
from tests.signal_fields import fields_of

from .target import Target

FRAMES_MAX = 64
HELD_MAX = 8

#: What may end a guest session, and only when the platform says so in a frame of its own.
ENDS = (s.ConnectionClosed, s.SessionExpired, s.LoggedOut)
UNKNOWN_SESSION = 4007

DIALECTS: dict[str, Dialect] = {"webmessaging": WebMessaging("d"), "webchat": Webchat()}
GUEST = Guest("g1", "ana", "token", "ana@example.org")


class PlatformFrames(Target):
    name = "platform_frames"
    is_pure = True
    tokens = (
        *(
            f'"{one}"'.encode()
            for one in (
                *(
                    "body",
                    "type",
                    "class",
                    "code",
                    "content",
                    "channel",
                    "messageId",
                    "time",
                    "metadata",
                ),
                *(
                    "events",
                    "eventType",
                    "typing",
                    "presence",
                    "duration",
                    "from",
                    "direction",
                    "text",
                    "id",
                ),
                *(
                    "sequenceId",
                    "attachments",
                    "state",
                    "errorCode",
                    "retryAfter",
                    "exp",
                    "jwt",
                    "headers",
                ),
                *("Inbound", "Outbound", "Event", "Presence", "Typing", "Structured", "Disconnect"),
                *(
                    "StructuredMessage",
                    "SessionResponse",
                    "SessionExpiredEvent",
                    "ConnectionClosedEvent",
                ),
                *(
                    "JwtResponse",
                    "PresignedUrlResponse",
                    "TooManyRequestsErrorMessage",
                    "LogoutEvent",
                ),
                *("2027-05-31T09:15:02.417Z", "\\ud800", "hidden", "message", "error"),
            )
        ),
        *(b"1e400", b"-1", b"null", b"true", b"[", b"{", b"}", b"\n", b"9" * 25, b"NaN"),
    )

    def check(self, data: bytes) -> Hashable:
        lines = data.split(b"\n")[:FRAMES_MAX]
        seen: set[Hashable] = set()
        for name, dialect in DIALECTS.items():
            for joined in (False, True):
                life = _Life(dialect, joined)
                for line in lines:
                    life.hear(line)
                life.check_promises()
                seen |= {(name, joined, one) for one in life.seen}
        return frozenset(seen)


class _Life:
    """One guest session without a socket: what its runner would do with each effect is done and
    checked."""

    def __init__(self, dialect: Dialect, joined: bool) -> None:
        settings = session_settings(inbox_held_max=HELD_MAX, inbox_remembered_max=32)
        hold = ReorderDelay(0.0, 0.0, 500.0, 20)
        has_history = dialect.traits.has_history
        inbox = (
            ByTime(hold, HELD_MAX, 32)
            if has_history
            else BySequence(settings.inbox.gap_wait_s, HELD_MAX, 32)
        )
        self.dialect = dialect
        traits = effective_traits(dialect.traits, settings)
        self.machine = Machine(GUEST, FleetRules(settings, traits, Random(1)), inbox)
        self.now = 1000.0
        self.seqs: list[int] = []
        self.seen: set[Hashable] = set()
        self.feed(i.Opened(), i.Admitted(), i.ConnectionOpened())
        if joined:
            self.feed(s.Joined(new_session=True), i.CommandGiven(Send("c1", "hello")))
            self.feed(i.IntentDurable("c1"))

    def hear(self, frame: bytes) -> None:
        for signal in self.dialect.decode(frame):
            assert_writable(signal)
            self.hear_signal(signal)
        self.read_history(frame)
        self.pass_time(0.3)
        self.come_back()

    def hear_signal(self, signal: s.Signal) -> None:
        before = self.machine.state
        self.feed(signal)
        self.seen.add(type(signal).__name__)
        if before is not State.ENDED and self.machine.state is State.ENDED:
            assert may_end(signal, before), (
                f"{type(signal).__name__} ended a session that was {before.value}"
            )

    def read_history(self, frame: bytes) -> None:
        try:
            entity = json.loads(frame)
        except (ValueError, RecursionError):
            return
        if self.dialect.traits.has_history and isinstance(entity, dict):
            found = self.dialect.decode_history(entity)
            items = [one for one in found if isinstance(one, s.MessageArrived)]
            self.feed(i.HistoryRead(items, 1, 1, len(items)))

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(100):
            if self.machine.wake_at > until:
                break
            self.now = max(self.now, self.machine.wake_at)
            self.feed(i.DeadlineReached())
        else:
            raise AssertionError("the machine wakes without an end")
        self.now = until

    def come_back(self) -> None:
        """After a connection that the session itself has given up."""
        if self.machine.state is State.RESTING:
            self.pass_time(max(0.0, self.machine.wake_at - self.now))
        if self.machine.state is State.WAITING:
            self.feed(i.Admitted())
        if self.machine.state is State.DIALING:
            self.feed(i.ConnectionOpened())

    def feed(self, *given: Any) -> None:
        for one in given:
            for effect in self.machine.handle(one, self.now):
                self.perform(effect)

    def perform(self, effect: e.Effect) -> None:
        event = effect.event if isinstance(effect, e.Accept) else effect
        if isinstance(event, Event):
            msgspec.json.encode(event)
            self.seqs.append(event.seq)
            self.seen.add(event.kind)
        elif isinstance(effect, e.Say):
            self.dialect.encode(GUEST, effect.message)
            self.seen.add(type(effect.message).__name__)
        elif isinstance(effect, e.AwaitDurable):
            self.feed(i.EventDurable(effect.seq))

    def check_promises(self) -> None:
        assert self.seqs == sorted(set(self.seqs)), "a seq is missing, repeated or out of order"
        if self.machine.state in (State.JOINING, State.LIVE):
            self.feed(i.ConnectionEnded(Ending(Cause.LOST, 1006)))
        repr(self.machine)


def may_end(signal: s.Signal, state: State) -> bool:
    """True for what the platform ends a session with; a join refused for good is one of them."""
    if isinstance(signal, ENDS):
        return True
    return isinstance(signal, s.Refused) and (
        signal.code == UNKNOWN_SESSION or state is State.JOINING
    )


def assert_writable(signal: s.Signal) -> None:
    for field in fields_of(signal):
        orjson.dumps(getattr(signal, field.name))
    if isinstance(signal, s.MessageArrived):
        assert len(signal.identity) <= 300
        assert signal.time == "" or (len(signal.time) == 24 and signal.time.isascii())
