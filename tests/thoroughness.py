"""How many examples Hypothesis draws, and how many seeds a simulation runs: a share of those that
a test names, so that the suite stays short. `make thorough` takes ten times as many as they name."""

from __future__ import annotations

import os

SHARE = float(os.environ.get("TEST_EXAMPLES", "0.3"))
LEAST = 8


def examples(whole: int) -> int:
    return max(LEAST, round(whole * SHARE))


def runs(whole: int) -> int:
    """The same for whole runs, of which each tries much: one is the least."""
    return max(1, round(whole * SHARE))
