"""Whether guest sessions can live at all, from what became of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from guestd.observe.metrics import Metrics
from guestd.supervisor.outage import OUTAGE_S, Outage


class Stage:
    """An outage, its clock, and the states of the fleet."""

    def __init__(self):
        self.at = 100.0
        self.metrics = Metrics()
        self.outage = Outage(SimpleNamespace(now=lambda: self.at), self.metrics)

    def fail(self, after_s=0.0):
        self.at += after_s
        self.outage.failed()


@pytest.fixture
def stage():
    return Stage()


def test_all_rest_and_nothing_but_failures_is_an_outage_after_a_while(stage):
    stage.metrics.sessions = {"resting": 3, "live": 0}
    assert not stage.outage.is_on(), "they have only just been opened"
    stage.fail()
    assert not stage.outage.is_on(), "one lost connection is no outage"
    stage.fail(after_s=OUTAGE_S)
    assert stage.outage.is_on()
    stage.outage.joined()
    assert not stage.outage.is_on()


def test_it_counts_from_the_first_failure_since_one_joined(stage):
    stage.metrics.sessions = {"resting": 1}
    stage.fail()
    stage.outage.joined()
    stage.fail(after_s=60.0)
    stage.fail(after_s=OUTAGE_S - 0.1)
    assert not stage.outage.is_on()


@pytest.mark.parametrize("sessions", [{"live": 1, "resting": 99}, {"resting": 0}, {}])
def test_with_a_live_session_or_none_at_all_there_is_no_outage(stage, sessions):
    stage.metrics.sessions = sessions
    stage.fail()
    stage.at += 60.0
    assert not stage.outage.is_on()
