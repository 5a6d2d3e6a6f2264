"""What holds for every test."""

from __future__ import annotations

import logging

import pytest

pytest_plugins = ["tests.browser"]  # its fixtures: `page` and `browser`


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
