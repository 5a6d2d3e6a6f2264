"""The one reader of `Retry-After` (RFC 9110 §10.2.3), for HTTP answers, refused upgrades and
webhook receivers.

The header is a hint from a stranger, so it is read strictly and never obeyed beyond the caller's
own bound: a proxy in maintenance that says "a day" must not decide when guests may come back.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DATE_CHARS_MAX = (
    64  # the longest form, RFC 850's, has 33; what is longer is not worth a parser's time
)

_SECONDS = re.compile(
    r"[0-9]+"
)  # not `str.isdigit`: "²" is a digit to it, but no number to `float`


def retry_after_s(
    header: str | None, date_header: str | None, now_epoch_s: float | None, cap_s: float
) -> float | None:
    """Seconds to wait, between 0 and `cap_s`; None if the header is absent or unreadable.

    A date is measured against the server's own clock, its `Date` header; where that is absent or
    unreadable, against
    `now_epoch_s` (seconds since the epoch; None: a date is then of no use). Never raises.
    """
    if header is None:
        return None
    value = header.strip(" \t")
    if _SECONDS.fullmatch(value):
        return min(float(value), cap_s)
    until_s = _epoch_s(value)
    since_s = _epoch_s(date_header) if date_header is not None else None
    if since_s is None:
        since_s = now_epoch_s
    if until_s is None or since_s is None:
        return None
    return min(max(0.0, until_s - since_s), cap_s)


def _epoch_s(value: str) -> float | None:
    """An HTTP date as seconds since the epoch."""
    if len(value) > DATE_CHARS_MAX or not value.isascii():
        return None
    try:
        found = parsedate_to_datetime(value)
        aware: datetime = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):  # whatever the parser stumbles over
        return None
