"""Whether the platform refused a guest's token, and not the rest of a request (GUEST-3).

The platform has no code for that which is documented: it says in words or by a field's name what is
wrong with a payload. So a refusal of the payload is taken for one of the token if the request
is a guest's, and the refusal speaks of a token or of what is in it. A 401 and a 403 are about our
own bearer token, which is a token too: they are about the guest's only if they name a guest's
token, and neither a bearer token nor a scope."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..model.errors import GUEST_TOKEN, PayloadRefused, PlatformError

#: What the calls name it (SESS-4, SESS-7).
_FIELDS = frozenset({"guestToken", "sessionToken", "guestIdToken"})
_STEP = re.compile(r"-(contact|conversation)(-2)?$")
_SAYS_GUESTS = re.compile(
    r"(?i)guest('s|s)?[ ._-]*(id[ ._-]*|session[ ._-]*)?(token|jwt)|session[ ._-]*token"
    r"|(token|jwt|signature) of (the|a|this) guest"
)
_SAYS_OURS = re.compile(r"(?i)bearer|access[ ._-]?token|oauth|scope|permission")
_SAYS_TOKEN = re.compile(r"(?i)token|\bjw[tsk]|\brs256\b|\bkid\b|signature")


def guest_tokens_in(body: Any) -> Iterator[str]:
    """Those that a request carries."""
    if isinstance(body, Mapping):
        for key, one in body.items():
            if key in _FIELDS:
                yield str(one)
            else:
                yield from guest_tokens_in(one)


def operation_of(key: str) -> str:
    """Whose idempotency key it is: the keys of one operation differ in their step (SESS-7)."""
    return _STEP.sub("", key)


_REMEDY = (
    "check the guest's token, its signature, kid and exp, and that the platform has the public key"
    " that belongs to it (guestd keys list)"
)


def of_guest_token(error: PlatformError, is_by_guest: bool) -> PlatformError:
    """The error as a refusal of a guest's token, if it speaks of one; `is_by_guest`: the request
    carries one, or is about a session that was opened with one, as a heartbeat is."""
    if not _is_about_token(error, is_by_guest):
        return error
    refused = PayloadRefused(
        str(error.args[0]),
        status=error.status,
        platform_code=error.platform_code,
        cause=GUEST_TOKEN,
        correlation_id=error.correlation_id,
        retry_after_s=error.retry_after_s,
        remedy=_REMEDY,
    )
    refused.errors = error.errors
    return refused


def _is_about_token(error: PlatformError, is_by_guest: bool) -> bool:
    if error.status not in (400, 401, 403, 422):
        return False
    words = (error.args[0], error.platform_code, *(str(item) for item in error.errors))
    said = " ".join(map(str, words))
    if is_by_guest and error.status in (400, 422):
        return bool(_SAYS_TOKEN.search(said))
    return bool(_SAYS_GUESTS.search(said)) and not _SAYS_OURS.search(said)
