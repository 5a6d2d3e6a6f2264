"""How long to rest before the next try (SOCK-2)."""

from __future__ import annotations

from dataclasses import dataclass
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

    def exhausted(self, attempt: int) -> bool:
        return attempt >= self.attempts_max
