"""Thresholds are read as k6's users write them, refused with the place, and judged."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.load.guest.actions import StepDone
from guestd.load.measure.figures import FIGURES, STEP_SENTENCE, sentence_of, unit_of
from guestd.load.measure.merged import RunMeasures
from guestd.load.measure.recorder import Recorder
from guestd.load.measure.threshold_expressions import (
    OPERATORS,
    Threshold,
    ThresholdError,
    parse,
)
from guestd.load.measure.thresholds import MeasuredFigures, ThresholdWatch
from guestd.load.scenario.file import ThresholdRule
from tests.thoroughness import examples

LIMITS = st.one_of(
    st.integers(0, 10**6).map(float),
    st.floats(0, 1e6, allow_nan=False),
    st.integers(0, 10_000).map(lambda hundredths: hundredths / 100),
)
PERCENTILES = st.one_of(
    st.sampled_from(["p50", "p95", "p99", "p99.9", "p99.99", "p100"]),
    st.sampled_from(["avg", "min", "max", "count"]),
)


@st.composite
def thresholds(draw) -> Threshold:
    figure = draw(st.sampled_from([*FIGURES, "step"]))
    label = draw(st.text(st.characters(exclude_characters="\"'"))) if figure == "step" else ""
    times = figure == "step" or FIGURES[figure].kind == "times"
    statistic = draw(PERCENTILES if times else st.sampled_from(["count", "rate"]))
    if figure == "step":
        statistic = draw(st.sampled_from([statistic, "failed", "failed.rate"]))
    rate_of = "steps_run" if figure == "step" else FIGURES[figure].rate_of
    return Threshold(
        figure,
        statistic,
        draw(st.sampled_from([*OPERATORS])),
        draw(LIMITS),
        unit_of("times" if times else "count", statistic, rate_of),
        label[:100],
    )


@given(thresholds())
def test_what_is_written_is_read_again_as_it_was(threshold):
    assert parse(str(threshold)) == threshold


@pytest.mark.parametrize(
    ("text", "figure", "statistic", "sign", "limit", "unit"),
    [
        ("echo_latency.p99 < 500ms", "echo_latency", "p99", "<", 500, "ms"),
        ("first_reply.p95 < 8s", "first_reply", "p95", "<", 8000, "ms"),
        ("first_reply.p95<8 s", "first_reply", "p95", "<", 8000, "ms"),
        ("echo_latency.p99.9 <= 1.5s", "echo_latency", "p99.9", "<=", 1500, "ms"),
        ("echo_latency.p(99) < 500", "echo_latency", "p99", "<", 500, "ms"),
        ("echo_latency.p(99.90) < 500", "echo_latency", "p99.9", "<", 500, "ms"),
        ("echo_latency p(95) < 500", "", "", "", 0, ""),
        ("echo_latency.max < 1e3ms", "echo_latency", "max", "<", 1000, "ms"),
        ("echo_latency.avg < 20ms", "echo_latency", "avg", "<", 20, "ms"),
        ("echo_latency.med < 20ms", "echo_latency", "p50", "<", 20, "ms"),
        ("lost == 0", "lost", "count", "==", 0, "count"),
        ("  uncertain <= 5  ", "uncertain", "count", "<=", 5, "count"),
        ("steps_failed.rate < 1%", "steps_failed", "rate", "<", 0.01, "ratio"),
        ("steps_failed.rate < 0.01", "steps_failed", "rate", "<", 0.01, "ratio"),
        ("throttled.count < 20", "throttled", "count", "<", 20, "count"),
        ("sessions.failed == 0", "sessions.failed", "count", "==", 0, "count"),
        ("sessions.failed.rate <= 0.5 %", "sessions.failed", "rate", "<=", 0.005, "ratio"),
        ("messages.sent > 1000", "messages.sent", "count", ">", 1000, "count"),
        ("messages.received.rate > 10", "messages.received", "rate", ">", 10, "per_s"),
        ("messages.failed != 3", "messages.failed", "count", "!=", 3, "count"),
        ('step["waits for parcel"].p95 < 9s', "step", "p95", "<", 9000, "ms"),
        ("step['says \"hello\"'].failed.rate < 1%", "step", "failed.rate", "<", 0.01, "ratio"),
        ("step[ 'x' ].failed == 0", "step", "failed", "==", 0, "count"),
    ],
)
def test_expressions_mean_what_they_say(text, figure, statistic, sign, limit, unit):
    if not figure:
        with pytest.raises(ThresholdError):
            parse(text)
        return
    found = parse(text)
    assert (found.figure, found.statistic, found.operator) == (figure, statistic, sign)
    assert (found.limit, found.unit) == (pytest.approx(limit), unit)


@pytest.mark.parametrize(
    ("text", "position", "what"),
    [
        ("", 1, "a figure is wanted"),
        ("echo_latncy.p99 < 500ms", 1, 'did you mean "echo_latency"'),
        ("message.sent > 3", 1, 'did you mean "messages.sent"'),
        ("messages > 3", 1, "messages.sent, messages.confirmed"),
        ("sessions.lost > 3", 1, 'did you mean "sessions.'),
        ("qqq < 3", 1, "there are session_time"),
        ("echo_latency < 500ms", 13, "needs a statistic"),
        ("echo_latency.p990 < 1s", 14, 'no statistic "p990"'),
        ("echo_latency.avgs < 1s", 14, 'did you mean "avg"'),
        ("lost.p99 < 1", 6, "it has count and rate"),
        ("lost = 0", 6, 'is wanted, not "="'),
        ("lost => 0", 6, 'is wanted, not "=>"'),
        ("lost", 5, "is wanted"),
        ("lost < ", 8, "a limit is wanted"),
        ("lost < -1", 8, "a limit is wanted"),
        ("lost < 3ms", 9, 'the unit "ms" does not fit: none'),
        ("messages.received.rate > 10%", 28, 'the unit "%" does not fit: none'),
        ("echo_latency.p99 < 3 min", 22, 'the unit "min" does not fit: ms or s'),
        ("steps_failed.rate < 3ms", 22, "% or none"),
        ("lost < 3 and doubled < 3", 14, "nothing more is wanted"),
        ("lost < 1e999", 8, "too large"),
        ('step["x"] < 3', 10, "a step needs a statistic"),
        ('step["x"].p95x < 3', 11, 'no statistic "p95x"'),
        ('step["waits for parcle"].p95 < 9s', 1, 'did you mean "waits for parcel"'),
        ('step["zzz"].p95 < 9s', 1, "other labels"),
        ("x" * 301, 1, "longer than 300"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(text, position, what):
    with pytest.raises(ThresholdError) as refused:
        parse(text, ["waits for parcel", "x", "says hello"])
    assert what in str(refused.value)
    assert refused.value.position == position


@settings(max_examples=examples(50))
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(ThresholdError):
        assert parse(str(parse(text))) == parse(text)


def figures(found=None, for_s=100.0) -> MeasuredFigures:
    recorder, merged = Recorder(), RunMeasures()
    for number in range(100):
        recorder.measured("echo_latency", (number + 1) / 1000, 1.0)
        recorder.counted("sent", 1.0)
        recorder.started(0.0)
        failure = "no_reply" if number < 3 else ""
        recorder.step_done(number % 2, StepDone(0, 2.0, failure), 1.0)
    for _ in range(40):
        recorder.counted("received", 2.0)
    recorder.counted("failed", 2.0)
    recorder.throttled("connection", "texts", 2.0)
    merged.absorb(recorder.partial())
    labels = {(0, 0): "greets", (1, 0): "asks"}
    return MeasuredFigures(merged, labels, for_s, found or {})


@pytest.mark.parametrize(
    ("left", "value"),
    [
        ("echo_latency.p95", 95),
        ("echo_latency.min", 1),
        ("echo_latency.max", 100),
        ("echo_latency.avg", 50.5),
        ("echo_latency.count", 100),
        ("first_reply.count", 0),
        ("first_reply.p95", None),
        ("messages.sent", 100),
        ("messages.received.rate", 0.4),
        ("messages.failed.rate", 0),
        ("sessions.planned", 100),
        ("sessions.failed.rate", 0.01),
        ("sessions.opened", 0),
        ("steps_failed", 3),
        ("steps_failed.rate", 0.03),
        ("throttled", 1),
        ("lost", None),
        ("lost.rate", None),
        ('step["greets"].failed', 2),
        ('step["greets"].failed.rate', 0.04),
        ('step["asks"].p95', 2000),
        ('step["other"].p95', None),
        ('step["other"].failed', 0),
        ('step["other"].failed.rate', None),
    ],
)
def test_a_figure_has_its_value(left, value):
    found = figures().value(parse(f"{left} < 1"))
    assert found == (None if value is None else pytest.approx(value, rel=2e-3))


@pytest.mark.parametrize("name", [name for name in FIGURES if FIGURES[name].kind == "count"])
def test_every_count_has_a_value_from_the_beginning_or_at_the_end(name):
    nothing = MeasuredFigures(RunMeasures(), {}, 0.0)
    assert nothing.value(parse(f"{name} == 0")) == (None if FIGURES[name].at_end else 0)
    assert nothing.value(parse(f"{name}.rate < 1")) is None


def judged(*rules: ThresholdRule, found=None) -> list:
    return ThresholdWatch(rules).results(figures(found))


def test_at_the_end_each_has_its_verdict_and_value():
    expressions = ["echo_latency.p99 < 50ms", "lost == 0", "messages.sent > 99", "lost > 0"]
    results = judged(*map(ThresholdRule, expressions), found={"lost": 0})
    assert [result.ok for result in results] == [False, True, True, False]
    assert [result.value for result in results] == [pytest.approx(99, rel=1e-3), 0, 100, 0]
    assert [(result.limit, result.unit) for result in results][:2] == [(50, "ms"), (0, "count")]
    assert results[0].note == "50 of 100 took longer"
    assert [result.expression for result in results] == expressions


def test_where_nothing_was_measured_a_threshold_is_not_met():
    first_reply, lost, received = judged(
        ThresholdRule("first_reply.p95 < 8s"),
        ThresholdRule("lost == 0"),
        ThresholdRule("throttled < 2"),
    )
    assert (first_reply.ok, first_reply.value) == (False, None)
    assert first_reply.note == "nothing was measured"
    assert (lost.ok, lost.value, lost.note) == (False, None, "not looked for")
    assert (received.ok, received.value) == (True, 1)


def later(for_s: float) -> MeasuredFigures:
    return figures(for_s=for_s)


def test_a_run_ends_by_a_threshold_only_where_that_is_wanted_and_the_time_is_over():
    wanted = ThresholdRule("echo_latency.p95 < 50ms", abort=True, abort_after_s=30)
    watch = ThresholdWatch([ThresholdRule("echo_latency.p95 < 40ms"), wanted])
    assert watch.look(later(10)) is None
    assert watch.look(later(31)) is wanted
    first, second = watch.results(figures())
    assert (first.aborted, second.aborted) == (False, True)
    assert second.note == "from 0:10 on; 50 of 100 took longer; the run was ended by it"


def test_nothing_measured_yet_ends_no_run():
    rules = [
        ThresholdRule("first_reply.p95 < 50ms", abort=True),
        ThresholdRule('step["other"].failed.rate < 1%', abort=True),
    ]
    assert ThresholdWatch(rules).look(later(10)) is None


def test_the_note_tells_from_when_it_was_not_met():
    watch = ThresholdWatch([ThresholdRule("messages.received.rate > 0.5")])
    assert watch.look(later(75)) is None  # 0.53 per second
    watch.look(later(81))
    watch.look(later(99))
    (result,) = watch.results(figures(for_s=100))
    assert (result.ok, result.note) == (False, "")
    over = ThresholdWatch([ThresholdRule("messages.received.rate < 0.45")])
    over.look(later(80))
    over.look(later(90))
    (result,) = over.results(figures(for_s=100))
    assert (result.ok, result.note) == (True, "not met until 1:30")
    stays = ThresholdWatch([ThresholdRule("messages.sent < 100")])
    stays.look(later(354))
    (result,) = stays.results(figures(for_s=400))
    assert result.note == "from 5:54 on"


def test_what_only_the_end_tells_cannot_end_a_run():
    with pytest.raises(ThresholdError, match="when the run is over"):
        ThresholdWatch([ThresholdRule("lost == 0", abort=True)])


def test_a_label_that_the_file_does_not_have_is_refused():
    rules = [ThresholdRule('step["grets"].p95 < 1s')]
    with pytest.raises(ThresholdError, match='did you mean "greets"'):
        ThresholdWatch(rules, ["greets", "asks"])


@pytest.mark.parametrize("value", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("sign", OPERATORS)
def test_operators_are_those_of_arithmetic(sign, value):
    assert parse(f"lost {sign} 2").holds(value) is eval(f"{value} {sign} 2")


@pytest.mark.parametrize(
    ("expression", "about"),
    [
        ("lost == 0", "messages of either side that never arrived"),
        ("lost_connections<3", "connections lost, but not by the scenario's own `drop`"),
        (" echo_latency.p99 < 100ms", "from when a message was due to be sent to its confirmation"),
        ("messages.failed.rate < 0.01", "messages that were refused or not sent"),
        ('step["Talk: waits"].p95 < 2s', STEP_SENTENCE),
        ("nothing of ours", ""),
    ],
)
def test_a_threshold_says_what_its_figure_is_about(expression, about):
    assert sentence_of(expression) == about


def test_the_same_threshold_of_the_file_and_of_the_command_line_is_judged_once():
    rules = [
        ThresholdRule("messages.sent < 100"),
        ThresholdRule("messages.sent.count<100", abort=True),
        ThresholdRule("messages.sent < 100"),
        ThresholdRule("messages.sent < 101"),
    ]
    watch = ThresholdWatch(rules)
    told = [one.expression for one in watch.results(figures({}))]
    assert told == ["messages.sent.count<100", "messages.sent < 101"]
