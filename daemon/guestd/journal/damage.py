"""Rows that were found damaged in this life: counted, said once each, and never served."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..model.errors import Damaged
from ..observe.log import fields

logger = logging.getLogger("guestd.journal")

#: Damaged rows that are logged one by one; with more, the log says only once that there are more.
LOGGED_MAX = 1000

REMEDY = (
    "run `guestd journal check`; a backup from before can be restored with `guestd journal restore`"
)


@dataclass(slots=True, frozen=True)
class DamagedRow:
    """`number` is the guest session's in the file (None: unknown), `offset` the event's (0: not an
    event)."""

    table: str
    row: object
    number: int | None = None
    session_id: str = ""
    offset: int = 0
    reason: str = "its checksum does not match"

    def __str__(self) -> str:
        whose = f" of session {self.session_id}" if self.session_id else ""
        where = (
            f"event at offset {self.offset}" if self.offset else f"row {self.row!r} of {self.table}"
        )
        return f"{where}{whose}: {self.reason}"


class FoundDamage(Exception):
    """A row on the way to an answer is damaged; what asked for it decides what that means."""

    def __init__(self, row: DamagedRow) -> None:
        super().__init__(str(row))
        self.row = row


class DamageLog:
    """`count` is the number of different rows found, for the metric. `file` is named in the log."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._known: set[tuple[str, object]] = set()
        self.count = 0

    def add(self, row: DamagedRow, what_happens: str) -> None:
        """Count it and say it, unless it is known. `what_happens` is what becomes of it."""
        key = (row.table, row.row)
        if key in self._known:
            return
        self.count += 1
        if len(self._known) < LOGGED_MAX:
            self._known.add(key)
            logger.error(
                "damaged in %s: %s; %s; %s",
                self._file,
                row,
                what_happens,
                REMEDY,
                extra=fields(event="journal_damaged"),
            )
            if len(self._known) == LOGGED_MAX:
                logger.error(
                    "more than %d rows of %s are damaged; no more are logged",
                    LOGGED_MAX,
                    self._file,
                )


def damaged_stream(session_id: str) -> Damaged:
    """What a reader of that stream is told."""
    return Damaged(
        f"the journal's record of guest session {session_id} is damaged and is not shown; {REMEDY}"
    )
