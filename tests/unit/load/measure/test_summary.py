"""What was measured comes out as the summary, and says whether it can be believed."""

from __future__ import annotations

import msgspec
import pytest

from guestd.load.guest.actions import OPENING, StepDone
from guestd.load.measure.histogram import LatencyHistogram
from guestd.load.measure.merged import RunMeasures
from guestd.load.measure.overhead import overhead
from guestd.load.measure.reconcile import RunFindings
from guestd.load.measure.recorder import Recorder
from guestd.load.measure.summary import FAILURES, RunFacts, StepName, step_names, summary_of
from guestd.load.measure.thresholds import ThresholdWatch
from guestd.load.report.console_lines import summary_text
from guestd.load.report.html import report_html
from guestd.load.report.words import what_went_wrong
from guestd.load.results import Reconciled, Summary
from guestd.load.scenario.file import Scenario, ScenarioFile, ThresholdRule
from guestd.load.scenario.steps import EndConversation, Place, Repeat, SayStep

PLACE = Place("parcel.yaml", 7)


def facts(**more) -> RunFacts:
    names = {
        (0, 0): StepName("parcel", "says hello", "parcel.yaml:7"),
        (0, 1): StepName("parcel", "waits for “parcel”"),
        (0, 2): StepName("parcel", "ends"),
    }
    return RunFacts(
        name="Evening peak",
        run_id="r1",
        seed=7,
        started_at=1000,
        ended_at=11_000,
        for_s=10.0,
        scenarios=["parcel", "return"],
        steps=names,
        **more,
    )


def test_ends_that_were_not_confirmed_are_counted_and_told():
    recorder = Recorder()
    for name in ("live", "live", "ended", "unconfirmed_end"):
        recorder.counted(name, 0.5)
    measures = RunMeasures()
    measures.absorb(recorder.partial())
    watch = ThresholdWatch([ThresholdRule("sessions.unconfirmed_end == 0")])

    summary = summary_of(measures, facts(), watch)

    sessions = summary.sessions
    assert (sessions.opened, sessions.ended, sessions.unconfirmed_end) == (2, 1, 1)
    assert [(one.ok, one.value) for one in summary.thresholds] == [(False, 1)]
    told = "the platform did not confirm the end of 1 conversation"
    assert told in what_went_wrong(summary)
    assert "1 ended, 1 unconfirmed, 0 failed" in summary_text(summary, 120, colour=False)
    page = " ".join(report_html(summary).split())
    assert told in page and "1 ended, 1 unconfirmed" in page


def measured() -> RunMeasures:
    merged = RunMeasures()
    for worker in ("a", "b"):
        recorder = Recorder(worker)
        for second in range(10):
            recorder.started(0.0)
            for name in ("live", "sent", "sent", "confirmed", "received", "ended"):
                recorder.counted(name, second + 0.5)
            recorder.measured("echo_latency", 0.1, second + 0.5)
            recorder.measured("first_reply", 2.0, second + 0.5)
            recorder.step_done(0, StepDone(0, 0.1), second + 0.5)
            failure = "no_reply" if second < 3 else ""
            recorder.step_done(0, StepDone(1, 1.0, failure), second + 0.5)
            recorder.sampled(second + 0.9, {"live": second, "waiting": 5}, 0.2, 1.0, 1000)
            recorder.opened(second + 0.9)
            recorder.lag(0.001, second + 0.1)
        recorder.counted("send_failed", 3.0)
        recorder.counted("uncertain", 3.0)
        recorder.counted("failed", 3.0)
        recorder.failure("session", "the platform refused the session", 1)
        recorder.lost_connection("closed", 4.0)
        recorder.restored("closed", 1.5)
        recorder.throttled("connection", "texts", 4.0)
        recorder.throttled("org", "opened sessions", 4.0)
        merged.absorb(recorder.partial())
    return merged


def test_the_counts_and_latencies_are_those_that_were_measured():
    summary = summary_of(measured(), facts())
    assert (summary.name, summary.seed, summary.valid) == ("Evening peak", 7, True)
    sessions, messages = summary.sessions, summary.messages
    assert (sessions.planned, sessions.opened, sessions.ended, sessions.failed) == (20, 20, 20, 2)
    assert sessions.most_at_once == 20
    assert (messages.sent, messages.confirmed, messages.received, messages.failed) == (
        40,
        20,
        20,
        2,
    )
    assert summary.latency_ms.echo == LatencyHistogram.of([0.1] * 20).percentiles()
    assert summary.latency_ms.first_reply.p95 == pytest.approx(2000, rel=1e-3)
    assert summary.latency_ms.restore_time.p95 is None
    assert len(summary.points) == 10


