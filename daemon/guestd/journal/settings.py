"""What an operator may choose about the journal on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True, frozen=True)
class JournalSettings:
    """`retention_s`: how long what is over is kept; `dead_retention_s`: webhooks that were given
    up, unless replayed.

    `create`: `auto` makes a journal in a directory that never held one, `never` leaves that to
    `guestd journal init`.
    `free_bytes_min`: with less free, and less than 5 %, no guest session is opened.
    `ballast_bytes`: a reserve for a full disk; 0 for none."""

    retention_s: float = 86_400.0
    dead_retention_s: float = 2_592_000.0
    create: Literal["auto", "never"] = "auto"
    free_bytes_min: int = 268_435_456
    ballast_bytes: int = 0
