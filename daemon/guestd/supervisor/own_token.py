"""A platform may say which token it refuses: what it says is passed on without that token."""

from __future__ import annotations

from dataclasses import replace

from ..model.endings import Ending
from ..model.signals import Signal
from ..observe.redaction import without_values

REASON_CHARACTERS_MAX = 500


def ending_without(token: str, ending: Ending) -> Ending:
    return replace(ending, detail=without_values(ending.detail, (token,)))


def signal_without(token: str, signal: Signal) -> Signal:
    """In the reason that it gives, if it gives one. First the token goes, then what is too long:
    of one that was cut nothing would be known again."""
    reason = getattr(signal, "reason", "")
    if reason:
        shown = without_values(reason, (token,))[:REASON_CHARACTERS_MAX]
        signal.reason = shown  # type: ignore[union-attr]  # one of those that have it
    return signal
