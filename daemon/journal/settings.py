"""What an operator may choose about the journal on disk. Defaults as in the configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class JournalSettings:
    """`retention_s`: how long what is over is kept; `dead_retention_s`: webhooks that were given up, unless replayed."""

    retention_s: float = 86_400.0
    dead_retention_s: float = 2_592_000.0
