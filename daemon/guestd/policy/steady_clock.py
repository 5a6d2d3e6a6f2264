"""Which wall-clock time to believe before something is deleted because of its age.

A wall clock can be wrong for a moment: a battery that is empty, a time server that lies, a virtual
machine that was paused. One look at a clock that stands far ahead must not delete everything that
is kept. The monotonic clock cannot jump, so it says how much time can really have passed. A step
ahead is believed only after it has stood for `stands_s`; a step back is believed at once, because
it deletes nothing. The believed time is never ahead of the wall clock."""

from __future__ import annotations

#: A step ahead up to this size is believed at once: time servers correct by seconds, and nothing is
#: kept for less than a minute.
STEP_S_MAX = 60.0

#: How long a larger step must stand. Long enough for a time server to correct a wrong clock after a
#: start, and for an operator to see it; short beside the hours and days for which things are kept.
STANDS_S = 600.0


class SteadyClock:
    """Ask it with both clocks, as often as you like. `known_ms`: a time that was certainly reached
    before the first look (the newest entry of a file, in epoch milliseconds); 0 if there is none,
    and then the first look is believed."""

    __slots__ = (
        "_ahead_ms",
        "_ahead_since_s",
        "_known_ms",
        "_offset_ms",
        "_stands_s",
        "_step_ms_max",
    )

    def __init__(
        self, known_ms: int = 0, step_s_max: float = STEP_S_MAX, stands_s: float = STANDS_S
    ) -> None:
        self._known_ms = known_ms
        self._step_ms_max = int(step_s_max * 1000)
        self._stands_s = stands_s
        self._offset_ms: int | None = None  # believed: wall clock minus monotonic clock
        self._ahead_ms: int | None = None  # the larger offset that is not believed yet
        self._ahead_since_s = 0.0

    @property
    def is_in_doubt(self) -> bool:
        """True while the wall clock stands further ahead than is believed."""
        return self._ahead_ms is not None

    def epoch_ms(self, now_s: float, wall_ms: int) -> int:
        """The time to believe, in epoch milliseconds. `now_s` is the monotonic clock, `wall_ms` the
        wall clock."""
        monotonic_ms = int(now_s * 1000)
        offset_ms = wall_ms - monotonic_ms
        if self._offset_ms is None:
            self._offset_ms = self._known_ms - monotonic_ms if self._known_ms else offset_ms
        if offset_ms <= self._offset_ms + self._step_ms_max or self._has_stood(now_s, offset_ms):
            self._offset_ms, self._ahead_ms = offset_ms, None
        return monotonic_ms + self._offset_ms

    def _has_stood(self, now_s: float, offset_ms: int) -> bool:
        if self._ahead_ms is None or abs(offset_ms - self._ahead_ms) > self._step_ms_max:
            self._ahead_ms, self._ahead_since_s = offset_ms, now_s
        return now_s - self._ahead_since_s >= self._stands_s
