"""What guests do is counted, reported in parts, and comes out the same however it is put together."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.load.guest.actions import StepDone
from guestd.load.measure import partial as wire
from guestd.load.measure.groups import GROUPS_MAX, OTHER
from guestd.load.measure.histogram import LatencyHistogram
from guestd.load.measure.merged import RunMeasures, merge
from guestd.load.measure.partial import Partial
from guestd.load.measure.recorder import SECONDS_MAX, Recorder
from tests.thoroughness import examples

AT = st.integers(0, 3000).map(lambda tenths: tenths / 1.0)
CALLS = st.one_of(
    st.tuples(
        st.just("measured"),
        st.sampled_from(["echo_latency", "first_reply"]),
        st.floats(0, 20),
        AT,
    ),
    st.tuples(st.just("counted"), st.sampled_from(["sent", "confirmed"]), AT),
    st.tuples(
        st.just("step_done"),
        st.integers(0, 1),
        st.builds(StepDone, st.integers(0, 2), st.floats(0, 9), st.sampled_from(["", "no_reply"])),
        AT,
    ),
    st.tuples(st.just("lost_connection"), st.sampled_from(["closed", "silent"]), AT),
    st.tuples(st.just("restored"), st.sampled_from(["closed", "silent"]), st.floats(0, 9)),
    st.tuples(st.just("throttled"), st.sampled_from(["connection", "org"]), st.just("texts"), AT),
    st.tuples(st.just("failure"), st.just("session"), st.sampled_from(["refused", "expired"])),
    st.tuples(st.just("lag"), st.floats(0, 0.2), AT),
    st.tuples(
        st.just("sampled"),
        AT,
        st.fixed_dictionaries({"live": st.integers(0, 9), "opening": st.integers(0, 9)}),
        st.floats(0, 1),
        st.just(1.0),
        st.integers(0, 10**6),
    ),
)


@st.composite
def partials(draw, worker: str) -> Partial:
    recorder = Recorder(worker)
    for name, *arguments in draw(st.lists(CALLS, max_size=15)):
        getattr(recorder, name)(*arguments)
    return recorder.partial()


@settings(max_examples=examples(30))
@given(partials("0"), partials("0"), partials("1"))
def test_parts_may_be_merged_in_any_order(a, b, c):
    whole = merge(merge(a, b), c)
    assert merge(a, merge(b, c)) == whole
    assert merge(c, merge(b, a)) == whole
    assert merge(whole, Partial()) == whole


@settings(max_examples=examples(30))
@given(partials("0"))
def test_what_a_worker_sends_arrives_as_it_was(part):
    assert wire.decode(wire.encode(part)) == part


@settings(max_examples=examples(30))
@given(
    st.lists(CALLS, max_size=30, unique_by=lambda call: call[:2] if "sampled" in call else call),
    st.integers(1, 7),
)
def test_reports_each_second_add_up_to_one_at_the_end(calls, each):
    at_once, now_and_then, merged = Recorder(), Recorder(), RunMeasures()
    for number, (name, *arguments) in enumerate(calls):
        getattr(at_once, name)(*arguments)
        getattr(now_and_then, name)(*arguments)
        if number % each == 0:
            merged.absorb(now_and_then.partial())
    merged.absorb(now_and_then.partial())
    assert merged.partial() == merge(at_once.partial(), Partial())


def test_the_totals_are_those_of_the_whole_run():
    recorder, merged = Recorder(), RunMeasures()
    for second in range(5):
        recorder.counted("sent", second + 0.5)
        recorder.measured("echo_latency", 0.1 * (second + 1), second + 0.6)
        recorder.step_done(0, StepDone(3, 1.0, "no_reply" if second == 4 else ""), second + 0.7)
        merged.absorb(recorder.partial())
    assert (merged.count("sent"), merged.count("ended")) == (5, 0)
    assert merged.measure("echo_latency") == LatencyHistogram.of([0.1, 0.2, 0.3, 0.4, 0.5])
    step = merged.groups.steps[0, 3]
    assert (step.run, step.failed, step.failures, step.took.count) == (5, 1, {"no_reply": 1}, 4)
    assert (merged.count("steps_run"), merged.count("steps_failed")) == (5, 1)


def test_a_step_that_was_cut_short_is_not_counted():
    recorder = Recorder()
    recorder.step_done(0, StepDone(3, 1.0, cut_short=True), 1.0)
    assert recorder.partial().steps == []


def test_a_recorder_that_has_reported_is_empty():
    recorder = Recorder()
    recorder.counted("sent", 1.0)
    assert recorder.partial().rows[0].counts == {"sent": 1}
    assert recorder.partial().rows == []
    recorder.counted("sent", 1.0)
    assert recorder.partial().rows[0].counts == {"sent": 1}


def test_what_comes_late_counts_for_its_own_second():
    recorder = Recorder()
    for at_s in (1.0, 2.0, 1.5):
        recorder.counted("sent", at_s)
    assert [(row.start_s, row.counts["sent"]) for row in recorder.partial().rows] == [
        (1, 2),
        (2, 1),
    ]


def test_without_reports_no_more_than_so_many_seconds_are_kept():
    recorder = Recorder()
    for second in range(SECONDS_MAX + 100):
        recorder.counted("sent", float(second))
    rows = recorder.partial().rows
    assert len(rows) == SECONDS_MAX
    assert rows[-1].counts == {"sent": 101}


def test_groups_beyond_the_bound_are_counted_as_other():
    recorder = Recorder()
    for number in range(GROUPS_MAX + 10):
        recorder.failure("session", f"cause {number}")
        recorder.lost_connection(f"cause {number}", 1.0)
        recorder.throttled(f"bucket {number}", "", 1.0)
    merged = RunMeasures()
    merged.absorb(recorder.partial())
    assert merged.groups.failures[OTHER, OTHER, None] == 10
    assert merged.groups.lost[OTHER].count == 10
    assert merged.groups.throttled[OTHER, ""] == 10
    assert len(merged.groups.failures) == len(merged.groups.lost) == GROUPS_MAX + 1


def test_a_long_run_has_no_more_rows_than_a_short_one():
    recorder, merged = Recorder(), RunMeasures()
    for second in range(2500):
        recorder.counted("sent", float(second))
        recorder.sampled(second + 0.5, {"live": second}, 0.5, 1.0, 1)
        merged.absorb(recorder.partial())
        assert sum(1 for _ in merged.timeline) <= 1024 + 600
    rows = merged.timeline.rows()
    assert {row.length_s for row in rows} == {4}
    assert all(b.start_s - a.start_s == 4 for a, b in pairwise(rows))
    assert sum(row.counts["sent"] for row in rows) == 2500
    assert rows[-1].processes["0"].states == {"live": 2499}
    assert rows[0].processes["0"].cpu_us == 2_000_000


def test_a_start_is_late_only_beyond_what_is_allowed():
    recorder = Recorder()
    for late_s in (-0.1, 0.0, 0.2, 0.3):
        recorder.started(late_s)
    process = recorder.partial().processes["0"]
    assert (process.started, process.late) == (4, 1)


def open_most(recorder: Recorder) -> dict[int, int]:
    return {row.start_s: row.processes["0"].open_most for row in recorder.partial().rows}


def test_the_most_open_sessions_are_counted_at_each_opening_and_end():
    recorder = Recorder()
    for at_s in (0.1, 0.2, 0.3):
        recorder.opened(at_s)
    recorder.ended(0.4)
    recorder.opened(0.5)
    recorder.ended(0.6)
    assert open_most(recorder) == {0: 3}


def test_the_most_open_sessions_of_a_second_may_be_those_of_its_beginning():
    recorder = Recorder()
    recorder.opened(0.5)
    recorder.opened(0.6)
    recorder.sampled(1.5, {"live": 2}, 0, 1, 0)
    assert open_most(recorder) == {0: 2, 1: 2}
    recorder.ended(2.1)
    recorder.ended(2.2)
    recorder.sampled(3.5, {}, 0, 1, 0)
    assert open_most(recorder) == {2: 2, 3: 0}


def test_a_sample_costs_microseconds_of_cpu():
    """0.5 on the machine of `docs/speed.md`; 10,000 messages a second have eight or so each."""
    recorder = Recorder()
    costs = []
    for _ in range(5):
        started = process_time()
        for number in range(1, 2001):
            recorder.measured("echo_latency", 0.001 * number, 7.0)
        costs.append((process_time() - started) / 2000)
    assert min(costs) < 3e-6


@pytest.mark.parametrize("text", [b"", b"[]", b'{"rows": 1}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(msgspec.DecodeError):
        wire.decode(text)
