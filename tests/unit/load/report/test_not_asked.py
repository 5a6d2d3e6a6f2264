"""A load run that passes although steps failed says so, with the threshold that asks about them."""

from __future__ import annotations

import re

import pytest

from guestd.load.guest.actions import OPENING
from guestd.load.report.console_lines import summary_text
from guestd.load.report.html import report_html
from guestd.load.report.junit import junit_xml
from guestd.load.report.not_asked import not_asked, steps_not_asked_about
from guestd.load.report.words import verdict
from guestd.load.results import ErrorGroup, StepFigures, Summary, ThresholdResult

STEPS = [
    StepFigures(scenario="s", step=0, label="says hello", run=9, failed=2),
    StepFigures(scenario="s", step=1, label="waits", run=9, failed=3),
]


def run(*expressions: str, **more) -> Summary:
    met = [ThresholdResult(expression=one, ok=True) for one in expressions]
    return Summary(**({"thresholds": met, "steps": STEPS} | more))


@pytest.mark.parametrize(
    ("expressions", "failed"),
    [
        ([], 5),
        (["echo_latency.p99 < 500ms", 'step["waits"].p95 < 8s'], 5),
        (['step["waits"].failed.rate < 50%'], 2),
        (['step["waits"].failed < 9', 'step["says hello"].failed < 9'], 0),
        (["steps_failed < 9"], 0),
        (["steps_failed.rate < 90%"], 0),
        (["of another version < 1"], 5),
    ],
)
def test_failed_steps_count_that_no_threshold_counts(expressions, failed):
    assert steps_not_asked_about(run(*expressions)) == failed


def test_sessions_that_failed_before_the_first_step_count_too():
    before = ErrorGroup(what="the session had ended", count=4, step=OPENING)
    assert steps_not_asked_about(run(errors=[before], steps=[])) == 4


def test_of_a_functional_run_nothing_is_left_unasked():
    assert not_asked(run(kind="test")) == ""


def test_it_is_said_in_the_last_lines_and_in_the_report():
    told = "5 steps failed; no threshold asks about them"
    summary = run("lost == 0")
    lines = summary_text(summary, 40, colour=False).rstrip().split("\n")
    assert " ".join(lines[-3:-1]) == f"{told}: add"
    assert lines[-1] == '  --threshold "steps_failed == 0"'
    page = re.sub(r"<[^>]+>", "", report_html(summary))
    assert f"{told}: add --threshold &quot;steps_failed == 0&quot;." in page or (
        f'{told}: add --threshold "steps_failed == 0".' in page
    )
    assert told in junit_xml(summary)
    assert (verdict(summary).kind, verdict(summary).words) == ("warn", f"Passed, but {told}")


def test_a_run_in_which_all_is_well_says_nothing_of_it():
    assert "no threshold asks" not in summary_text(run(steps=[]), colour=False)
    assert verdict(run("steps_failed < 9")).words == "Passed"
