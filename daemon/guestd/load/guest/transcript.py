"""What a guest saw and did, kept small while it lives: most transcripts are never read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .actions import LineKind, TranscriptLine
from .guest_run import GuestRun

#: As long as a message of the platform may be.
TEXT_CHARS_MAX = 4000

#: Of one line: time, who, text, kind, number of the command or 0, note. Small numbers are shared
#: by the whole process; so a note that is one is the milliseconds until the confirmation.
CELLS = 6

Kind = LineKind


class GuestTranscript:
    """The newest lines: of a conversation that went wrong, the end says more than the beginning.
    A line's place is its number, counted from 0 and also over those that are left out."""

    __slots__ = ("_cells", "_left_out", "_run")

    def __init__(self, run: GuestRun) -> None:
        self._run = run
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
        """Returns the line's place, for `note` and `confirmed`."""
        cells, at_s = self._cells, now - self._run.began_at
        if len(cells) >= self._run.lines_max * CELLS:
            del cells[:CELLS]
            self._left_out += 1
        elif cells and cells[-CELLS] == at_s:
            at_s = cells[-CELLS]  # the same number, not another one like it
        cells += (at_s, who, shortened(text), kind, command, note)
        return self._left_out + len(cells) // CELLS - 1

    def confirmed(self, place: int, after_s: float) -> None:
        self._note(place, round(after_s * 1000))

    def note(self, place: int, note: str) -> None:
        self._note(place, shortened(note))

    def _note(self, place: int, note: str | int) -> None:
        if place >= self._left_out:
            self._cells[(place - self._left_out) * CELLS + CELLS - 1] = note

    def lines(self, command_id: Callable[[int], str]) -> list[TranscriptLine]:
        """`command_id`: of the command of that number."""
        cells = self._cells
        found = [_told(cells[at : at + CELLS], command_id) for at in range(0, len(cells), CELLS)]
        if self._left_out:
            at_s = found[0].at_s if found else 0.0
            found.insert(0, TranscriptLine(at_s, "", f"… {self._left_out} lines before", "step"))
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
