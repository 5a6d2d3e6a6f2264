"""What a machine does not know of itself, and what it is waiting for may depend on."""

from __future__ import annotations

from dataclasses import dataclass

from ..policy.buckets import SlidingCount


@dataclass(slots=True, frozen=True)
class Surroundings:
    """`now` is the machine's clock, `epoch_ms` the same instant of the other.

    `host` is the platform's, `address` what the socket is connected to. `ahead`: how many wait to
    connect before it, None if it is not in that line; `turn_at`: about when its turn comes;
    `connects`: the budget of all sessions' connects. `is_unread`: its socket is not read, because
    the journal is behind; `asks_journal`: what it has received waits for the journal's word."""

    now: float
    epoch_ms: int
    host: str = ""
    address: str = ""
    ahead: int | None = None
    turn_at: float | None = None
    connects: SlidingCount | None = None
    is_unread: bool = False
    asks_journal: bool = False
