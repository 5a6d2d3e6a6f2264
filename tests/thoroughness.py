"""How many examples Hypothesis draws: a share of those that a test names, so that the suite stays
short. `make thorough` draws ten times as many as they name."""

from __future__ import annotations

import os

SHARE = float(os.environ.get("TEST_EXAMPLES", "0.3"))
LEAST = 8


def examples(whole: int) -> int:
    return max(LEAST, round(whole * SHARE))
