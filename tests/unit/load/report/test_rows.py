"""JUnit, CSV and OpenMetrics, read again as their readers do."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as ET

import pytest
from hypothesis import Phase, example, given, settings
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from guestd.load.report.csv_rows import points_csv, steps_csv
from guestd.load.report.junit import junit_xml
from guestd.load.report.openmetrics import openmetrics
from guestd.load.results import Summary
from tests.thoroughness import examples

from . import sample
from .test_html import with_texts
from .test_markup import HOSTILE

#: What Jenkins' junit-10.xsd allows: attributes (with those that must be there), and children.
SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
        {"name", "tests", "failures", "errors"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname"},
        {"name"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}


def read(xml: str) -> ET.Element:
    root = ET.fromstring(xml.encode())
    for element in root.iter():
        attributes, needed, children = SCHEMA[element.tag]
        assert needed <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
    return root


def test_a_functional_run_is_a_suite_per_file_and_a_case_per_conversation():
    root = read(junit_xml(sample.functional(failures=1)))
    assert [one.get("name") for one in root] == ["tests/parcel.yaml", "tests/greeting.yaml"]
    assert (root.get("tests"), root.get("failures")) == ("4", "1")
    case = root.find(".//testcase[failure]")
    assert case.get("name") == "greets 0 [g-0]" and case.get("time") == "1.250"
    failure = case.find("failure")
    assert "expected a reply containing “parcel” within 30 s" in failure.get("message")
    for told in ("tests/parcel.yaml:12", "guest: My order is 99-1187", "Parcel bot: One moment",
        "+5.897 s · closed 1006", "again: guestd load parcel.yaml --seed 7 --only g-0"):  # fmt: skip
        assert told in failure.text


def test_a_failure_says_its_reason_once_and_its_transcript_once():
    case = read(junit_xml(sample.functional(failures=1))).find(".//testcase[failure]")
    failure = case.find("failure")
    assert failure.get("message").count("expected") == 1
    assert "expected a reply" not in failure.text and "seen" not in failure.text
    assert case.find("system-out") is None


def test_a_case_that_was_not_run_is_skipped():
    found = sample.functional(failures=0)
    found.cases[1].outcome = "not run"
    (skipped,) = read(junit_xml(found)).iter("skipped")
    assert skipped.get("message").startswith("not run")


def test_a_load_run_is_its_thresholds_its_validity_and_what_failed():
    root = read(junit_xml(sample.evening_peak()))
    assert [one.get("name") for one in root] == ["thresholds", "load generator", "conversations"]
    failed = [one.get("name") for one in root.findall("testsuite[1]/testcase[failure]")]
    assert failed == ["first_reply.p95 < 8s", "lost == 0"]
    message = root.find("testsuite[1]/testcase/failure").get("message")
    assert "9.3 s" in message and "limit 8 s" in message
    names = [one.get("name") for one in root.findall("testsuite[3]/testcase")]
    assert names == [
        "p-1187 lost", "p-0412 lost", "p-2290 lost", "p-0077 uncertain", "p-0519 failed",
        "117 more conversations: step 3: no reply containing “parcel” in 30 s",
    ]  # fmt: skip


def test_a_run_that_is_not_valid_and_one_that_was_stopped():
    found = sample.evening_peak(stalls=False)
    assert read(junit_xml(found)).get("failures") == "0"
    found.valid, found.overhead.reasons = False, ["CPU 93 %"]
    assert "CPU 93 %" in read(junit_xml(found)).find(".//failure").get("message")
    found.stopped_by = "SIGINT"
    assert read(junit_xml(found)).find(".//skipped").get("message") == "stopped by SIGINT"


@settings(max_examples=examples(25), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@example("\x1f")  # also where a failure has no text of its own
@given(HOSTILE)
def test_any_text_gives_xml_that_can_be_read(small, text):
    read(junit_xml(with_texts(small, text)))
    read(junit_xml(with_texts(sample.functional(), text)))


def test_what_xml_forbids_is_shown():
    found = sample.functional()
    found.cases[0].conversation.transcript[1].text = "a\x00b\x1bc\ufffed"
    text = read(junit_xml(found)).find(".//failure").text
    assert "a‹U+0000›b‹U+001B›c‹U+FFFE›d" in text


def test_many_failures_are_a_file_that_can_be_read():
    found = sample.functional(failures=300, cases=30_000)
    xml = junit_xml(found)
    assert read(xml).get("tests") == "20000"
    assert len(xml) < 60_000_000


def test_points_as_csv():
    run = sample.evening_peak()
    rows = list(csv.DictReader(io.StringIO(points_csv(run))))
    assert len(rows) == len(run.points)
    assert sum(int(row["sent"]) for row in rows) == run.messages.sent
    one, row = run.points[120], rows[120]
    assert float(row["at_s"]) == one.at_s
    assert float(row["echo_p99_ms"]) == pytest.approx(one.echo_ms.p99, rel=1e-5)
    assert int(row["guests_live"]) == one.guests["live"]
    assert float(row["cpu"]) == pytest.approx(one.cpu, rel=1e-5)
    assert rows[0]["first_reply_p50_ms"] == ""


def test_steps_as_csv_compute_nothing():
    run = sample.evening_peak()
    run.steps[0].label = "=cmd|' /C calc'!A0"
    run.steps[1].label = 'says "hello,\nworld"'
    rows = list(csv.DictReader(io.StringIO(steps_csv(run))))
    assert rows[0]["label"].startswith("'=")
    assert rows[1]["label"] == 'says "hello, world"'
    assert rows[2]["failures"] == "no_reply=118" and rows[2]["failed"] == "118"
    assert rows[2]["place"] == "parcel.yaml:18"


def families(summary: Summary):
    return {one.name: one for one in text_string_to_metric_families(openmetrics(summary))}


def test_figures_as_openmetrics():
    run = sample.evening_peak()
    found = families(run)
    assert all(name.startswith("guestd_load_") for name in found)

    def value(family: str, **labels: str) -> float:
        (one,) = [s.value for s in found[family].samples if labels.items() <= s.labels.items()
            and not s.name.endswith(("_count", "_sum"))]  # fmt: skip
        return one

    assert value("guestd_load_sessions", state="opened") == 3000
    assert value("guestd_load_messages", state="sent") == run.messages.sent
    assert value("guestd_load_wrong_messages", kind="lost") == 3
    assert value("guestd_load_latency_seconds", measure="echo", quantile="0.99") == pytest.approx(
        run.latency_ms.echo.p99 / 1000
    )
    assert value("guestd_load_threshold_met", expression="lost == 0") == 0
    assert value("guestd_load_threshold_met", expression="doubled == 0") == 1
    assert value("guestd_load_throttled", bucket="60 requests a minute and connection") == 20
    assert value("guestd_load_memory_bytes") == 71 * 2**20
    assert value("guestd_load_exit_code") == 99
    assert value("guestd_load_valid") == 1


@settings(max_examples=examples(25), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(HOSTILE)
def test_any_text_gives_openmetrics_that_can_be_read(small, text):
    assert families(with_texts(small, text))
    assert families(Summary())
