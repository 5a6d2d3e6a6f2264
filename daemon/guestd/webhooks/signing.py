"""How a webhook proves where it comes from (SYNC-1).

    Guestd-Event-Id:  000000000042-9f3a1c2b77de-crm    the same over all attempts
    Guestd-Attempt:   1
    Guestd-Signature: t=1767225600,v1=5f2b…[,v1=…]          one v1 per active secret

`v1` is the hexadecimal HMAC-SHA256, keyed with the secret, of the bytes `<t>.<body>`, the body as
it stands on the wire. A receiver computes it with its own secret, accepts if any `v1` equals it
(compared in constant time), and refuses a `t` more than five minutes away from its own clock. Two
secrets are active while one is being exchanged for the other."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from ..model.numbers import whole_number

WINDOW_S = 300


def signature(body: bytes, secrets: Sequence[bytes], at_s: int) -> str:
    """The value of the Guestd-Signature header."""
    return ",".join([f"t={at_s}", *(f"v1={_digest(body, secret, at_s)}" for secret in secrets)])


def problem_with(
    header: str, body: bytes, secret: bytes, now_s: float, window_s: float = WINDOW_S
) -> str:
    """What is wrong with a received webhook; "" if nothing is."""
    fields = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in fields if name == "t"]
    at_s = whole_number(times[0]) if len(times) == 1 else None
    if at_s is None:
        return "the header has no time: it should begin with t=SECONDS"
    wanted = _digest(body, secret, at_s).encode()
    given = [value for name, value in fields if name == "v1"]
    if not any(hmac.compare_digest(wanted, value.encode()) for value in given):
        return "no signature fits: another secret, or the body was changed on its way"
    if abs(now_s - at_s) > window_s:
        return (
            f"it was signed {abs(now_s - at_s):.0f} s away from now: a repetition, or a clock is"
            " wrong"
        )
    return ""


def _digest(body: bytes, secret: bytes, at_s: int) -> str:
    return hmac.digest(secret, b"%d." % at_s + body, "sha256").hex()
