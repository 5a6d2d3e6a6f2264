"""Guests that are over, each compared with the history that was read before it left."""

from __future__ import annotations

from collections import Counter

from ..measure.reconcile import RunFindings, reconcile, wire_findings
from ..results import Reconciled
from .driver import GuestDriver
from .histories import OVER
from .kept import KEPT_MAX

#: A reason has what the platform answered in it.
REASONS_MAX = 20
OTHER_REASONS = "other reasons"


class ComparedHistories:
    """`started_ms`: the run's start, epoch milliseconds; set it before a guest is added. A history
    is let go when it is compared. Of conversations with findings those of the newest guests are
    listed, as many as are kept."""

    def __init__(self, scenarios: list[str]) -> None:
        self._scenarios = scenarios
        self.started_ms = 0
        self.findings = RunFindings()
        self._not_compared: Counter[str] = Counter()

    def add(self, driver: GuestDriver) -> None:
        log, planned = driver.log, driver.guest.planned
        history, log.history = log.history, None
        view = log.view(planned.name, self._scenarios[planned.scenario], "", history)
        if history is not None:
            found = reconcile(view, history.messages, self.started_ms)
            log.has_findings = bool(found.findings)
            self.findings.add(found, len(history.messages))
        else:
            self.findings.add(wire_findings(view), 0)
            self.findings.conversations -= 1
            if log.has_said:
                self._count(log.not_read or OVER)
        if len(self.findings.listed) > KEPT_MAX:
            del self.findings.listed[0]

    def _count(self, why: str) -> None:
        is_new = why not in self._not_compared and len(self._not_compared) >= REASONS_MAX
        self._not_compared[OTHER_REASONS if is_new else why] += 1

    def reconciled(self) -> Reconciled:
        found = Reconciled(not_compared=dict(self._not_compared.most_common()))
        if self.findings.conversations or not found.not_compared:
            found.by = "history"
            found.messages = self.findings.messages
            found.conversations = self.findings.conversations
        else:
            why = "; ".join(found.not_compared)
            found.why_not = f"no guest's history could be read: {why}"
        return found
