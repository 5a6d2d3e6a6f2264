"""Why a command of a guest session came to nothing, in codes (HTTP-3). Its events carry them."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import PlatformError


@dataclass(slots=True, frozen=True)
class PlatformFailure:
    """`code` is our own stable word: platform_refused, platform_unavailable, unconfirmed, ended,
    withdrawn, spool, or that of the rule which refused a file. The others are the platform's:
    `status` of HTTP, `platform_code`, which is the number of an error frame or the word of a REST
    refusal, and `correlation_id`."""

    code: str = ""
    status: int | None = None
    platform_code: str = ""
    correlation_id: str = ""


NO_FAILURE = PlatformFailure()
ENDED = PlatformFailure("ended")
WITHDRAWN = PlatformFailure("withdrawn")
UNCONFIRMED = PlatformFailure("unconfirmed")
UNAVAILABLE = PlatformFailure("platform_unavailable")


def failure_of(error: PlatformError) -> PlatformFailure:
    return PlatformFailure(error.code, error.status, error.platform_code, error.correlation_id)


#: What to do about the number of an error frame (protocol §4.1).
_REMEDIES = {
    400: "correct the message",
    403: "check what the deployment allows in Genesys Cloud Admin",
    408: "send it again",
    409: "the conversation is read-only; begin a new one",
    429: "wait, and send it again",
    4000: "the deployment does not have this feature; see its configuration in Genesys Cloud Admin",
    4001: "send a file of another type",
    4002: "send a smaller file",
    4003: "send the file as it is meant to be, with its own type",
    4004: "give the file another name",
    4005: "give the file a shorter name",
    4006: "open a new guest session",
    4007: "open a new guest session",
    4008: "send the file again",
    4009: "send the file again",
    4010: "send the file again",
    4011: "send a shorter message",
    4013: "send fewer or shorter attributes",
    4017: "open a new guest session with another token",
    4020: "correct the message",
    4029: "wait, and send it again",
    4102: "send a file that is not empty",
}
_PASSES = "send it again; if it stays, tell the platform's support"


def words_of_frame(code: int, reason: str) -> str:
    """What an error frame says, and what to do (HTTP-3)."""
    remedy = _REMEDIES.get(code) or (_PASSES if code >= 500 else "see what the platform says")
    return "; ".join(filter(None, (f"{code or ''} {reason}".strip(), remedy)))


def failure_of_frame(code: int) -> PlatformFailure:
    """An error frame: its number is the platform's code."""
    return PlatformFailure("platform_refused", None, str(code) if code else "")
