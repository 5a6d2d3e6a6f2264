"""Whether the platform refused a guest's token, and not the rest of a request (GUEST-3).

The platform has no code for that which is documented: it says in words or by a field's name what is
wrong with a payload. So a refusal of the payload is taken for one of the token if the request
carried one, and the refusal speaks of a token or of what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..model.errors import PayloadRefused, PlatformError

#: What the calls name it (SESS-4, SESS-7).
_FIELDS = frozenset({"guestToken", "sessionToken", "guestIdToken"})
_STEP = re.compile(r"-(contact|conversation)(-2)?$")
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


def is_about_token(error: PlatformError) -> bool:
    """Of a request that carried one."""
    if not isinstance(error, PayloadRefused) or error.status not in (400, 422):
        return False
    words = (error.args[0], error.platform_code, *(str(item) for item in error.errors))
    return any(_SAYS_TOKEN.search(str(one)) for one in words)
