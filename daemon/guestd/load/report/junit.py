"""A run as JUnit XML: of a functional run one suite per file and one case per conversation; of a
load run a suite of its thresholds, of its validity, and of what failed.

Elements and attributes are those that Jenkins' schema (junit-10.xsd) knows, and GitLab, GitHub and
Azure read. Failures have the conversation's transcript; characters that XML forbids are written as
‹U+0000›."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from ..results import CaseResult, ConversationReport, Summary, ThresholdResult
from .chosen import ChosenConversations, chosen
from .not_asked import REMEDY, not_asked
from .texts import count, cut, duration, line, moment, value, visible
from .transcript import conversation_text, reason_of
from .words import failed_first, is_passed, validity, what_went_wrong

#: Of one file; Jenkins reads it into memory.
CASES_MAX = 20_000
#: Of all transcripts; beyond it, failures have only their message.
TEXT_CHARS_MAX = 20_000_000


@dataclass(slots=True)
class JunitCase:
    """`failure`: the message, "" if it passed; `text`: what is below it."""

    name: str
    classname: str
    took_s: float = 0.0
    failure: str = ""
    kind: str = "failure"
    text: str = ""
    output: str = ""
    skipped: str = ""


def junit_xml(summary: Summary) -> str:
    suites = _functional(summary) if summary.kind == "test" else _load(summary)
    root = ET.Element("testsuites", {"name": _attribute(summary.name or "guestd load")})
    free = TEXT_CHARS_MAX
    for name, cases in suites:
        suite, used = _suite(summary, name, cases, free)
        free -= used
        root.append(suite)
    for field in ("tests", "failures", "errors"):
        root.set(field, str(sum(int(suite.get(field, "0")) for suite in root)))
    root.set("time", _seconds((summary.ended_at - summary.started_at) / 1000))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _functional(summary: Summary) -> list[tuple[str, list[JunitCase]]]:
    files: dict[str, list[JunitCase]] = {}
    for case in summary.cases[:CASES_MAX]:
        files.setdefault(case.file or "scenarios", []).append(_case(case))
    if summary.thresholds:
        files["thresholds"] = [_threshold(one, ()) for one in failed_first(summary.thresholds)]
    return list(files.items())


def _case(case: CaseResult) -> JunitCase:
    what = f"{case.scenario}, row {case.row}" if case.row else case.scenario
    found = JunitCase(
        name=f"{what} [{case.guest}]" if case.guest else what,
        classname=case.scenario,
        took_s=case.took_s,
    )
    told = case.conversation
    text = conversation_text(told) if told is not None else ""
    place = f"{line(case.file, 200)}:{case.line}\n" if case.line else ""
    if is_passed(case.outcome):
        found.output = text
    elif case.outcome == "stopped":
        found.skipped, found.output = "the run ended before it was through", text
    elif case.outcome == "not run":
        found.skipped = "not run: the run ended before its turn"
    else:
        found.failure, found.kind = _message(told), told.why if told is not None else "failed"
        found.text = place + text
    return found


def _message(told: ConversationReport | None) -> str:
    if told is None:
        return "failed"
    parts = [f"{name} {text}" if name else text for name, text in reason_of(told)]
    return "; ".join(line(part, 600) for part in parts)


def _load(summary: Summary) -> list[tuple[str, list[JunitCase]]]:
    found = chosen(summary.conversations)
    failed = [one for one in found.told if one.why != "slow"]
    suites = [("thresholds", [_threshold(one, failed) for one in failed_first(summary.thresholds)])]
    suites.append(("load generator", [_validity(summary)]))
    if conversations := _conversations(found):
        suites.append(("conversations", conversations))
    return [(name, cases) for name, cases in suites if cases]


def _threshold(one: ThresholdResult, failed: Sequence[ConversationReport]) -> JunitCase:
    case = JunitCase(name=one.expression, classname="thresholds")
    measured = f"{value(one.value, one.unit)}, limit {value(one.limit, one.unit)}"
    if one.ignored:
        case.skipped = f"ignored: {line(one.note)}"
        return case
    if one.ok:
        case.output = measured
        return case
    case.kind = "threshold"
    case.failure = "; ".join(filter(None, (f"is {measured}", line(one.note))))
    if failed:
        case.text = f"Conversations are in the suite “conversations”: {len(failed)}."
    return case


def _validity(summary: Summary) -> JunitCase:
    lead, why = validity(summary)
    case = JunitCase(name="the load generator was not in its own way", classname="load generator")
    told = f"{lead} {why}"
    if summary.stopped_by:
        case.skipped, case.output = f"stopped by {line(summary.stopped_by, 100)}", told
    elif summary.valid:
        unasked = not_asked(summary)
        advice = f"{unasked}: add --threshold '{REMEDY}'." if unasked else ""
        case.output = " ".join(filter(None, (told, what_went_wrong(summary), advice)))
    else:
        case.failure, case.kind = told, "not valid"
    return case


def _conversations(found: ChosenConversations) -> list[JunitCase]:
    cases = [
        JunitCase(
            name=f"{one.guest} {one.why}",
            classname=one.scenario or "conversations",
            took_s=one.length_s,
            failure=_message(one),
            kind=one.why,
            text=conversation_text(one),
        )
        for one in found.told
        if one.why != "slow"
    ]
    for why, what, number in found.others:
        if why != "slow":
            words = f"{count(number)} more conversations: {what or why}"
            cases.append(JunitCase(words, "conversations", failure=words, kind=why))
    return cases


def _suite(
    summary: Summary, name: str, cases: Sequence[JunitCase], free: int
) -> tuple[ET.Element, int]:
    suite = ET.Element("testsuite", {"name": _attribute(name)})
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(bool(case.failure) for case in cases)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(bool(case.skipped) for case in cases)))
    suite.set("time", _seconds(sum(case.took_s for case in cases)))
    suite.set("timestamp", f"{moment(summary.started_at):%Y-%m-%dT%H:%M:%S}")
    _properties(suite, summary)
    used = 0
    for case in cases:
        used += _add(suite, case, free - used)
    return suite, used


def _properties(suite: ET.Element, summary: Summary) -> None:
    found = summary.environment
    properties = ET.SubElement(suite, "properties")
    for name, told in (
        ("seed", str(summary.seed)),
        ("target", found.target),
        ("scenario.sha256", found.scenario_sha256),
        ("guestd", found.guestd),
        ("command", found.command),
        ("echo.p99", duration(summary.latency_ms.echo.p99)),
        ("first_reply.p95", duration(summary.latency_ms.first_reply.p95)),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": _attribute(told, 4000)})


def _add(suite: ET.Element, case: JunitCase, free: int) -> int:
    element = ET.SubElement(
        suite,
        "testcase",
        {
            "name": _attribute(case.name),
            "classname": _attribute(case.classname),
            "time": _seconds(case.took_s),
        },
    )
    text, output = visible(case.text), visible(case.output)
    if len(text) + len(output) > free:
        text, output = "The transcript is left out: the file would be too large.", ""
    if case.failure:
        message = {"message": _attribute(case.failure, 2000), "type": _attribute(case.kind)}
        ET.SubElement(element, "failure", message).text = text or visible(case.failure)
    if case.skipped:
        ET.SubElement(element, "skipped", {"message": _attribute(case.skipped)})
    if output:
        ET.SubElement(element, "system-out").text = output
    return len(text) + len(output)


def _attribute(text: str, most: int = 500) -> str:
    return visible(cut(text, most))


def _seconds(number: float) -> str:
    return f"{max(number, 0.0):.3f}"
