"""The fault run of the normal suite, for longer and with more guest sessions: `TEST_FAULT_SECONDS`
(here ten minutes if not set), `TEST_FAULT_SESSIONS` (here 200), seed printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.soak


def test_faults_for_minutes():
    environment = {"TEST_FAULT_SECONDS": "600", "TEST_FAULT_SESSIONS": "200", **os.environ}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "tests/integration/test_faults.py"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
