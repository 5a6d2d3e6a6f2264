"""The systemd unit: silent to verify, and no more exposed than it says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "guestd.service"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine, as verify wants it."""
    path = tmp_path / "guestd.service"
    path.write_text(
        UNIT.read_text().replace("/usr/bin/guestd", shutil.which("true") or "/bin/true")
    )
    return path


@needs_systemd
def test_verify_says_nothing(unit: Path):
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    reported = [line for line in done.stderr.splitlines() if not _is_newer_key(line)]
    assert (done.returncode, done.stdout, reported) == (0, "", [])


def _is_newer_key(line: str) -> bool:
    """Keys of systemd 254: an older one ignores them, and says so; the pause between starts is then
    always RestartSec."""
    return any(
        f"Unknown key '{key}'" in line and "ignoring" in line
        for key in ("RestartSteps", "RestartMaxDelaySec")
    )


def test_it_is_started_again_for_ever_with_growing_pauses():
    lines = UNIT.read_text().splitlines()
    assert "StartLimitIntervalSec=0" in lines, "a passing trouble must not become a permanent one"
    assert not any(line.startswith("StartLimitBurst") for line in lines)
    assert {"Restart=always", "RestartSec=2", "RestartSteps=8", "RestartMaxDelaySec=60"} <= set(
        lines
    )


@needs_systemd
def test_exposure_is_at_most_1_1(unit: Path):
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=11", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_options_stand_one_to_a_line_without_trailing_comments():
    for line in UNIT.read_text().splitlines():
        assert not line or line.startswith(("[", "# ")) or ("=" in line and "#" not in line), line
