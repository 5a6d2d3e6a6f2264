"""PyPI's python-daemon installs a top-level package `daemon`; beside guestd, in one environment,
neither harms the other."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from guestd import __version__

ROOT = Path(__file__).parents[2]
STAND_IN = "class DaemonContext:\n    pass\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> tuple[Path, Path]:
    """(interpreter, site-packages) of an environment with both, each copied in as an installer
    does; what guestd depends on is found where this test finds it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    shutil.copytree(ROOT / "daemon" / "guestd", packages / "guestd")
    elsewhere = [one for one in sys.path if Path(one).name in ("site-packages", "dist-packages")]
    (packages / "dependencies.pth").write_text("\n".join(elsewhere))
    install_python_daemon(packages)
    return python, packages


def install_python_daemon(packages: Path) -> None:
    """From the package index if it answers, else a stand-in of the same layout."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0"]
    command += ["--timeout", "3", "--target", str(packages), "python-daemon"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60.0)
    except (OSError, subprocess.SubprocessError):
        (packages / "daemon").mkdir(exist_ok=True)
        (packages / "daemon" / "__init__.py").write_text(STAND_IN)


def run(environment: tuple[Path, Path], tmp_path: Path, *arguments: str) -> str:
    done = subprocess.run(
        [environment[0], *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60.0
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_guestd_runs_beside_python_daemon(environment, tmp_path):
    assert __version__ in run(environment, tmp_path, "-m", "guestd", "--version")


def test_import_daemon_gives_python_daemon(environment, tmp_path):
    code = "import guestd, daemon; print(daemon.__file__, daemon.DaemonContext, guestd.__file__)"
    found = run(environment, tmp_path, "-c", code)
    assert f"{environment[1]}/daemon/__init__.py" in found
    assert f"{environment[1]}/guestd/__init__.py" in found


def test_guestd_installs_no_other_top_level_package():
    installed = {one.name for one in (ROOT / "daemon").iterdir() if (one / "__init__.py").exists()}
    assert installed == {"guestd"}
