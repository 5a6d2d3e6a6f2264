"""A conversation as plain text, for JUnit and the terminal."""

from __future__ import annotations

from ..results import ConversationReport, FrameEntry, TranscriptEntry
from ..scenario.steps import CONTENT_TYPES
from .difference import first_difference
from .texts import MESSAGE_CHARS_MAX, count, cut, line, since

LINES_MAX = 200
FRAMES_MAX = 60
#: Kinds of lines that are told before their text: what was picked, sent or offered.
IN_BRACKETS = ("choice", *CONTENT_TYPES)
#: Columns of a time: +123.456 s.
_TIME = 10


def reason_of(one: ConversationReport) -> list[tuple[str, str]]:
    """Why it did not pass, as pairs of a name and a text: first, without a name, what failed; then
    what was expected and what was seen, as far as they are known."""
    more = (("expected", one.expected), ("seen", one.seen))
    return [("", line(_headline(one))), *(pair for pair in more if pair[1])]


def _headline(one: ConversationReport) -> str:
    if one.failed_step is None:
        stopped = "the run ended before it was through"
        return one.what or (stopped if one.outcome == "stopped" else one.outcome)
    step = f"step {one.failed_step + 1} " if one.failed_step >= 0 else ""
    if not one.what or one.what.startswith(one.failed_label):
        return f"{step}{one.what or one.failed_label or one.outcome}".rstrip()
    return f"{one.what}; {step}{one.failed_label}: failed"


def transcript_lines(one: ConversationReport) -> list[str]:
    """One line for each entry, more where its text has several: those are indented, so that no text
    can begin a line as another speaker does. Times are since the conversation began. The line of
    the step that failed does not say its reason again."""
    found = []
    entries = one.transcript
    beyond = len(entries) - LINES_MAX
    for n, entry in enumerate(entries):
        if beyond > 0 and LINES_MAX // 4 <= n < LINES_MAX // 4 + beyond:
            if n == LINES_MAX // 4:
                found.append(f"{'…':>{_TIME}}  {count(beyond)} lines are left out")
            continue
        found.append(f"{since(entry.at_s, one.started_s):>{_TIME}}  {_said(entry, one)}")
        found += [f"{'':{_TIME}}  ({line(note)})" for note in entry.notes[:10]]
    return found


def _said(entry: TranscriptEntry, one: ConversationReport) -> str:
    text = _without_reason(entry, one) or cut(entry.text, MESSAGE_CHARS_MAX)
    text = text.replace("\n", f"\n{'':{_TIME + 2}}")
    kind = f"[{line(entry.kind, 20)}] " if entry.kind in IN_BRACKETS else ""
    return f"{line(entry.who, 80)}: {kind}{text}" if entry.who else f"* {text}"


def _without_reason(entry: TranscriptEntry, one: ConversationReport) -> str:
    """Of the line of the step whose failure is the reason; "" of any other."""
    if entry.who or entry.kind != "step" or one.failed_step is None:
        return ""
    words = f"step {one.failed_step + 1} failed" if one.failed_step >= 0 else "opening failed"
    return words if entry.text.startswith(f"{words}:") else ""


def failure_text(one: ConversationReport, place: str = "") -> str:
    """For the terminal: the reason, the transcript, and the command that repeats it. `place`: file
    and line of what failed."""
    told = [f"{name}: {cut(text, 600)}" if name else text for name, text in reason_of(one)]
    told[0] += f"  ({line(place)})" if place and one.failed_step is not None else ""
    if difference := first_difference(one):
        told.append(f"first difference: {difference}")
    told += ["", *transcript_lines(one)]
    if one.command:
        told += ["", f"again: {cut(one.command, 1000)}"]
    return "\n".join(told) + "\n"


def conversation_text(one: ConversationReport) -> str:
    """For JUnit, whose message has the whole reason: what failed in one line, for readers who are
    not shown the message, then transcript, frames, and the command that repeats it."""
    told = [f"guest {line(one.guest, 60)}: {line(_headline(one))}"]
    if one.conversation_id:
        told.append(f"conversation {line(one.conversation_id, 80)}")
    if one.started_s >= 0.05:
        told.append(f"begun {one.started_s:,.1f} s after the run's start")
    if difference := first_difference(one):
        told.append(f"first difference: {difference}")
    if one.alike:
        told.append(f"alike: {count(one.alike)} more")
    told += ["", *transcript_lines(one)]
    if one.frames:
        frames = one.frames[-FRAMES_MAX:]
        told += ["", "frames around it (redacted)", *(_frame(each, one) for each in frames)]
    if one.command:
        told += ["", f"again: {cut(one.command, 1000)}"]
    return "\n".join(told) + "\n"


def _frame(each: FrameEntry, one: ConversationReport) -> str:
    arrow = {"out": "→", "in": "←"}.get(each.direction, "·")
    size = f"  {count(each.size_bytes)} B" if each.size_bytes else ""
    at = since(each.at_s, one.started_s)
    return f"{at:>{_TIME}} {arrow} {line(each.text, 500)}{size}"
