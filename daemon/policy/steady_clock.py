"""A wall clock that does not run ahead: what is deleted by age is gone for good, and clocks leap.

A leap forward of more than `LEAP_S` is believed only after it has stood for `BELIEVED_AFTER_S`; until then time goes on as
the monotonic clock has it. Backwards it is believed at once: that only keeps things longer.
"""

from __future__ import annotations

LEAP_S = 3600.0

BELIEVED_AFTER_S = 900.0


class SteadyClock:
    """`last_ms`: the newest time that is on record, in milliseconds since the epoch; 0 for none."""

    def __init__(self, last_ms: int = 0) -> None:
        self._base_ms = last_ms
        self._base_s: float | None = None
        self._leapt_at_s: float | None = None

    def read(self, now_s: float, epoch_ms: int) -> int:
        """Milliseconds since the epoch, given the monotonic clock in seconds and what the wall clock says."""
        if self._base_s is None:
            self._base_s = now_s
            self._base_ms = self._base_ms or epoch_ms
        expected_ms = self._base_ms + int((now_s - self._base_s) * 1000)
        if epoch_ms - expected_ms > LEAP_S * 1000 and not self._has_stood(now_s):
            return expected_ms
        self._base_s, self._base_ms, self._leapt_at_s = now_s, epoch_ms, None
        return epoch_ms

    def _has_stood(self, now_s: float) -> bool:
        if self._leapt_at_s is None:
            self._leapt_at_s = now_s
        return now_s - self._leapt_at_s >= BELIEVED_AFTER_S
