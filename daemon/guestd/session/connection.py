"""The connection of a guest session as its machine sees it: attempts, timed steps and heartbeats.

There is no socket here. `step_at` is when the present step ends (the hello's answer, the rest
before the next attempt); `attempt` counts the tries since the session was live; `lost_by` is why
there is no connection; `joined_once` says that the platform knows the session; `was_live` is what
the previous process journaled last about the connection; `expires_epoch_s` is when the platform
ends the session, as far as it said so; `dialed_at` is when the dial of the present
connection began.

For those who ask: `number` counts the connections that were opened, `opened_at` is when the present
one was, `last_close` how the last one or the last try ended, `past` the connections before it, as
many as are worth showing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..model import client_messages as m
from ..model import effects as e
from ..model.effects import SessionCounter
from ..model.endings import Cause, Ending
from ..model.instants import NEVER
from ..model.traits import Beating, Traits
from .heartbeat import ConnectionHeartbeat
from .settings import SessionSettings

#: Of a session's past connections; a session that loses many costs half a kilobyte for them.
PAST_KEPT_MAX = 5


@dataclass(slots=True, frozen=True)
class PastConnection:
    """Instants of the machine's clock; `cause` as in `Ending`."""

    opened_at: float
    ended_at: float
    cause: str


@dataclass(slots=True, frozen=True)
class LastClose:
    at: float
    ending: Ending


class ConnectionState:
    __slots__ = (
        "attempt",
        "dialed_at",
        "expires_epoch_s",
        "heartbeat",
        "joined_once",
        "last_close",
        "lost_by",
        "number",
        "opened_at",
        "past",
        "step_at",
        "was_live",
    )

    def __init__(self) -> None:
        self.attempt = 0
        self.dialed_at: float | None = None
        self.heartbeat = ConnectionHeartbeat()
        self.joined_once = False
        self.last_close: LastClose | None = None
        self.lost_by: Ending | None = None
        self.number = 0
        self.opened_at: float | None = None
        self.past: tuple[PastConnection, ...] = ()
        self.step_at = NEVER
        self.was_live = False
        self.expires_epoch_s: float | None = None

    def __repr__(self) -> str:
        return f"attempt={self.attempt}"

    def opened(self, dialed_at: float, now: float, join_by: float) -> None:
        self.number += 1
        self.dialed_at = dialed_at
        self.opened_at = now
        self.step_at = join_by

    def joined(
        self, now: float, settings: SessionSettings, rng: Random
    ) -> tuple[bool, float | None]:
        """True if it is the first connect, and how long it took, in milliseconds."""
        first, self.joined_once = not self.joined_once, True
        self.attempt, self.lost_by = 0, None
        self.step_at = NEVER
        self.heartbeat.start(now, settings.heartbeat.interval_s, rng)
        took_ms = None if self.dialed_at is None else round((now - self.dialed_at) * 1000.0, 3)
        return first, took_ms

    def lost(self, ending: Ending, now: float) -> None:
        self.lost_by = ending
        self.last_close = LastClose(now, ending)
        if self.opened_at is not None:
            gone = PastConnection(self.opened_at, now, ending.cause.value)
            self.past = (*self.past[1 - PAST_KEPT_MAX :], gone)
            self.opened_at = None
        self.heartbeat.stop()
        self.step_at = NEVER

    def rest_s(self, settings: SessionSettings, rng: Random, asked_s: float) -> float | None:
        """How long to rest before the next attempt, at least `asked_s`; None if there are no
        more."""
        backoff = settings.reconnect.backoff()
        if backoff.exhausted(self.attempt):
            return None
        rest_s = max(backoff.delay_s(self.attempt, rng), asked_s)
        self.attempt += 1
        return rest_s

    def heartbeat_due(
        self,
        now: float,
        heard_at: float,
        settings: SessionSettings,
        traits: Traits,
        out: e.Effects,
    ) -> Ending | None:
        """Send a heartbeat if it is time. An ending if one stayed unanswered: the connection is
        lost."""
        beat = self.heartbeat
        if beat.asked_at is not None and heard_at > beat.asked_at:
            beat.answered(now)  # the answer waits behind what keeps arriving: that is life enough
        if beat.is_lost(now, settings.heartbeat.timeout_s):
            out.append(e.Count(SessionCounter.HEARTBEAT_LOST))
            return unanswered("a heartbeat was not answered")
        if beat.is_due(now):
            echo = traits.beating is Beating.ECHO and beat.beats % 2 == 0
            out.append(e.Say(m.Beat()) if echo else e.Ping())
            out.append(e.Count(SessionCounter.HEARTBEAT_SENT))
            beat.asked(now, settings.heartbeat.interval_s)
        return None


def unanswered(detail: str) -> Ending:
    """The connection is taken for dead."""
    return Ending(Cause.UNANSWERED, detail=detail)
