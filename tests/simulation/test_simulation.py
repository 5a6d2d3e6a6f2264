"""The whole daemon in a simulated world: seeded faults, crashes and restarts; everything must hold, then come to rest.

A failing seed prints itself. The same seed is the same run, in any process: its trace has the same hash.

    GUESTD_SIM_SEED=7 GUESTD_SIM_HOURS=50 .venv/bin/python -m pytest tests/simulation
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from .story import run

FRESH = int(os.environ.get("GUESTD_SIM_SEED", str(Random().randrange(10**6))))


@pytest.mark.parametrize("seed", [1, 2, 3, FRESH, FRESH + 1])
def test_dense(seed):
    """Ten minutes of talk, a crash every two."""
    run(seed, 600.0)


def test_the_same_seed_is_the_same_run_in_two_processes():
    code = "import sys; from tests.simulation.story import run; print(run(int(sys.argv[1]), 300.0).hash.hexdigest())"
    root = Path(__file__).parents[2]
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code, "5"],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": salt},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(hashes) == 1
