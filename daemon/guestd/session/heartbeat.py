"""Is the other side still there? A heartbeat at intervals; one that stays unanswered means a
lost connection.

    due → asked → answered, or lost

A fleet's heartbeats start at random phases, so that it never beats all at once, but the phases lie
on a grid of whole seconds: ten thousand sessions then wake the process once a second and not
hundreds of times, and one wake-up that finds its code and data warm in the cache costs a fraction
of hundreds that do not."""

from __future__ import annotations

from random import Random

from ..model.instants import NEVER

GRID_S = 1.0


class ConnectionHeartbeat:
    """All times are those of `now`, in seconds. `took_s`: what the last answer took; None before
    the first.

    `beats` counts heartbeats, so that the machine can alternate between the application's echo and
    a WebSocket ping."""

    __slots__ = ("asked_at", "beats", "next_at", "took_s")

    def __init__(self) -> None:
        self.next_at = NEVER
        self.asked_at: float | None = None
        self.took_s: float | None = None
        self.beats = 0

    def start(self, now: float, interval_s: float, rng: Random) -> None:
        self.asked_at = None
        self.next_at = _on_grid(now + interval_s * (0.1 + 0.9 * rng.random()), interval_s)

    def stop(self) -> None:
        self.asked_at = None
        self.next_at = NEVER

    def is_due(self, now: float) -> bool:
        return self.asked_at is None and now >= self.next_at

    def asked(self, now: float, interval_s: float) -> None:
        self.asked_at = now
        self.next_at = _on_grid(now + interval_s, interval_s)
        self.beats += 1

    def answered(self, now: float) -> None:
        if self.asked_at is not None:
            self.took_s, self.asked_at = now - self.asked_at, None

    def is_lost(self, now: float, timeout_s: float) -> bool:
        return self.asked_at is not None and now >= self.asked_at + timeout_s

    def wake_at(self, timeout_s: float) -> float:
        return self.next_at if self.asked_at is None else self.asked_at + timeout_s


def _on_grid(at: float, interval_s: float) -> float:
    """The grid's instant at or before `at`; short intervals have a finer grid, so that they stay
    what they are."""
    grid_s = min(GRID_S, interval_s / 16)
    return at // grid_s * grid_s
