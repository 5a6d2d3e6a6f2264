"""Every way a connection or a guest session can stop, as a named value.

One glance at an ending tells whether to come back. The causes are ours; the close codes are RFC
6455 §7.4.1 and the platform's (protocol §1.6, §4.3). Which ending a refusal means is decided in
`session/departure.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """Why something stopped. `value` is the stable word used in logs, metrics and the API,
    `meaning` says it for people."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Cause:
        made = object.__new__(cls)
        made._value_, made.meaning = value, meaning
        return made

    # the connection
    CLOSED_BY_PEER = "closed_by_peer", "a close frame arrived; its code is told"
    LOST = "lost", "the TCP connection broke, or ended without a close frame (1006)"
    UNANSWERED = "unanswered", "a heartbeat, ping or hello got no answer in time"
    PROTOCOL_VIOLATION = "protocol_violation", "a frame broke RFC 6455, or was over our bound"
    CLOSED_BY_US = "closed_by_us", "guestd closed it"
    RECONNECT_ASKED = "reconnect_asked", "guestd closed it, because it was asked to reconnect"

    # the dial
    UNREACHABLE = "unreachable", "no address, no route, or refused"
    DIAL_TIMEOUT = "dial_timeout", "no connection in time"
    ACCESS_DENIED = "access_denied", "the upgrade was answered 403: the origin, or the deployment"
    UPGRADE_REFUSED = "upgrade_refused", "the upgrade was answered with another status; it is told"
    CERTIFICATE_REFUSED = "certificate_refused", "the platform's certificate is not trusted"
    PROXY_REFUSED = "proxy_refused", "the proxy refused"

    # the guest session, as the platform sees it
    SESSION_EXPIRED = "session_expired", "its time at the platform is over"
    SESSION_UNKNOWN = "session_unknown", "the platform does not know it any more"
    SESSION_REFUSED = "session_refused", "the platform refused to begin or resume it"
    SESSION_CLEARED = "session_cleared", "the conversation was cleared"
    SIGNED_IN_ELSEWHERE = "signed_in_elsewhere", "the guest signed in on another device"
    DISPLACED = "displaced", "newer connections of the same guest took its place"
    LOGGED_OUT = "logged_out", "the guest was logged out"
    THROTTLED = "throttled", "the platform asked to come back later"

    # the guest session, as we see it
    FINISHED = "finished", "it was asked to end, and ended in an orderly way"
    UNUSED = "unused", "its frontend left without a message"
    DURATION_REACHED = "duration_reached", "its agreed time is over"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted", "it could not reconnect in the attempts allowed"
    LEAVE_TIMEOUT = "leave_timeout", "the platform did not confirm the goodbye"
    DRAINED = "drained", "guestd stopped"
    INTERNAL_ERROR = "internal_error", "an error in guestd; the log and a report tell of it"


#: Causes after which the guest session may dial again. Close codes refine CLOSED_BY_PEER below.
_COMES_BACK = frozenset(
    {
        Cause.LOST,
        Cause.UNANSWERED,
        Cause.PROTOCOL_VIOLATION,
        Cause.RECONNECT_ASKED,
        Cause.UNREACHABLE,
        Cause.DIAL_TIMEOUT,
        Cause.UPGRADE_REFUSED,
        Cause.PROXY_REFUSED,
        Cause.THROTTLED,
    }
)


#: Ends and losses that were asked for, and what else is no news to worry about.
ASKED_FOR = frozenset(
    {
        Cause.FINISHED,
        Cause.UNUSED,
        Cause.DURATION_REACHED,
        Cause.DRAINED,
        Cause.RECONNECT_ASKED,
    }
)

CAUSE_BY_WORD = {cause.value: cause for cause in Cause}


@dataclass(slots=True, frozen=True)
class Ending:
    """Why a connection or a guest session stopped.

    `code` is the WebSocket close code or the HTTP status, whichever the cause speaks of;
    `retry_after_s` is the server's own request and overrides any backoff of ours (HTTP-1).
    """

    cause: Cause
    code: int | None = None
    detail: str = ""
    retry_after_s: float | None = None

    def may_come_back(self, reconnect_codes: frozenset[int]) -> bool:
        """True if a new dial is sensible; `reconnect_codes` is the dialect's table of close codes
        (SOCK-2)."""
        if self.cause is Cause.CLOSED_BY_PEER:
            return self.code in reconnect_codes
        return self.cause in _COMES_BACK

    def __str__(self) -> str:
        code = f" {self.code}" if self.code is not None else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.cause.value}{code}{detail}"
