"""Node.js, where it is installed: programs and tests in JavaScript as tests of this suite."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NODE = shutil.which("node")
NPM = shutil.which("npm")

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_npm = pytest.mark.skipif(NPM is None, reason="npm is not installed")


def node(*arguments: str | Path, timeout_s: float = 120.0, **environment: str) -> str:
    """Its standard output; fails with all that it wrote if it does not exit with 0."""
    assert NODE is not None
    return _finished([NODE, *map(str, arguments)], timeout_s, environment)


@cache
def websocket_flags() -> tuple[str, ...]:
    """Node has a global WebSocket since version 22; version 20 has one behind a flag."""
    is_there = node("-p", "typeof WebSocket").strip() == "function"
    return () if is_there else ("--experimental-websocket",)


def npm(*arguments: str, folder: Path) -> str:
    assert NPM is not None
    return _finished([NPM, *arguments, "--prefix", str(folder)], 120.0, {}, folder)


def pass_tests(*files: Path) -> None:
    """Runs them with Node's own test runner."""
    assert files, "there are no tests"
    node("--test", *files)


def _finished(
    command: list[str], timeout_s: float, environment: dict[str, str], folder: Path = ROOT
) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout
