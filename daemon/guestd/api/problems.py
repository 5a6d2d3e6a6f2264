"""Problem documents (RFC 9457): the only form in which the control API refuses.

The status says who can correct the error. What the client can correct is a 4xx, even where the
bound is ours (too many sessions are a 429); a 502 is the platform's refusal or silence, a 503 means
that the daemon cannot accept work now, and a 500 is a bug of ours, whose `error_id` is in the log.
Nothing of a request but its path is repeated here: it may contain secrets."""

from __future__ import annotations

import logging
import math
import secrets
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from ..model.errors import (
    CommandError,
    FieldError,
    GuestdError,
    NoSuchPath,
    NotReady,
    PlatformError,
    TokenRefused,
)

logger = logging.getLogger("guestd.api")

MEDIA_TYPE = "application/problem+json"

#: Status by error code; any other CommandError is the client's mistake, 422.
_STATUS = {
    "not_found": 404,
    "ended": 409,
    "conflict": 409,
    "not_ready": 409,
    "read_only": 409,
    "bad_json": 400,
    "too_large": 413,
    "rate_limited": 429,
    "overloaded": 429,
    "limit_exceeded": 429,
    "not_supported": 404,
    "not_configured": 404,
    "draining": 503,
    "storage_full": 503,
    "storage_low": 503,
    "damaged": 500,
    "internal": 500,
}

#: Refusals of the platform that the client can correct; any other is a 502.
_PLATFORM_STATUS = {400: 422, 404: 404, 409: 409, 413: 413, 422: 422, 429: 429}

#: What else a problem may contain of the platform's refusal.
PLATFORM_FIELDS = (
    "platform_status",
    "platform_code",
    "cause",
    "errors",
    "missing_scope",
    "scopes",
    "remedy",
)

_RETRY_AFTER_S = 1.0

#: Of one request: more than anybody mends at a time.
ERRORS_MAX = 20

#: Enough to find an error by, in one line of the log.
_CALLS_LOGGED = 8


class ProblemDocument(BaseModel):
    """Why a request was refused or failed (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(description="A URI that names the kind: urn:guestd:problem:CODE.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong here, and what to do.")
    instance: str = Field(description="The path asked for.")
    code: str = Field(description="The stable word to program against.")
    field: str = Field(default="", description="Which part of the request is meant, if one.")
    retry_after_s: float | None = Field(
        default=None, description="When to try again; as the header Retry-After, rounded up."
    )
    retry_after_ms: int | None = Field(
        default=None, description="With not_ready: the same in milliseconds."
    )
    state: str = Field(default="", description="With not_ready: the guest session's state.")
    correlation_id: str = Field(
        default="", description="The platform's id of its refusal, for its support."
    )
    platform_status: int | None = Field(
        default=None, description="The HTTP status that the platform answered."
    )
    platform_code: str = Field(default="", description="The platform's own word for its refusal.")
    cause: str = Field(
        default="",
        description="guestd's own word where the platform gave none: timeout, broken, malformed.",
    )
    errors: list[dict[str, str]] = Field(
        default=[],
        description="With invalid: `field` and `detail` of each thing that is wrong in the request,"
        f" at most {ERRORS_MAX}. Of the platform's refusal: the `message`, `code` and `field` of"
        " each single error that it lists.",
    )
    missing_scope: str = Field(
        default="", description="The OAuth scope that the platform asks for."
    )
    scopes: list[str] = Field(default=[], description="All scopes any one of which is enough.")
    remedy: str = Field(
        default="", description="What to do about the platform's refusal, as in the detail."
    )
    error_id: str = Field(default="", description="With 500: the id beside the error in the log.")


class Problem(Exception):
    """A refusal, as an exception."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str = "",
        retry_after_s: float | None = None,
        correlation_id: str = "",
        error_id: str = "",
        headers: Mapping[str, str] | None = None,
        platform: Mapping[str, Any] | None = None,
        state: str = "",
        errors: Sequence[FieldError] = (),
    ) -> None:
        """`platform`: what the platform said, by the names in `PLATFORM_FIELDS`. `state`: the guest
        session's, where it is the reason. `errors`: all that is wrong in the request."""
        super().__init__(detail)
        self.status, self.code, self.detail, self.field = status, code, detail, field
        self.retry_after_s = (
            _RETRY_AFTER_S if retry_after_s is None and status in (429, 503) else retry_after_s
        )
        self.correlation_id, self.error_id = correlation_id, error_id
        self.state, self.errors = state, errors[:ERRORS_MAX]
        self.headers = dict(headers or {})
        self.platform = {
            name: platform[name] for name in PLATFORM_FIELDS if platform and platform.get(name)
        }

    def answer(self, instance: str) -> web.Response:
        document: dict[str, Any] = {
            "type": f"urn:guestd:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
        }
        for name in ("field", "retry_after_s", "correlation_id", "error_id"):
            if getattr(self, name):
                document[name] = getattr(self, name)
        if self.state and self.retry_after_s:
            retry_after_ms = math.ceil(self.retry_after_s * 1000)
            document |= {"state": self.state, "retry_after_ms": retry_after_ms}
        if self.errors:
            document["errors"] = [
                {"field": one.field[:200], "detail": one.detail[:500]} for one in self.errors
            ]
        document |= self.platform
        headers = self.headers
        if self.retry_after_s:
            headers["Retry-After"] = str(math.ceil(self.retry_after_s))
        return web.Response(
            body=orjson.dumps(document),
            status=self.status,
            headers=headers,
            content_type=MEDIA_TYPE,
            charset=None,
        )


