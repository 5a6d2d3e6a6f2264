"""Why a guest session ends: its agreed time, a goodbye under way, the platform's own word.

`cause` is set once leaving has begun; `goodbye_id` is the tracing id of the goodbye once it is
sent; `cleared` says that the platform has erased the conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ..model import client_messages as m
from ..model import signals as s
from ..model.endings import Cause, Ending
from ..model.instants import NEVER
from .settings import LifetimeSettings

#: A goodbye that the platform throttles is said again when it allows it, so often; then the session
#: is given up, as one whose goodbye is not confirmed.
PUT_OFF_MAX = 5

Goodbye = m.Clear | m.CloseSession
EndSignal = s.Left | s.SessionCleared | s.ConnectionClosed | s.SessionExpired | s.LoggedOut


@dataclass(slots=True, frozen=True)
class Departure:
    """A value: nearly all guest sessions share the one that stays."""

    cause: Cause | None = None
    cleared: bool = False
    goodbye_id: str = ""
    leave_by: float = NEVER
    put_offs: int = 0

    def until(self, leave_by: float) -> Departure:
        """If it leaves, it has until then."""
        return self if self.cause is None else replace(self, leave_by=leave_by)

    def begun(self, cause: Cause, leave_by: float = NEVER) -> Departure:
        return replace(self, cause=cause, leave_by=leave_by)

    def said(self, goodbye: Goodbye) -> Departure:
        return replace(self, goodbye_id=goodbye.tracing_id)

    def noted(self, given: EndSignal) -> Departure:
        return replace(self, cleared=True) if isinstance(given, s.SessionCleared) else self

    def put_off(self, until: float, settings: LifetimeSettings) -> tuple[float, Departure]:
        """When to say the goodbye again, that the platform does not take before `until`."""
        if self.put_offs >= PUT_OFF_MAX:
            return NEVER, self
        leave_by = max(self.leave_by, until + settings.leave_timeout_s)
        return until, replace(self, put_offs=self.put_offs + 1, leave_by=leave_by)

    def is_goodbye(self, trace: str) -> bool:
        """True if a frame with this tracing id is about our goodbye."""
        return bool(self.goodbye_id) and trace == self.goodbye_id

    def ending(self, otherwise: Cause = Cause.FINISHED) -> Ending:
        """Why we leave, or `otherwise` if we had not begun to leave."""
        return Ending(self.cause or otherwise)

    def ending_on(self, given: EndSignal, leaving: bool) -> Ending | None:
        """What a signal of the platform means, while our goodbye is under way (`leaving`) or not;
        None if the session goes on."""
        match given:
            case s.Left() | s.SessionCleared():
                return self.ending() if leaving else None
            case s.SessionExpired():
                otherwise = Cause.SESSION_EXPIRED
                return self.ending(otherwise) if leaving else Ending(otherwise)
            case s.LoggedOut():
                return Ending(Cause.LOGGED_OUT)
            case s.ConnectionClosed():
                if leaving:
                    cause = self.cause or Cause.FINISHED
                elif self.cleared:
                    cause = Cause.SESSION_CLEARED
                elif given.reason == "signedIn":
                    cause = Cause.SIGNED_IN_ELSEWHERE
                else:
                    cause = Cause.DISPLACED
                return Ending(cause, detail=given.reason)


#: Neither leaves nor is asked to.
STAYS: Final = Departure()


def goodbye(trace: str, clear: bool) -> Goodbye:
    return m.Clear(trace) if clear else m.CloseSession(trace)


def is_session_unknown(given: s.Throttled | s.Refused) -> bool:
    return isinstance(given, s.Refused) and given.code == 4007


def ending_on_error(
    given: s.Throttled | s.Refused, bounded_s: Callable[[float | None], float]
) -> Ending:
    """What an error frame means while joining, or at any time for a session that is unknown."""
    if isinstance(given, s.Throttled):
        return Ending(Cause.THROTTLED, 429, given.reason, bounded_s(given.retry_after_s))
    if is_session_unknown(given):
        return Ending(Cause.SESSION_UNKNOWN, 4007, given.reason)
    passing = 500 <= given.code <= 599 or given.code == 5000
    cause = Cause.UPGRADE_REFUSED if passing else Cause.SESSION_REFUSED
    return Ending(cause, given.code, given.reason)
