"""The connection of a guest session as its machine sees it: attempts, timed steps and heartbeats.

There is no socket here. `step_at` is when the present step ends (the hello's answer, the rest
before the next attempt); `joined_once` says that the platform knows the session; `was_live` is what
the previous process journaled last about the connection."""

from __future__ import annotations

from random import Random

from ..model import client_messages as m
from ..model import effects as e
from ..model.effects import SessionCounter
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
        """How long to rest before the next attempt, at least `asked_s`; None if there are no
        more."""
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
        """Send a heartbeat if it is time. An ending if one stayed unanswered: the connection is
        lost."""
        beat = self.heartbeat
        if beat.asked_at is not None and heard_at > beat.asked_at:
            beat.answered()  # the answer waits behind what keeps arriving: that is life enough
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
