"""What holds for every test."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.thoroughness import examples

pytest_plugins = [
    "tests.browser",
    "tests.compiling",
    "tests.short_reports",
    "tests.temporary_files",
]

#: Hundreds of programs are started; without cached bytecode each would compile itself anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: How long an example takes, or its drawing, says something of the machine's load and nothing of the code.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=examples(100),
)
settings.load_profile("any machine")


#: The files that take ten seconds or more, the longest first. A worker takes a whole file
#: (`--dist loadfile`), so that a daemon or browser of a module is started once; with these begun
#: first, none is left with one of them while the others are done.
LONG = [
    "integration/test_faults.py",
    "acceptance/test_kill.py",
    "integration/faults/test_table.py",
    "acceptance/console/test_states.py",
    "acceptance/console/test_truth.py",
    "acceptance/test_platform_away.py",
    "acceptance/test_kill_operations.py",
    "acceptance/test_chaos.py",
    "simulation/test_simulation.py",
    "acceptance/test_control_commands.py",
    "documents/test_documents.py",
    "integration/test_control_operations.py",
    "integration/test_power_cuts.py",
    "acceptance/test_canaries.py",
    "simulation/test_mutants.py",
    "acceptance/test_quick_starts.py",
    "acceptance/test_restart_while_away.py",
    "acceptance/test_load_command.py",
    "acceptance/test_damaged_journal.py",
    "acceptance/test_failing_disk.py",
    "acceptance/test_failing_disk_serve.py",
    "acceptance/test_hung_disk.py",
    "acceptance/test_javascript_client.py",
    "acceptance/test_programs.py",
    "acceptance/test_chat.py",
    "acceptance/console/test_conversation.py",
    "integration/test_journal_plateau.py",
    "acceptance/test_load_kills.py",
    "acceptance/test_load_workers.py",
    "acceptance/test_console_page.py",
    "console/test_load_report.py",
]
TESTS = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nine thousand tests are a quarter of a million objects that stay to the end: no collection
    of garbage looks at them, neither now nor while the tests run. Collections are as seldom as in
    the daemon (`Daemon.start`), since what a test makes is mostly gone with it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {TESTS / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


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