def problem_of(error: Exception) -> Problem:
    """Any error as a problem. An unexpected one is logged, and the client gets only its id."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPException):
        return _of_http(error)
    if isinstance(error, CommandError):
        retry_after_s = getattr(error, "retry_after_s", None) or (
            _RETRY_AFTER_S if error.worth_retrying else None
        )
        return Problem(
            status_of(error.code),
            error.code,
            str(error),
            field=error.field or "",
            retry_after_s=retry_after_s,
            state=error.state if isinstance(error, NotReady) else "",
            errors=error.errors,
        )
    if isinstance(error, GuestdError) and error.code in ("spool", "journal"):
        return Problem(503, error.code, str(error))
    if isinstance(error, PlatformError):
        platform: dict[str, Any] = {
            "platform_status": error.status,
            "platform_code": error.platform_code,
            "cause": error.cause,
            "remedy": error.remedy,
        }
        platform["errors"] = [item.shown() for item in error.errors]
        if error.scopes:
            platform |= {"missing_scope": error.scopes[0], "scopes": list(error.scopes)}
        return platform_problem(
            error.code,
            str(error),
            error.status,
            error.correlation_id,
            error.retry_after_s,
            platform,
        )
    if isinstance(error, RecursionError):
        return Problem(400, "bad_json", "the body is nested too deep")
    return _of_bug(error)


def platform_problem(
    code: str,
    detail: str,
    status: int | None,
    correlation_id: str = "",
    retry_after_s: float | None = None,
    platform: Mapping[str, Any] | None = None,
) -> Problem:
    """What the platform refused or failed to do; `status` is the platform's. An unknown path and a
    refused token are wrong settings, not the client's mistake."""
    is_ours = code in (NoSuchPath.code, TokenRefused.code)
    ours = 502 if is_ours else _PLATFORM_STATUS.get(status or 0, 502)
    return Problem(
        ours,
        code,
        detail,
        correlation_id=correlation_id,
        retry_after_s=retry_after_s,
        platform=platform,
    )


def status_of(code: str) -> int:
    """The status of a refusal with that code."""
    return _STATUS.get(code, 422)


def _of_http(error: web.HTTPException) -> Problem:
    """aiohttp's own refusals: no such route, a method not allowed, a body too large."""
    headers = {
        name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers
    }
    details = {
        404: (
            "no_such_route",
            "no such route; /v1/openapi.json lists every route, /docs shows them to try",
        ),
        405: ("method_not_allowed", f"this path answers {headers.get('Allow', 'other methods')}"),
        413: ("too_large", "the body is larger than is taken here"),
    }
    code, detail = details.get(
        error.status, ("bad_request", error.reason or "the request cannot be understood")
    )
    return Problem(error.status, code, detail, headers=headers)


def _of_bug(error: Exception) -> Problem:
    """Logged once, with the place but not the message, which may quote a guest."""
    error_id = secrets.token_hex(6)
    logger.error(
        "request failed, error_id=%s: %s at %s", error_id, type(error).__name__, location_of(error)
    )
    return Problem(
        500, "internal", f"an error in guestd; its log has it under {error_id}", error_id=error_id
    )


def location_of(error: BaseException) -> str:
    """The innermost calls of an error's traceback, innermost first, without any values."""
    calls = traceback.extract_tb(error.__traceback__)[-_CALLS_LOGGED:]
    return " < ".join(
        f"{one.filename.rpartition('/')[2]}:{one.lineno} {one.name}" for one in reversed(calls)
    )
