"""What the platform says when it gives no bearer token (RFC 6749 §5.2, AUTH-3, HTTP-3).

Whoever asked for the operation cannot correct that, so the advice is about the settings, and the
error is none of the kinds that speak of a request or of a thing."""

from __future__ import annotations

import json
import re

from ..model.errors import PlatformError, PlatformRefused, RateLimited, TokenRefused
from .answers import HttpReply, redacted_line, refusal

#: The codes of a client that is not known, or may not have a token in this way.
_OF_THE_CLIENT = ("invalid_client", "unauthorized_client")
_CLIENT = (
    "check platform.client_id and platform.client_secret against the OAuth client in Genesys Cloud"
    " Admin, whose grant type must be Client Credentials"
)
_REMEDIES = {
    "invalid_client": _CLIENT,
    "unauthorized_client": _CLIENT,
    "unsupported_grant_type": _CLIENT,
    "invalid_grant": _CLIENT,
    "invalid_request": "check platform.token_url and platform.client_auth",
    "invalid_scope": (
        "check platform.scope: name only scopes that the OAuth client has in Genesys Cloud Admin,"
        " or leave it out"
    ),
}
_OTHER = (
    "check platform.client_id, platform.client_secret, platform.scope and platform.region (or"
    " platform.token_url) against the OAuth client in Genesys Cloud Admin"
)
_ADDRESS = "check platform.token_url and platform.region"
_WORD = re.compile(r"\S+")


def token_refusal(reply: HttpReply, secrets: tuple[str, ...]) -> PlatformError:
    """The error that an answer other than 200 stands for; TokenRefused, unless it may pass."""
    error, code = refusal(reply, secrets=secrets), _oauth_code(reply.body, secrets)
    is_standard = code in _REMEDIES
    code = code if is_standard else error.platform_code or code
    if not isinstance(error, PlatformRefused):
        error.platform_code = code
        if isinstance(error, RateLimited):  # no other budget of ours is met
            error.remedy = _remedy_of_limit(error.retry_after_s)
        return error
    message = str(error.args[0])
    if code in _OF_THE_CLIENT or (error.status == 401 and not is_standard):
        message = f"the platform refused the OAuth client: invalid client ({message})"
    refused = TokenRefused(
        message,
        status=error.status,
        platform_code=code,
        correlation_id=error.correlation_id,
        retry_after_s=error.retry_after_s,
        remedy=_remedy(reply.status, code),
    )
    refused.errors = error.errors
    return refused


def _remedy_of_limit(retry_after_s: float | None) -> str:
    soon = f"wait {round(retry_after_s, 1):g} s; " if retry_after_s is not None else ""
    return f"{soon}if this repeats, see that fewer programs ask for tokens of this OAuth client"


def _remedy(status: int, code: str) -> str:
    if status < 300:
        return _ADDRESS
    if status < 400:
        return "redirects are not followed; " + _ADDRESS
    if status in (404, 405, 409, 410):
        return _ADDRESS
    return _REMEDIES.get(code) or (_CLIENT if status == 401 and not code else _OTHER)


def _oauth_code(body: bytes, secrets: tuple[str, ...]) -> str:
    """`error` as RFC 6749 has it: a word; a sentence there is a message, and no code."""
    try:
        found = json.loads(body[:65_536])
    except (ValueError, RecursionError):
        return ""
    code = found.get("error") if isinstance(found, dict) else None
    if not isinstance(code, str) or not _WORD.fullmatch(code) or not code.isprintable():
        return ""
    return redacted_line(code, secrets, 100)
