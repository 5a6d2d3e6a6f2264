"""What a failing test prints (tests/short_reports.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANTED = """
import logging
import sys

import pytest


def deeper(depth):
    if depth:
        try:
            return deeper(depth - 1)
        except ValueError as error:
            raise ValueError("\\n".join(f"line {n} of {depth}" for n in range(30))) from error
    raise ValueError("x" * 100_000)


@pytest.fixture
def talkative():
    yield from talking("teardown")


def talking(stage):
    yield
    for n in range(300):
        print(stage, n)
        print(stage, n, file=sys.stderr)
        logging.getLogger("guestd").error("%s %d", stage, n)


def test_that_fails_at_length(talkative):
    list(talking("call"))
    deeper(20)
"""


@pytest.mark.parametrize("ci", ["", "true"], ids=["", "CI"])
@pytest.mark.parametrize("more", [[], ["-p", "xdist", "-n", "1"]], ids=["alone", "workers"])
def test_a_failure_prints_at_most_200_lines(more, ci, tmp_path):
    (tmp_path / "test_planted.py").write_text(PLANTED)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.short_reports", *more]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CI": ci,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # nearly all of the time that it takes to start
    }
    environment.pop("TEST_OUTPUT", None)
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert len(lines) <= 200, done.stdout
    assert max(map(len, lines)) < 1000
    assert "1 failed" in lines[-1]
    for kept in ("deeper(20)", "line 29 of 20", "call 299", "lines left out"):
        assert kept in done.stdout, kept
    whole = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environment, "TEST_OUTPUT": "all"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert len(whole.stdout.splitlines()) > 2000
