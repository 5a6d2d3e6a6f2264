"""What several tests of reports draw."""

from __future__ import annotations

import pytest

from guestd.load.results import Summary

from . import sample


@pytest.fixture(scope="module")
def small() -> Summary:
    found = sample.evening_peak()
    found.points = found.points[110:130]
    found.steps[2].failures = {"<i>no_reply": 118}
    return found
