"""Every way a connection or a guest session can stop, as a named value.

One glance at an ending tells whether to come back. The causes are ours; the close codes are RFC
6455 §7.4.1 and the platform's (protocol §1.6, §4.3). Which ending a refusal means is decided in
`session/departure.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """Why something stopped. `value` is the stable word used in logs, metrics and the API."""

    # the connection
    CLOSED_BY_PEER = "closed_by_peer"  # a close frame arrived; see the code
    LOST = "lost"  # TCP broke, or ended without a close frame (1006)
    UNANSWERED = "unanswered"  # a heartbeat, ping or hello got no answer in time
    PROTOCOL_VIOLATION = (  # the peer broke RFC 6455, or sent a frame over our bound
        "protocol_violation"
    )
    CLOSED_BY_US = "closed_by_us"
    RECONNECT_ASKED = "reconnect_asked"  # closed by us, because someone asked for it

    # the dial
    UNREACHABLE = "unreachable"  # DNS, refused, no route
    DIAL_TIMEOUT = "dial_timeout"
    ACCESS_DENIED = "access_denied"  # upgrade answered 403 (protocol §1.2)
    UPGRADE_REFUSED = "upgrade_refused"  # upgrade answered anything else but 101
    CERTIFICATE_REFUSED = "certificate_refused"
    PROXY_REFUSED = "proxy_refused"

    # the guest session, as the platform sees it
    SESSION_EXPIRED = "session_expired"  # 4006 or SessionExpiredEvent
    SESSION_UNKNOWN = "session_unknown"  # 4007
    SESSION_REFUSED = "session_refused"  # configure answered with an error that will not pass
    SESSION_CLEARED = "session_cleared"
    SIGNED_IN_ELSEWHERE = "signed_in_elsewhere"
    DISPLACED = "displaced"  # a newer connection took our place (4th of 3)
    LOGGED_OUT = "logged_out"
    THROTTLED = "throttled"

    # the guest session, as we see it
    FINISHED = "finished"  # ended on request, in an orderly way
    UNUSED = "unused"  # its frontend left without a message
    DURATION_REACHED = "duration_reached"  # SESS-2
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"  # SOCK-2
    LEAVE_TIMEOUT = "leave_timeout"  # the platform did not confirm our goodbye
    DRAINED = "drained"
    INTERNAL_ERROR = "internal_error"  # a bug of ours; the log and the report tell of it


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
