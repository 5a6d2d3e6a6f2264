"""A host that fails again and again is left alone for a while, then asked once (SYNC-1)."""

from __future__ import annotations

from random import Random

#: An open circuit stays open for up to so much longer than its time, so that hosts that failed
#: together are not asked together each time.
SPREAD = 0.25


class Circuit:
    """Closed: all may call. Open until `open_until`: none may. Then half open: one may, and its
    outcome decides."""

    __slots__ = ("_failures", "_failures_max", "_open_s", "_probing", "_rng", "open_until")

    def __init__(self, failures_max: int, open_s: float, rng: Random | None = None) -> None:
        self._failures_max = failures_max
        self._open_s = open_s
        self._rng = rng
        self._failures = 0
        self._probing = False
        self.open_until = 0.0

    @property
    def is_closed(self) -> bool:
        return self._failures < self._failures_max

    def permits(self, now: float) -> bool:
        if now < self.open_until:
            return False
        return self.is_closed or not self._probing

    def calls(self) -> None:
        """A caller was permitted, and calls."""
        self._probing = not self.is_closed

    def succeeded(self) -> None:
        self._failures, self._probing, self.open_until = 0, False, 0.0

    def failed(self, now: float) -> None:
        self._failures += 1
        self._probing = False
        if not self.is_closed:
            spread = self._rng.uniform(0.0, SPREAD) if self._rng is not None else 0.0
            self.open_until = max(self.open_until, now + self._open_s * (1.0 + spread))

    def learned_nothing(self) -> None:
        """The call never came to the host."""
        self._probing = False

    def rest_until(self, at: float) -> None:
        """The host asked for a pause (Retry-After)."""
        self.open_until = max(self.open_until, at)
