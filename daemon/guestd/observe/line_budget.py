"""How many lines of one kind the log gets: the first few of each window, and then one that says how
many more there were. Ten thousand sessions that fail for one reason are a handful of lines."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

#: Enough to see names and to notice a pattern, few enough to be read.
LINES_MAX = 5
WINDOW_S = 10.0

Key = TypeVar("Key", bound=Hashable)


class LineBudget(Generic[Key]):
    """`lines_max` lines for each key in each window of `window_s` seconds; a window begins with its
    first line. Keys come from closed lists, so their number is bounded by the code. Times are of
    one clock."""

    def __init__(self, lines_max: int = LINES_MAX, window_s: float = WINDOW_S) -> None:
        self._lines_max = lines_max
        self._window_s = window_s
        self._windows: dict[Key, list[float]] = {}  # when it ends, lines taken, lines left out

    def take(self, key: Key, now: float) -> bool:
        """Whether this line is written; else it is counted. Call `ended` first."""
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = [now + self._window_s, 0, 0]
        if window[1] < self._lines_max:
            window[1] += 1
            return True
        window[2] += 1
        return False

    def ended(self, now: float) -> list[tuple[Key, int]]:
        """The keys whose window is over and left lines out, with how many."""
        over = [(key, window) for key, window in self._windows.items() if window[0] <= now]
        for key, _ in over:
            del self._windows[key]
        return [(key, int(window[2])) for key, window in over if window[2]]

    def next_at(self) -> float | None:
        """When the next window ends that has left lines out; None if there is none."""
        return min((w[0] for w in self._windows.values() if w[2]), default=None)
