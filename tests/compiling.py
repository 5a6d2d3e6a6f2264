"""Each worker compiles its share of the code before it imports any of it. In a fresh clone all of
them would otherwise compile everything, at once; where that was done, this looks only whether the
bytecode is there."""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

ROOT = Path(__file__).parents[1]


def pytest_sessionstart(session: pytest.Session) -> None:
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    asked_for = [Path(one).resolve() for one in session.config.args]
    if not number.isdecimal() or asked_for != [ROOT / "tests"]:
        return  # what is asked for may be much less than all
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    every = sorted([*(ROOT / "daemon").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
    for path in every[int(number) :: workers]:
        if path.name.startswith("test_") or path.name == "conftest.py":
            _rewrite(path, session.config)
        else:
            compileall.compile_file(path, quiet=2)


def _rewrite(path: Path, config: pytest.Config) -> None:
    """As pytest does it when it imports a test, by functions that are its own affair: where a
    version has other ones, each worker rewrites the tests by itself."""
    try:
        folder = rewrite.get_cache_dir(path)
        kept = folder / (path.name.removesuffix(".py") + rewrite.PYC_TAIL)
        if rewrite._read_pyc(path, kept) is None and rewrite.try_makedirs(folder):
            source, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, kept)
    except (AttributeError, TypeError, ValueError):
        return
