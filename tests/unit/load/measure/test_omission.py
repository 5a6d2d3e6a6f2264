"""A platform that stalls for 5 s in a run of 60 s, as guests meet it that send one message after the
other. What a histogram must show follows from arithmetic.

Messages are due all the time, so the share of them that is due in the stall with more than x
seconds of it to come is (5 - x) / 60. The 99th percentile is where that is 1 %: 5 - 0.6 = 4.4 s.

Timed from its sending, each guest has one message that waited, whatever was due behind it: one of
the 120 that a guest with two a second sends, which is less than 1 %. The 99th percentile does not
see it. (With one message a second it is one of 60, and the 98th percentile does not.)"""

from __future__ import annotations

import pytest

from guestd.load.measure.merged import RunMeasures
from guestd.load.measure.recorder import Recorder

RUN_S = 60.0
STALL_FROM_S, STALL_TO_S = 20.0, 25.0
ANSWER_S = 0.002
GUESTS = 200


def answered_s(sent_s: float) -> float:
    return (STALL_TO_S if STALL_FROM_S <= sent_s < STALL_TO_S else sent_s) + ANSWER_S


def run(every_s: float) -> RunMeasures:
    recorder = Recorder()
    for guest in range(GUESTS):
        due_s = every_s * guest / GUESTS
        free_s = 0.0
        while due_s < RUN_S:
            sent_s = max(due_s, free_s)
            free_s = answered_s(sent_s)
            recorder.measured("echo_latency", free_s - due_s, free_s)
            recorder.measured("echo_as_sent", free_s - sent_s, free_s)
            due_s += every_s
    measures = RunMeasures()
    measures.absorb(recorder.partial())
    return measures


def theory_s(share: float) -> float:
    """The percentile of uniformly due messages, ANSWER_S where it is not in the stall."""
    return max(0.0, (STALL_TO_S - STALL_FROM_S) - (1 - share) * RUN_S) + ANSWER_S


@pytest.mark.parametrize("every_s", [1.0, 0.5])
def test_from_the_intended_time_percentiles_are_those_of_the_theory(every_s):
    latency = run(every_s).measures["echo_latency"]
    assert theory_s(0.99) == pytest.approx(4.402)
    for share in (0.95, 0.98, 0.99, 0.999):
        assert latency.at_share(share) / 1e6 == pytest.approx(theory_s(share), rel=0.05)
    assert latency.at_share(0.9) / 1e6 < 0.25  # the catching up after the stall


@pytest.mark.parametrize(("every_s", "hidden"), [(1.0, 0.98), (0.5, 0.99)])
def test_as_sent_the_stall_is_hidden(every_s, hidden):
    as_sent = run(every_s).measures["echo_as_sent"]
    assert as_sent.at_share(hidden) / 1e6 == pytest.approx(ANSWER_S, rel=0.05)
    assert as_sent.at_share(1.0) / 1e6 == pytest.approx(5.0, rel=0.05)


def test_no_sample_is_made_up():
    measures = run(1.0).measures
    assert measures["echo_latency"].count == measures["echo_as_sent"].count == GUESTS * 60
