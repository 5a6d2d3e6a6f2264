"""What a guest saw and did, kept small while it lives: most transcripts are never read."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .actions import TranscriptLine

#: A conversation of a load run has tens of lines; a soak of a day at two messages a minute would
#: have 6,000, of which the beginning says enough.
LINES_MAX = 2000

#: As long as a message of the platform may be.
TEXT_CHARS_MAX = 4000

Kind = Literal["text", "choice", "file", "card", "presence", "connection", "step", "persona"]


class _Line(NamedTuple):
    at_s: float
    who: str
    text: str
    kind: Kind
    command_id: str
    note: str | float | None


class GuestTranscript:
    """`run_began_at`: what the lines' times are counted from. The last line stays for how it ended
    (`close`), however many there were."""

    __slots__ = ("_left_out", "_lines", "_run_began_at")

    def __init__(self, run_began_at: float) -> None:
        self._run_began_at = run_began_at
        self._lines: list[_Line] = []
        self._left_out = 0

    def add(
        self,
        now: float,
        who: str,
        text: str,
        kind: Kind = "text",
        command_id: str = "",
        note: str | None = None,
    ) -> int:
        """Returns the line's place, for `note`; -1 if there was no room."""
        if len(self._lines) >= LINES_MAX:
            self._left_out += 1
            return -1
        at_s = now - self._run_began_at
        self._lines.append(_Line(at_s, who, shortened(text), kind, command_id, note))
        return len(self._lines) - 1

    def confirmed(self, place: int, after_s: float) -> None:
        if place >= 0:
            self._lines[place] = self._lines[place]._replace(note=after_s)

    def note(self, place: int, note: str) -> None:
        if place >= 0:
            self._lines[place] = self._lines[place]._replace(note=shortened(note))

    def lines(self) -> list[TranscriptLine]:
        found = [_told(line) for line in self._lines]
        if self._left_out:
            at_s = found[-1].at_s if found else 0.0
            found.append(TranscriptLine(at_s, "", f"… {self._left_out} more lines", "step"))
        return found

    def chat(self, lines_max: int) -> list[tuple[str, str]]:
        """What was said, as (role, text) of a language model that speaks as the guest."""
        said = [line for line in self._lines if line.who and line.text]
        return [
            ("assistant" if line.who == GUEST else "user", line.text) for line in said[-lines_max:]
        ]


#: Who the guest is in its transcript.
GUEST = "guest"


def shortened(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """With a note of how much is left out."""
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}… ({len(text) - chars_max} more characters)"


def _told(line: _Line) -> TranscriptLine:
    notes = []
    if isinstance(line.note, str):
        notes = [line.note]
    elif line.note is not None:
        notes = [f"confirmed after {line.note * 1000:.0f} ms"]
    return TranscriptLine(line.at_s, line.who, line.text, line.kind, line.command_id, notes)
