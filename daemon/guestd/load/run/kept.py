"""Conversations that are over, kept until the end of the run: for the comparison with the
platform's record, and for the report."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ..guest.actions import StepDone, TranscriptLine
from ..measure.reconcile import ConversationFindings, GuestView, RunFindings
from ..measure.summary import FAILURES, StepName
from ..results import CaseResult, ConversationReport, TranscriptEntry
from .driver import GuestDriver
from .guest_frames import GuestFrames

#: A guest costs some kilobytes with its transcript, so more than these are let go, oldest first.
KEPT_MAX = 30_000
#: In full of each kind of failure; the others are counted.
ALIKE_TOLD = 5
SLOWEST_TOLD = 10


class KeptConversations:
    """`steps`: names by scenario and step. `command`: repeats one guest, by its name.
    `conversation_ids`: the platform's, by guest session, as far as its record was read. `frames`:
    of the conversations that are told, if they are kept."""

    def __init__(
        self, scenarios: list[str], steps: dict[tuple[int, int], StepName], command: str
    ) -> None:
        self._scenarios, self._steps, self._command = scenarios, steps, command
        self._kept: deque[GuestDriver] = deque(maxlen=KEPT_MAX)
        self.conversation_ids: dict[str, str] = {}
        self.frames: GuestFrames | None = None
        self.let_go = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, driver: GuestDriver) -> None:
        self.let_go += len(self._kept) == KEPT_MAX
        self._kept.append(driver)

    def views(self) -> Iterator[GuestView]:
        for one in self._kept:
            yield one.log.view(one.guest.planned.name, self._scenario(one), one.session_id)

    # ------------------------------------------------------------------ reports

    def reports(self, findings: RunFindings | None) -> list[ConversationReport]:
        """Every one with a finding, some of each failure, and the slowest."""
        by_name = {one.guest.planned.name: one for one in self._kept}
        found = [
            self._with_findings(by_name[one.guest], one)
            for one in (findings.listed if findings else ())
            if one.guest in by_name
        ]
        told = {one.guest for one in found}
        failures = [one for one in self._kept if one.guest.planned.name not in told]
        return [*found, *self._failed(failures), *self._slowest()]

    def cases(self) -> list[CaseResult]:
        """All of a functional run, in the order of the plan."""
        ordered = sorted(self._kept, key=lambda one: one.guest.planned.number)
        return [self.case(one) for one in ordered]

    def case(self, one: GuestDriver) -> CaseResult:
        """Of one guest that is done; the conversation's id only once the record was read."""
        failed = one.guest.failed
        place = self._steps.get((one.guest.planned.scenario, failed.step if failed else 0))
        file, _, line = place.place.rpartition(":") if place is not None else ("", "", "")
        outcome = one.guest.outcome or "stopped"
        row, rows = one.guest.row
        return CaseResult(
            scenario=self._scenario(one),
            guest=one.guest.planned.name,
            outcome=outcome,
            took_s=one.took_s,
            file=file,
            line=int(line or 0),
            row=row,
            rows=rows,
            conversation=self._report(one, "failed" if outcome != "passed" else ""),
        )

    def _failed(self, drivers: Iterable[GuestDriver]) -> Iterator[ConversationReport]:
        groups: dict[tuple[int, int, str], list[GuestDriver]] = {}
        for one in drivers:
            failed = one.guest.failed
            if failed is not None:
                key = one.guest.planned.scenario, failed.step, failed.failure
                groups.setdefault(key, []).append(one)
        for alike in groups.values():
            for number, one in enumerate(alike[:ALIKE_TOLD]):
                report = self._report(one, "failed")
                report.alike = len(alike) - ALIKE_TOLD if number == ALIKE_TOLD - 1 else 0
                report.alike = max(0, report.alike)
                yield report

    def _slowest(self) -> Iterator[ConversationReport]:
        slowest = sorted(self._kept, key=lambda one: -one.slowest_s)[:SLOWEST_TOLD]
        for one in slowest:
            if one.slowest_s > 0 and one.guest.failed is None:
                report = self._report(one, "slow")
                report.what = f"{one.slowest_what} after {one.slowest_s * 1000:,.0f} ms"
                yield report

    def _with_findings(self, one: GuestDriver, found: ConversationFindings) -> ConversationReport:
        report = self._report(one, found.why or "lost")
        report.what = "; ".join(finding.what for finding in found.findings[:3])
        lines = [*report.transcript, *found.entries()]
        report.transcript = sorted(lines, key=lambda line: line.at_s)
        return report

    def _report(self, one: GuestDriver, why: str) -> ConversationReport:
        planned, failed = one.guest.planned, one.guest.failed
        report = ConversationReport(
            guest=planned.name,
            scenario=self._scenario(one),
            why=why,
            outcome=one.guest.outcome or "stopped",
            conversation_id=self.conversation_ids.get(one.session_id, ""),
            started_s=one.started_s,
            length_s=one.took_s,
            transcript=[_entry(line) for line in one.guest.transcript],
            command=self._command_of(planned.name),
        )
        if failed is not None:
            self._tell_failure(report, planned.scenario, failed)
        if self.frames is not None:
            report.frames, report.frames_left_out = self.frames.of(planned.number)
        return report

    def _command_of(self, guest: str) -> str:
        """Of a run that is of one guest already, the run's own."""
        is_its_own = " --only" in self._command
        return self._command if is_its_own else f"{self._command} --only {guest}"

    def _tell_failure(self, report: ConversationReport, scenario: int, failed: StepDone) -> None:
        name = self._steps.get((scenario, failed.step))
        report.failed_step = failed.step
        report.failed_label = name.label if name is not None else "before the first step"
        report.expected, report.seen = failed.expected, failed.seen
        words = FAILURES.get(failed.failure, failed.failure)
        report.what = report.what or f"{report.failed_label}: {words}"

    def _scenario(self, one: GuestDriver) -> str:
        return self._scenarios[one.guest.planned.scenario]


def _entry(line: TranscriptLine) -> TranscriptEntry:
    return TranscriptEntry(
        at_s=line.at_s, who=line.who, text=line.text, kind=line.kind, notes=line.notes
    )
