"""A conversation as plain text, for JUnit and the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import ConversationReport, FrameEntry, TranscriptEntry
from .difference import first_difference
from .texts import MESSAGE_CHARS_MAX, clock, count, cut, line

LINES_MAX = 200
FRAMES_MAX = 60


def transcript_lines(entries: Sequence[TranscriptEntry]) -> list[str]:
    """One line for each entry, more where its text has several: those are indented, so that no text
    can begin a line as another speaker does."""
    found = []
    beyond = len(entries) - LINES_MAX
    for n, entry in enumerate(entries):
        if beyond > 0 and LINES_MAX // 4 <= n < LINES_MAX // 4 + beyond:
            if n == LINES_MAX // 4:
                found.append(f"     …  {count(beyond)} lines are left out")
            continue
        found.append(f"{clock(entry.at_s, 1):>8}  {_said(entry)}")
        found += [f"{'':8}  ({line(note)})" for note in entry.notes[:10]]
    return found


def _said(entry: TranscriptEntry) -> str:
    text = cut(entry.text, MESSAGE_CHARS_MAX).replace("\n", f"\n{'':10}")
    kind = f"[{line(entry.kind, 20)}] " if entry.kind in ("choice", "file", "card") else ""
    return f"{line(entry.who, 80)}: {kind}{text}" if entry.who else f"* {text}"


def conversation_text(one: ConversationReport) -> str:
    """All of it: what failed, what was expected and seen, transcript, frames, the command."""
    told = [f"{line(one.scenario, 160)}, guest {line(one.guest, 60)}: {line(one.outcome, 40)}"]
    if one.conversation_id:
        told.append(f"conversation {line(one.conversation_id, 80)}")
    if one.what:
        told.append(line(one.what))
    if one.failed_step is not None:
        told.append(f"failed: step {one.failed_step + 1} {line(one.failed_label, 160)}")
    told += [
        f"{name}: {cut(text, 600)}"
        for name, text in (
            ("expected", one.expected),
            ("seen", one.seen),
            ("first difference", first_difference(one)),
        )
        if text
    ]
    if one.alike:
        told.append(f"alike: {count(one.alike)} more")
    told += ["", *transcript_lines(one.transcript)]
    if one.frames:
        told += ["", "frames around it (redacted)", *map(_frame, one.frames[-FRAMES_MAX:])]
    if one.command:
        told += ["", f"again: {cut(one.command, 1000)}"]
    return "\n".join(told) + "\n"


def _frame(one: FrameEntry) -> str:
    arrow = {"out": "→", "in": "←"}.get(one.direction, "·")
    size = f"  {count(one.size_bytes)} B" if one.size_bytes else ""
    return f"{clock(one.at_s, 3):>10} {arrow} {line(one.text, 500)}{size}"
