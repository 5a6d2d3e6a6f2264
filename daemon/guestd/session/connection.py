"""The connection of a guest session as its machine sees it: tries, steps that take time, and life.

No socket is here. `step_at` is when the present step (the hello's answer, the rest before the next
try) is over; `joined_once` says that the platform knows the session; `was_live` is the journal's
last word on the connection, from the life before."""

from __future__ import annotations

from random import Random

from ..model import effects as e
from ..model import requests as r
from ..model.effects import Notice
from ..model.endings import Cause, Ending
from ..model.instants import NEVER
from ..model.traits import Beating, Traits
from ..policy.backoff import Backoff
from .heartbeat import ConnectionHeartbeat
from .settings import SessionSettings


class ConnectionState:
    __slots__ = ("_attempt", "heartbeat", "joined_once", "step_at", "was_live")

    def __init__(self) -> None:
        self._attempt = 0
        self.heartbeat = ConnectionHeartbeat()
        self.joined_once = False
        self.step_at = NEVER
        self.was_live = False

    def __repr__(self) -> str:
        return f"attempt={self._attempt}"

    def opened(self, join_by: float) -> None:
        self.step_at = join_by

    def joined(self, now: float, settings: SessionSettings, rng: Random) -> bool:
        """True if it is the first connect."""
        first, self.joined_once = not self.joined_once, True
        self._attempt = 0
        self.step_at = NEVER
        self.heartbeat.start(now, settings.heartbeat.interval_s, rng)
        return first

    def lost(self) -> None:
        self.heartbeat.stop()
        self.step_at = NEVER

    def rest_s(self, settings: SessionSettings, rng: Random, asked_s: float) -> float | None:
        """How long to rest before the next try, at least `asked_s`; None if there is none."""
        backoff = Backoff(
            settings.reconnect.base_s,
            settings.reconnect.jitter_s,
            settings.reconnect.cap_s,
            settings.reconnect.attempts_max,
        )
        if backoff.exhausted(self._attempt):
            return None
        rest_s = max(backoff.delay_s(self._attempt, rng), asked_s)
        self._attempt += 1
        return rest_s

    def heartbeat_due(
        self,
        now: float,
        heard_at: float,
        settings: SessionSettings,
        traits: Traits,
        out: e.Effects,
    ) -> Ending | None:
        """Beat if it is time. An ending if a beat stayed unanswered: the connection is lost."""
        beat = self.heartbeat
        if beat.asked_at is not None and heard_at > beat.asked_at:
            beat.answered()  # the answer waits behind what keeps arriving: that is life enough
        if beat.is_lost(now, settings.heartbeat.timeout_s):
            out.append(e.Count(Notice.HEARTBEAT_LOST))
            return unanswered("a heartbeat was not answered")
        if beat.is_due(now):
            echo = traits.beating is Beating.ECHO and beat.beats % 2 == 0
            out.append(e.Say(r.Beat()) if echo else e.Ping())
            out.append(e.Count(Notice.HEARTBEAT_SENT))
            beat.asked(now, settings.heartbeat.interval_s)
        return None


def unanswered(detail: str) -> Ending:
    """The connection is taken for dead."""
    return Ending(Cause.UNANSWERED, detail=detail)
