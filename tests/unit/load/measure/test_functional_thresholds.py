"""Thresholds of a functional run: what one round of each scenario can say is judged."""

from __future__ import annotations

import pytest

from guestd.load.guest.actions import StepDone
from guestd.load.measure.functional_thresholds import functional_results
from guestd.load.measure.merged import RunMeasures
from guestd.load.measure.recorder import Recorder
from guestd.load.measure.thresholds import MeasuredFigures, ThresholdWatch
from guestd.load.scenario.file import ThresholdRule

LABELS = {(0, 0): "waits"}


def judged(expression, echoes=3):
    recorder = Recorder()
    for _ in range(echoes):
        recorder.counted("sent", 0.5)
        recorder.measured("echo_latency", 0.3, 0.5)
    recorder.step_done(0, StepDone(0, 2.0), 0.5)
    measures = RunMeasures()
    measures.absorb(recorder.partial())
    figures = MeasuredFigures(measures, LABELS, 1.0, {"lost": 0})
    watch = ThresholdWatch([ThresholdRule(expression)], LABELS.values())
    (found,) = functional_results(watch, figures)
    return found


@pytest.mark.parametrize(
    ("expression", "ok"),
    [
        ("lost == 0", True),
        ("steps_failed == 0", True),
        ("steps_failed.rate < 1%", True),
        ("echo_latency.max < 500ms", True),
        ("echo_latency.max < 100ms", False),
        ("echo_latency.avg < 100ms", False),
        ('step["waits"].max < 1s', False),
        ('step["waits"].failed == 0', True),
    ],
)
def test_what_one_round_can_say_is_judged(expression, ok):
    found = judged(expression)
    assert (found.ok, found.ignored) == (ok, False)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("messages.sent.rate > 10", "a rate per second depends on the load"),
        ("messages.sent >= 100", "how many there are depends on the load"),
        ("sessions.planned == 3000", "how many there are depends on the load"),
        ("echo_latency.count > 1000", "how many there are depends on the load"),
        ("echo_latency.p99 < 1ms", "p99 needs 100 values, and there are 3; ask for max"),
        ("first_reply.max < 8s", "nothing was measured"),
        ("first_human_reply.p95 < 8s", "nothing was measured"),
    ],
)
def test_what_depends_on_the_load_is_ignored_with_the_reason(expression, why):
    found = judged(expression)
    assert (found.ok, found.ignored, found.note) == (True, True, why)


def test_a_percentile_of_enough_values_is_judged():
    assert not judged("echo_latency.p95 < 1ms", 20).ok
    assert judged("echo_latency.p95 < 1ms", 19).ignored
