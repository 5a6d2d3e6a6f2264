"""When and why a guest session ends: its agreed time, a goodbye under way, the platform's own word.

`cause` is set once leaving has begun; `goodbye_id` is the tracing id of the goodbye once it is
sent; `cleared` says that the platform has erased the conversation."""

from __future__ import annotations

from collections.abc import Callable

from ..model import client_messages as m
from ..model import signals as s
from ..model.endings import Cause, Ending
from ..model.instants import NEVER
from .settings import LifetimeSettings

#: A goodbye that the platform throttles is said again when it allows it, so often; then the session
#: is given up, as one whose goodbye is not confirmed.
PUT_OFF_MAX = 5

EndSignal = s.Left | s.SessionCleared | s.ConnectionClosed | s.SessionExpired | s.LoggedOut


class Departure:
    __slots__ = ("cause", "cleared", "ends_at", "goodbye_id", "leave_by", "put_offs")

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.cleared = False
        self.ends_at = NEVER
        self.goodbye_id = ""
        self.leave_by = NEVER
        self.put_offs = 0

    def opened(self, ends_at: float, leave_by: float) -> None:
        self.ends_at = ends_at
        if self.cause is not None:
            self.leave_by = leave_by

    def begin(self, cause: Cause, leave_by: float) -> None:
        self.cause, self.leave_by = cause, leave_by

    def goodbye(self, trace: str, clear: bool) -> m.Clear | m.CloseSession:
        self.goodbye_id = trace
        return m.Clear(trace) if clear else m.CloseSession(trace)

    def put_off(self, until: float, settings: LifetimeSettings) -> float:
        """When to say the goodbye again, that the platform does not take before `until`."""
        if self.put_offs >= PUT_OFF_MAX:
            return NEVER
        self.put_offs += 1
        self.leave_by = max(self.leave_by, until + settings.leave_timeout_s)
        return until

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
            case s.Left():
                return self.ending() if leaving else None
            case s.SessionCleared():
                self.cleared = True
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
