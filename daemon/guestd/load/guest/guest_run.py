"""What all guests of a run share."""

from __future__ import annotations

from dataclasses import dataclass

from ...model.instants import NEVER

#: A conversation of a load run has tens of lines; a soak of a day at two messages a minute would
#: have 6,000, of which the newest say enough.
TRANSCRIPT_LINES_MAX = 2000


@dataclass(slots=True, frozen=True)
class GuestRun:
    """`began_at` is on the guests' clock: transcripts count from it. `lines_max`: of a transcript;
    a line costs about 100 bytes and its text. `open_within_s`: a guest whose session is not open so
    long after it was begun has failed."""

    run_id: str
    began_at: float = 0.0
    lines_max: int = TRANSCRIPT_LINES_MAX
    open_within_s: float = NEVER
