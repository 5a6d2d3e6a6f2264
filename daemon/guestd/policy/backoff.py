"""How long to rest before the next try (SOCK-2)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from random import Random


@dataclass(slots=True, frozen=True)
class Backoff:
    """min(base × 2ⁿ + random(0..jitter), cap), at most `attempts_max` tries. All in seconds."""

    base_s: float = 1.0
    jitter_s: float = 1.0
    cap_s: float = 30.0
    attempts_max: int = 10

    def delay_s(self, attempt: int, rng: Random) -> float:
        """The rest before try `attempt` (0 is the first after a success)."""
        doubled = self.base_s * 2.0 ** min(attempt, 60)
        return min(doubled + rng.uniform(0.0, self.jitter_s), self.cap_s)

    def total_s(self) -> float:
        """All rests together, at the least of the random part: what every session outlasts."""
        attempts, rest_s, lasted_s = 0, self.base_s, 0.0
        while attempts < self.attempts_max and rest_s < self.cap_s:
            attempts, lasted_s, rest_s = attempts + 1, lasted_s + rest_s, rest_s * 2.0
        return lasted_s + (self.attempts_max - attempts) * self.cap_s

    def left_s(self, attempt: int) -> float:
        """All rests from the one before try `attempt` on, the random part at its mean."""
        left_s = 0.0
        for n in range(attempt, self.attempts_max):
            rest_s = self.base_s * 2.0 ** min(n, 60) + self.jitter_s / 2.0
            if rest_s >= self.cap_s:
                return left_s + (self.attempts_max - n) * self.cap_s
            left_s += rest_s
        return left_s

    def attempts_for(self, outage_s: float) -> int:
        """The fewest tries whose rests together last `outage_s`."""
        attempts, rest_s, lasted_s = 0, self.base_s, 0.0
        while lasted_s < outage_s and rest_s < self.cap_s:
            attempts, lasted_s, rest_s = attempts + 1, lasted_s + rest_s, rest_s * 2.0
        return attempts + max(0, ceil((outage_s - lasted_s) / self.cap_s))

    def exhausted(self, attempt: int) -> bool:
        return attempt >= self.attempts_max
