"""What the daemon says of itself: to /readyz, to /healthz, and in the status line."""

from __future__ import annotations

from typing import Any

from ..model.journal import Commits
from ..supervisor.supervisor import Supervisor
from .deployment_watch import DeploymentWatch
from .journal_watch import JournalWatch
from .status import line_of


class Readiness:
    """`deployment` is None where the platform knows none, or it is not asked yet. `is_leaving` is
    set by who drains."""

    def __init__(
        self,
        fleet: Supervisor,
        journal: Commits,
        journal_watch: JournalWatch,
        emulator_url: str | None,
    ) -> None:
        self._fleet = fleet
        self._journal = journal
        self._journal_watch = journal_watch
        self._emulator_url = emulator_url
        self.deployment: DeploymentWatch | None = None
        self.is_leaving = False

    def readiness(self) -> dict[str, Any]:
        """For /readyz: `reason` is the most urgent thing that keeps new guest sessions out, from a
        closed list of words."""
        reason = self._not_ready_reason()
        found: dict[str, Any] = {"ready": not reason}
        if reason:
            found["reason"] = reason
        if self.deployment is not None:
            found["platform"] = self._platform_trouble() or (
                "reachable" if self.deployment.has_answered else "asked"
            )
        return found

    def figures(self) -> dict[str, bool]:
        """For the metrics: `ready`, `storage_low`, `storage_full`."""
        journal = self._journal
        return {
            "ready": not self._not_ready_reason(),
            "storage_low": journal.storage_low,
            "storage_full": journal.storage_full,
        }

    def health(self) -> dict[str, Any]:
        return {**self.readiness(), "emulator": self._emulator_url, **self._fleet.status()}

    def line(self) -> str:
        """For a person: what is wrong, then the guest sessions; a narrow terminal cuts the end."""
        trouble = self._platform_trouble()
        parts = [
            "the journal's disk does not answer" if self._journal_watch.is_stalled else "",
            f"platform {trouble}" if trouble else "",
            line_of(self._fleet.status()),
        ]
        return " | ".join(filter(None, parts))

    def _platform_trouble(self) -> str:
        """ "" while all is well."""
        if self.deployment is not None and self.deployment.trouble:
            return self.deployment.trouble
        return "unreachable" if self._fleet.is_platform_away() else ""

    def _not_ready_reason(self) -> str:
        if self.is_leaving:
            return "draining"
        if self._journal_watch.is_stalled:
            return "journal_stalled"
        if self._journal.storage_full:
            return "storage_full"
        if self._journal.storage_low:
            return "storage_low"
        if self.deployment is not None and not self.deployment.is_known:
            return "deployment_unknown"
        if self._fleet.is_platform_away():
            return "platform_unreachable"
        return "" if self._fleet.is_ready() else "draining"
