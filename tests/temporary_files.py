"""Programs that a test kills cannot take away their temporary files; so all of one run lie in a
folder of their own, which goes with it. The tests' own folders (`tmp_path`) stay where pytest keeps
those of the last three runs."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

_made = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Once, in the process that starts the workers: they and their programs inherit it."""
    if hasattr(config, "workerinput"):
        return
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    os.environ["TMPDIR"] = config.stash[_made] = tempfile.mkdtemp(prefix="gt-")
    tempfile.tempdir = None  # it was found out before


def pytest_unconfigure(config: pytest.Config) -> None:
    if (made := config.stash.get(_made, None)) is not None:
        shutil.rmtree(made, ignore_errors=True)
