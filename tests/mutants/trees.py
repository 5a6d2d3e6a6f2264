"""Copies of the source tree that mutants are applied to. The tree itself is never touched.

Compiled files in a copy are checked by the source's hash: a patch applied and taken back within one
tick of the file system's clock would otherwise leave the wrong code in use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import patience

from . import soft
from .patches import ROOT, Mutant

PARTS = ("daemon", "tests", "docs", "systemd", "benchmarks")
FILES = (
    "pyproject.toml",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "config.example.toml",
    "CHANGELOG.md",
    "Makefile",
)
TIMEOUT_S = 120.0
#: What the tests have for a wait; the slowest of theirs takes 0.4 s on an idle machine.
PATIENCE_S = 8.0


@dataclass(frozen=True)
class Outcome:
    """`status`: passed, failed, timed out, or unusable (the tests did not even start)."""

    status: str
    took_s: float
    output: str


class Tree:
    def __init__(self, directory: Path) -> None:
        self.root = directory
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        for part in PARTS:
            shutil.copytree(ROOT / part, directory / part, ignore=ignored)
        for name in FILES:
            shutil.copy2(ROOT / name, directory / name)
        compile_all = [
            sys.executable,
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "checked-hash",
            "daemon",
            "tests",
        ]
        subprocess.run(compile_all, cwd=directory, check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """Raises ValueError where the patch does not fit."""
        self._patch(mutant)
        try:
            yield
        finally:
            self._patch(mutant, "--reverse")

    @contextmanager
    def rewritten(self, path: str, text: str) -> Iterator[None]:
        file = self.root / path
        before = file.read_text()
        file.write_text(text)
        try:
            yield
        finally:
            file.write_text(before)

    def test(self, node_ids: Sequence[str], notes: Path | None = None) -> Outcome:
        """`notes`: where softened assertions (`soft.py`) write; then all tests run to their end."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *([] if notes else ["-x"]),
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",  # a third of the time that it takes to start
            "-m",
            "",
            *node_ids,
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(self.root / "daemon"), str(self.root))),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.root / ".h"),
            soft.NOTES: str(notes or ""),
            "TEST_EXAMPLES": "1",  # as many as a test names
            patience.VARIABLE: str(PATIENCE_S),
        }
        begun = time.monotonic()
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                output, _ = child.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, 9)
                output, _ = child.communicate()
                return Outcome("timed out", time.monotonic() - begun, output)
        status = {0: "passed", 1: "failed"}.get(child.returncode, "unusable")
        return Outcome(status, time.monotonic() - begun, output)

    def _patch(self, mutant: Mutant, *options: str) -> None:
        command = ["git", "apply", "--whitespace=nowarn", *options, str(mutant.path)]
        # Without a repository around it git applies to the files as they lie there.
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(self.root.parent)}
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(f"{mutant.path.name} does not fit the source: {done.stderr.strip()}")
