"""The audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from ..model.settings import Doc, SecondsOrZero


@dataclass(slots=True, frozen=True)
class AuditSettings:
    """The audit log: where it is, what it holds, how long it is kept."""

    directory: Annotated[
        str | None,
        Doc(
            "Where the audit's files are; beside the journal (its directory, then"
            " audit/) if left out, and none at all if the journal is in memory.",
            example="/var/lib/guestd/audit",
        ),
    ] = None
    bodies: Annotated[
        bool, Doc("true keeps texts as they are; otherwise their SHA-256 and length.")
    ] = False
    file_bytes_max: Annotated[
        int, Ge(65_536), Doc("A new file begins every day (UTC) and at this size.")
    ] = 67_108_864
    retention_days: Annotated[
        int,
        Ge(1),
        Le(36_500),
        Doc("Files are deleted whole when their last line is older than this."),
    ] = 90
    bytes_max: Annotated[
        int,
        Ge(131_072),
        Doc(
            "All files together. Beyond it the oldest are deleted before their time, with a"
            " warning in the log, a line in the audit and a count in the metrics: an audit "
            "that fills the disk would stop the journal. 24 GiB are 90 days at a tenth of "
            "the highest load that was measured."
        ),
    ] = 25_769_803_776
    linger_s: Annotated[
        SecondsOrZero,
        Doc("How long lines are gathered before they are written and synced together."),
    ] = 0.25
