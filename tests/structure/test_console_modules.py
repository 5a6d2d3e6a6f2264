"""The console's pure modules, in Node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "console"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda one: one.name)
def test_a_module_does_what_it_says(file):
    assert NODE is not None
    done = subprocess.run([NODE, "--test", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-6000:]
