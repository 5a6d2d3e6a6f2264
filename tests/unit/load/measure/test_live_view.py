"""What is shown of a run while it lasts, on the terminal and by `/v1/load`."""

from __future__ import annotations

import pytest

from guestd.api.control.load_schemas import LoadFigures, LoadPoint
from guestd.load.guest.actions import StepDone
from guestd.load.measure.live_view import live_view
from guestd.load.measure.merged import RunMeasures
from guestd.load.measure.recorder import Recorder
from guestd.load.measure.summary import RunFacts, StepName
from guestd.load.measure.thresholds import ThresholdWatch
from guestd.load.report.live_figures import KINDS_MAX, live_figures, live_point
from guestd.load.scenario.file import ThresholdRule

RULES = ("echo_latency.p99 < 50ms", "first_reply.p95 < 8s", "lost == 0", "sessions.failed == 0")


@pytest.fixture
def measures() -> RunMeasures:
    recorder, merged = Recorder(), RunMeasures()
    recorder.started(0.0)
    recorder.counted("live", 0.2)
    for second in range(3):
        recorder.counted("sent", second + 0.3)
        recorder.measured("echo_latency", 0.1, second + 0.4)
        recorder.sampled(second + 0.9, {"live": 1}, 0.25, 1.0, 1)
    recorder.step_done(0, StepDone(1, 0.1, "no_reply"), 1.5)
    recorder.failure("not_opened", "refused", 0)
    recorder.lost_connection("closed_by_peer", 1.0)
    recorder.throttled("messages of one connection", "what guests sent", 1.0)
    merged.absorb(recorder.partial())
    return merged


def view_of(measures, **more):
    facts = RunFacts(
        name="Parcel",
        run_id="r",
        seed=7,
        started_at=0,
        ended_at=0,
        for_s=3.0,
        steps={(0, 1): StepName("Talk", "waits")},
    )
    watch = ThresholdWatch([ThresholdRule(one) for one in RULES])
    return live_view(measures, facts, watch, {"live": 1}, [("waits", 1)], **more)


def test_it_has_counts_rates_and_what_went_wrong(measures):
    found = live_figures(view_of(measures, length_s=60.0))
    assert (found["at_s"], found["left_s"]) == (3.0, 57.0)
    ends = {"ended": 0, "unconfirmed_end": 0, "failed": 0}
    assert found["sessions"] == {"planned": 1, "opened": 1, **ends}
    assert found["per_s"] == {"opened": 0, "sent": 1, "received": 0}
    assert found["echo_ms"]["count"] == 3 and found["echo_ms"]["p99"] > 99
    assert found["waits"] == {"waits": 1}
    assert found["errors"] == {"refused": 1, "waits: no reply as expected in time": 1}
    assert found["lost_connections"] == {"closed_by_peer": 1}
    assert found["throttled"] == {"messages of one connection": 1}
    assert found["cpu"] == 0.25


def test_a_threshold_is_met_failed_or_not_known_yet(measures):
    found = {one["expression"]: one for one in live_figures(view_of(measures))["thresholds"]}
    assert [found[one]["ok"] for one in RULES] == [False, None, None, True]
    assert found["first_reply.p95 < 8s"]["note"] == "nothing was measured yet"
    assert found["lost == 0"]["note"] == "known at the end"
    assert found["lost == 0"]["about"] == "messages of either side that never arrived"


def test_the_api_describes_all_of_it(measures):
    found = live_figures(view_of(measures))
    assert LoadFigures.model_validate(found, extra="forbid").model_dump() == found
    (first, *_) = measures.recent.points(3.0)
    shown = live_point(first)
    assert LoadPoint.model_validate(shown, extra="forbid").model_dump() == shown


def test_of_many_kinds_of_errors_the_most_frequent_are_shown(measures):
    recorder = Recorder()
    for kind in range(3 * KINDS_MAX):
        for _ in range(kind):
            recorder.failure("not_opened", f"reason {kind}")
    measures.absorb(recorder.partial())
    errors = live_figures(view_of(measures))["errors"]
    assert len(errors) == KINDS_MAX
    assert next(iter(errors)) == f"reason {3 * KINDS_MAX - 1}"
