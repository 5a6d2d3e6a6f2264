"""What holds for every test."""

from __future__ import annotations

import logging
import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.browser", "tests.short_reports"]

#: Hundreds of programs are started; without cached bytecode each would compile itself anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: How long an example takes, or its drawing, says something of the machine's load and nothing of the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


#: The modules with tests that take five seconds or more of a core, begun first: a worker that came to
#: one of them last would let the others wait for it.
LONG = {
    "test_canaries",
    "test_control_operations",
    "test_damaged_journal",
    "test_documents",
    "test_failing_disk",
    "test_failing_disk_serve",
    "test_faults",
    "test_kill",
    "test_kill_operations",
    "test_power_cuts",
    "test_simulation",
    "test_table",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """A command that runs in the test's own process sets up the log for good; the next test in that
    process would see lines it should not, or none."""
    root, ours = logging.getLogger(), logging.getLogger("guestd")
    levels = [(one, one.level) for one in (root, ours, logging.getLogger("guestd.sessions"))]
    yield
    for one, level in levels:
        one.setLevel(level)
    if not ours.propagate:
        for handler in ours.handlers:
            root.removeHandler(handler)
        ours.handlers, ours.propagate = [], True


@pytest.fixture(autouse=True)
def signals_as_they_were():
    """`serve` blocks signals for good; the programs that later tests start must not inherit
    that: nginx would never end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
