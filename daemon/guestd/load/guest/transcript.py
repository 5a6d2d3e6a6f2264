"""What a guest saw and did, kept small while it lives: most transcripts are never read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .actions import TranscriptLine

#: A conversation of a load run has tens of lines; a soak of a day at two messages a minute would
#: have 6,000, of which the beginning says enough.
LINES_MAX = 2000

#: As long as a message of the platform may be.
TEXT_CHARS_MAX = 4000

#: Of one line: time, who, text, kind, number of the command or 0, note. Small numbers are shared
#: by the whole process; so a note that is one is the milliseconds until the confirmation.
CELLS = 6

Kind = Literal["text", "choice", "file", "card", "presence", "connection", "step", "persona"]


class GuestTranscript:
    """`run_began_at`: what the lines' times are counted from."""

    __slots__ = ("_cells", "_left_out", "_run_began_at")

    def __init__(self, run_began_at: float) -> None:
        self._run_began_at = run_began_at
        self._cells: list[Any] = []  # each line's six, one after the other: no object per line
        self._left_out = 0

    def add(
        self,
        now: float,
        who: str,
        text: str,
        kind: Kind = "text",
        command: int = 0,
        note: str | None = None,
    ) -> int:
        """Returns the line's place, for `note` and `confirmed`; -1 if there was no room."""
        place = len(self._cells)
        if place >= LINES_MAX * CELLS:
            self._left_out += 1
            return -1
        at_s = now - self._run_began_at
        if place and self._cells[-CELLS] == at_s:
            at_s = self._cells[-CELLS]  # the same number, not another one like it
        self._cells += (at_s, who, shortened(text), kind, command, note)
        return place

    def confirmed(self, place: int, after_s: float) -> None:
        if place >= 0:
            self._cells[place + CELLS - 1] = round(after_s * 1000)

    def note(self, place: int, note: str) -> None:
        if place >= 0:
            self._cells[place + CELLS - 1] = shortened(note)

    def lines(self, command_id: Callable[[int], str]) -> list[TranscriptLine]:
        """`command_id`: of the command of that number."""
        cells = self._cells
        found = [_told(cells[at : at + CELLS], command_id) for at in range(0, len(cells), CELLS)]
        if self._left_out:
            at_s = found[-1].at_s if found else 0.0
            found.append(TranscriptLine(at_s, "", f"… {self._left_out} more lines", "step"))
        return found

    def chat(self, lines_max: int) -> list[tuple[str, str]]:
        """What was said, as (role, text) of a language model that speaks as the guest."""
        said = zip(self._cells[1::CELLS], self._cells[2::CELLS], strict=True)
        told = [
            ("assistant" if who == GUEST else "user", text) for who, text in said if who and text
        ]
        return told[-lines_max:]


#: Who the guest is in its transcript.
GUEST = "guest"


def shortened(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """With a note of how much is left out."""
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}… ({len(text) - chars_max} more characters)"


def _told(cells: list[Any], command_id: Callable[[int], str]) -> TranscriptLine:
    at_s, who, text, kind, command, note = cells
    notes = []
    if isinstance(note, str):
        notes = [note]
    elif note is not None:
        notes = [f"confirmed after {note} ms"]
    return TranscriptLine(at_s, who, text, kind, command_id(command) if command else "", notes)