def test_guests_that_were_planned_and_not_started_count_as_planned():
    assert summary_of(measured(), facts(planned=50)).sessions.planned == 50


def test_every_step_of_the_file_has_its_row():
    says, waits, ends = summary_of(measured(), facts()).steps
    assert (says.label, says.place, says.run, says.failed) == ("says hello", "parcel.yaml:7", 20, 0)
    assert (waits.run, waits.failed, waits.failures) == (20, 6, {"no_reply": 6})
    assert waits.took_ms.count == 14
    assert (ends.label, ends.run) == ("ends", 0)


def test_a_step_that_the_file_does_not_have_is_told_by_its_number():
    recorder, merged = Recorder(), RunMeasures()
    recorder.step_done(3, StepDone(4, 1.0, "new_word"), 1.0)
    merged.absorb(recorder.partial())
    summary = summary_of(merged, facts())
    assert [(step.scenario, step.label) for step in summary.steps][-1] == ("", "step 5")
    assert summary.errors[0].what == "step 5: new_word"


def test_a_session_that_was_never_live_is_an_error_and_no_step():
    recorder, merged = Recorder(), RunMeasures()
    recorder.step_done(1, StepDone(OPENING, 1.0, "session_over"), 1.0)
    merged.absorb(recorder.partial())
    summary = summary_of(merged, facts())
    assert [step.run for step in summary.steps] == [0, 0, 0]
    (error,) = summary.errors
    assert error.what == "before the first step: the session had ended"
    assert (error.scenario, error.step) == ("return", OPENING)


def test_errors_are_grouped_and_the_most_frequent_come_first():
    first, second = summary_of(measured(), facts()).errors
    assert (first.what, first.count) == ("waits for “parcel”: no reply as expected in time", 6)
    assert (first.kind, first.scenario, first.step) == ("no_reply", "parcel", 1)
    assert (second.what, second.count) == ("the platform refused the session", 2)
    assert (second.kind, second.scenario, second.step) == ("session", "return", None)


def test_throttling_and_lost_connections_have_their_causes():
    summary = summary_of(measured(), facts())
    assert [(one.bucket, one.used_by, one.count) for one in summary.throttling] == [
        ("connection", "texts", 2),
        ("org", "opened sessions", 2),
    ]
    (lost,) = summary.lost_connections
    assert (lost.cause, lost.count, lost.restore_ms.count) == ("closed", 2, 2)


def test_connections_that_scenarios_drop_are_none_that_are_lost():
    recorder = Recorder()
    for at_s in (1.0, 2.0):
        recorder.lost_connection("reconnect_asked", at_s)
        recorder.restored("reconnect_asked", 0.5)
    recorder.lost_connection("lost", 3.0)
    measures = RunMeasures()
    measures.absorb(recorder.partial())
    rules = [ThresholdRule("lost_connections == 1"), ThresholdRule("dropped_connections == 2")]

    summary = summary_of(measures, facts(), ThresholdWatch(rules))

    assert [(one.cause, one.count) for one in summary.lost_connections] == [("lost", 1)]
    dropped = summary.dropped_connections
    assert (dropped.count, dropped.restore_ms.count) == (2, 2)
    assert sum(point.lost_connections for point in summary.points) == 1
    assert [one.ok for one in summary.thresholds] == [True, True]
    block = summary_text(summary, colour=False)
    assert "2 connections dropped by `drop`, all back within 500 ms" in block
    assert what_went_wrong(summary).endswith("1 connection was lost.")


def test_without_a_record_uncertain_is_what_guests_counted():
    without = summary_of(measured(), facts(), reconciled=Reconciled(why_not="asked not to"))
    assert (without.lost, without.uncertain) == (0, 2)
    assert without.reconciled.why_not == "asked not to"
    findings = RunFindings()
    findings.counts.update(lost=3, doubled=2, reordered=5, uncertain=1)
    found = summary_of(measured(), facts(), findings=findings)
    assert (found.lost, found.doubled, found.reordered, found.uncertain) == (3, 2, 5, 1)


def test_thresholds_are_judged_with_what_was_found():
    watch = ThresholdWatch([ThresholdRule("lost == 0"), ThresholdRule("messages.sent.rate > 3")])
    findings = RunFindings()
    lost, sent = summary_of(measured(), facts(), watch, findings).thresholds
    assert (lost.ok, lost.value) == (True, 0)
    assert (sent.ok, sent.value) == (True, 4)
    (lost, _) = summary_of(measured(), facts(), watch).thresholds
    assert (lost.ok, lost.note) == (False, "not looked for")


