"""Known secrets taken out of a text that is to be shown, in every dress they may come back in.

A platform that repeats what it was sent may repeat it as it stood, percent-encoded (from a form),
escaped (from JSON) or in base64 (from a header). What is shorter than six characters is no secret,
and taking it out would spoil every other word."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SECRET_LENGTH_MIN = 6


def without(text: str, secrets: Iterable[str], mark: str = "…") -> str:
    """The text with `mark` wherever one of these secrets stood."""
    found = {dress for secret in secrets if is_secret(secret) for dress in dresses(secret)}
    for dress in sorted(found, key=len, reverse=True):
        text = text.replace(dress, mark)
    return text


def is_secret(value: str) -> bool:
    """Whether it is long enough to be one."""
    return len(value) >= SECRET_LENGTH_MIN


def dresses(secret: str) -> set[str]:
    """The secret, and all the forms it is known to come back in."""
    raw = secret.encode("utf-8", "surrogatepass")
    percent = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    coded = {encode(raw).decode().rstrip("=") for encode in (b64encode, urlsafe_b64encode)}
    return {secret, " ".join(secret.split()), *percent, *escaped, *coded} - {""}
