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


def failure_of_frame(code: int) -> PlatformFailure:
    """An error frame: its number is the platform's code."""
    return PlatformFailure("platform_refused", None, str(code) if code else "")
