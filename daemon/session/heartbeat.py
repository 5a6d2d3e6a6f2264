"""Is the other side still there? A beat now and then, and a verdict when one stays unanswered.

Like knocking on a door at quiet intervals: due → knocked → answered, or lost.
"""

from __future__ import annotations

from random import Random


class Heartbeat:
    """Four figures and four questions of `now` (seconds). Starts at a random phase, so that a fleet never beats at once.

    `beats` counts knocks, so that the machine can alternate between the application's echo and a WebSocket ping.
    """

    __slots__ = ("asked_at", "beats", "next_at")

    def __init__(self) -> None:
        self.next_at = float("inf")
        self.asked_at: float | None = None
        self.beats = 0

    def start(self, now: float, interval_s: float, rng: Random) -> None:
        self.asked_at = None
        self.next_at = now + interval_s * (0.5 + 0.5 * rng.random())

    def stop(self) -> None:
        self.asked_at = None
        self.next_at = float("inf")

    def is_due(self, now: float) -> bool:
        return self.asked_at is None and now >= self.next_at

    def asked(self, now: float, interval_s: float) -> None:
        self.asked_at = now
        self.next_at = now + interval_s
        self.beats += 1

    def answered(self) -> None:
        self.asked_at = None

    def is_lost(self, now: float, timeout_s: float) -> bool:
        return self.asked_at is not None and now >= self.asked_at + timeout_s

    def wake_at(self, timeout_s: float) -> float:
        return self.next_at if self.asked_at is None else self.asked_at + timeout_s
