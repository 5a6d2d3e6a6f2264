"""What `guestd test` says of its scenarios: each as soon as it and those before it are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from ...load.report.texts import some, value
from ...load.report.transcript import failure_text
from ...load.results import CaseResult, Summary, ThresholdResult
from ...load.scenario.file import ScenarioFile
from ...observe.terminal_text import one_line
from .cases_not_run import NOT_RUN
from .said import note, say
from .session import STOPPED_BY_RAILS

WORDS = {"passed": "PASS", "failed": "FAIL", NOT_RUN: "SKIP"}


class ToldFile(msgspec.Struct, kw_only=True):
    """The scenarios of one file, in its order. `first`: the number of the first guest. `tell_ids`:
    say the id of each conversation, which is known when the file is through; so all is said then.
    `is_silent`: a program reads the results."""

    file: ScenarioFile
    failures_only: bool = False
    tell_ids: bool = False
    is_silent: bool = False
    first: int = 0
    _early: dict[int, CaseResult] = {}
    _said: int = 0

    def over(self, number: int, case: CaseResult) -> None:
        """The guest of this number is done. Those before it may still be under way."""
        if self.is_silent or self.tell_ids:
            return
        self._early[number] = case
        while (found := self._early.pop(self.first + self._said, None)) is not None:
            self._case(found)

    def rest(self, cases: Sequence[CaseResult]) -> None:
        """All of the file are known; those that were not said yet are."""
        for case in () if self.is_silent else cases[self._said :]:
            self._case(case)

    def judged(self, summary: Summary) -> None:
        """The file is through."""
        if self.is_silent:
            return
        for threshold in summary.thresholds:
            self._threshold(threshold)
        if summary.exit_code == STOPPED_BY_RAILS:
            tell_note(f"{self.file.path}: stopped by its {summary.stopped_by}")

    def _case(self, case: CaseResult) -> None:
        self._said += 1
        if self.failures_only and case.outcome == "passed":
            return
        told = case.conversation
        took = NOT_RUN if case.outcome == NOT_RUN else f"{case.took_s:.1f} s"
        known = (told.conversation_id if told is not None else "") or "conversation id not known"
        beside = f"  {known}" if self.tell_ids else ""
        word = WORDS.get(case.outcome, "STOP")
        row = f", row {case.row} of {case.rows}" if case.row else ""
        say(one_line(f"{word}  {case.scenario}{row}  ({took})  {self.file.path}{beside}"))
        if case.outcome != "passed" and told is not None:
            place = f"{case.file}:{case.line}" if case.line else ""
            say(_indented(failure_text(told, place)))

    def _threshold(self, one: ThresholdResult) -> None:
        path = self.file.path
        if one.ignored:
            tell_note(f"{path}: the threshold {one.expression} is ignored: {one.note}")
        elif not one.ok or not self.failures_only:
            found = value(one.value, one.unit) if one.value is not None else one.note
            told = f"{one.expression}  ({found})  {path}"
            say(one_line(f"threshold {'met' if one.ok else 'failed'}: {told}"))


def tell_note(text: str) -> None:
    note(f"guestd: note: {one_line(text)}")


def _indented(text: str) -> str:
    return "\n".join(f"      {line}".rstrip() for line in text.splitlines())


def counts(summary: Summary) -> str:
    by = Counter(case.outcome for case in summary.cases)
    stopped = "".join(f", {by[one]} {one}" for one in ("stopped", NOT_RUN) if by[one])
    failed = sum(not one.ok for one in summary.thresholds)
    thresholds = f"; {some(failed, 'threshold')} failed" if failed else ""
    return f"{by['passed']} passed, {by['failed']} failed{stopped}{thresholds}"


def results_json(summary: Summary) -> str:
    told = {
        "cases": summary.cases,
        "thresholds": summary.thresholds,
        "passed": summary.exit_code == 0,
    }
    return msgspec.json.encode(told).decode()