def test_it_is_json_with_the_promised_names():
    text = msgspec.json.encode(summary_of(measured(), facts()))
    raw = msgspec.json.decode(text)
    assert raw["sessions"].items() >= {"opened": 20, "ended": 20, "failed": 2}.items()
    assert raw["messages"].items() >= {"sent": 40, "confirmed": 20, "received": 20}.items()
    assert {"lost", "doubled", "reordered", "uncertain", "valid", "thresholds", "seed"} <= {*raw}
    assert {"p50", "p95", "p99"} <= {*raw["latency_ms"]["echo"], *raw["latency_ms"]["first_reply"]}
    assert msgspec.json.decode(text, type=Summary) == summary_of(measured(), facts())


def test_a_run_without_anything_is_a_summary_too():
    summary = summary_of(RunMeasures(), facts())
    assert (summary.valid, summary.points, summary.latency_ms.echo.count) == (True, [], 0)
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


def run_with(seconds: int, cpu_s: float = 0.1, lag_s: float = 0.001, late_s=0.0) -> RunMeasures:
    recorder, merged = Recorder(), RunMeasures()
    for second in range(seconds):
        recorder.sampled(second + 0.5, {}, cpu_s, 1.0, 5)
        recorder.lag(lag_s, second + 0.5)
        recorder.started(late_s)
    merged.absorb(recorder.partial())
    return merged


def test_a_run_whose_client_was_idle_is_valid():
    figures = overhead(run_with(10))
    assert figures.reasons == []
    assert figures.cpu_share == pytest.approx(0.1)
    assert figures.lag_p99_ms == pytest.approx(1.0)
    assert (figures.workers, figures.memory_bytes) == (1, 5)


@pytest.mark.parametrize(
    ("measures", "reason"),
    [
        (run_with(10, cpu_s=0.75), "used 75% of a core in its busiest minute, more than 70%"),
        (run_with(10, lag_s=0.06), "was late by 60 ms (p99), more than 50 ms"),
        (run_with(10, late_s=0.3), "10 of 10 guests were started more than 0.25 s late"),
    ],
)
def test_a_client_that_was_in_the_way_makes_the_run_not_valid(measures, reason):
    (told,) = overhead(measures).reasons
    assert reason in told
    assert summary_of(measures, facts()).valid is False


def test_the_busiest_minute_counts_not_the_whole_run():
    recorder, merged = Recorder(), RunMeasures()
    for second in range(600):
        recorder.sampled(second + 0.5, {}, 0.9 if 200 <= second < 260 else 0.1, 1.0, 5)
    merged.absorb(recorder.partial())
    assert overhead(merged).cpu_share == pytest.approx(0.9)


def test_a_busy_second_alone_is_not_a_busy_minute():
    recorder, merged = Recorder(), RunMeasures()
    for second in range(120):
        recorder.sampled(second + 0.5, {}, 1.0 if second in (0, 119) else 0.1, 1.0, 5)
    merged.absorb(recorder.partial())
    assert overhead(merged).cpu_share == pytest.approx((1.0 + 59 * 0.1) / 60)


def test_the_worst_process_decides():
    merged = RunMeasures()
    for worker, cpu_s in (("a", 0.1), ("b", 0.8)):
        recorder = Recorder(worker)
        recorder.sampled(0.5, {}, cpu_s, 1.0, 5)
        merged.absorb(recorder.partial())
    figures = overhead(merged)
    assert figures.cpu_share == pytest.approx(0.8)
    assert figures.reasons[0].startswith("a process of the load generator used 80%")


def test_steps_are_numbered_depth_first():
    say = SayStep(place=PLACE, label="says", text="hello")
    end = EndConversation(place=PLACE, label="ends")
    repeat = Repeat(place=PLACE, label="three times", steps=(say, say), times=3)
    file = ScenarioFile("parcel.yaml", "", (Scenario("parcel", (say, repeat, end), PLACE),))
    labels = {key: name.label for key, name in step_names(file.scenarios).items()}
    assert list(labels.items()) == [
        ((0, 0), "says"),
        ((0, 1), "three times"),
        ((0, 2), "says"),
        ((0, 3), "says"),
        ((0, 4), "ends"),
    ]
    assert step_names(file.scenarios)[0, 4] == StepName("parcel", "ends", "parcel.yaml:7")


def test_every_failure_of_a_step_has_its_words():
    """As `StepDone` lists them."""
    words = " ".join((StepDone.__doc__ or "").split())
    listed = words.split("stable word (")[1].split(")")[0]
    assert {*listed.split(", ")} == {*FAILURES}
