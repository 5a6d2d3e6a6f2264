"""What reports call a step, where its file gives it no name."""

from __future__ import annotations

import posixpath

from .spreads import duration_text, spread_words
from .steps import (
    AttachFile,
    Choose,
    DropConnection,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    ExpectReply,
    Repeat,
    SayStep,
    SetAttributes,
    Step,
    TalkAsPersona,
    Think,
    TypeFor,
)

#: Half a line of a terminal.
_SHOWN_MAX = 48


def label_of(step: Step) -> str:
    """A short sentence without its subject, the guest: `says "hi"`."""
    match step:
        case SayStep():
            return f"says {_quoted(step.text)}"
        case TypeFor():
            return f"types for {spread_words(step.time)}"
        case Think():
            return f"thinks for {spread_words(step.time)}"
        case ExpectReply():
            return f"waits for {_expected(step)}"
        case Choose():
            return f"picks {_quoted(step.text) if step.text else f'number {step.number}'}"
        case AttachFile():
            return f"attaches {_file(step)}"
        case SetAttributes():
            return f"sets {_shortened(', '.join(step.values))}"
        case _:
            return _other(step)


def _other(step: Step) -> str:
    match step:
        case ExpectJoin():
            who = {"": "anyone", "bot": "a bot", "human": "a human"}[step.who]
            return f"waits for {who} to join"
        case ExpectDisconnect():
            return "waits for the platform to end the conversation"
        case DropConnection():
            return f"{'closes' if step.how == 'close' else 'loses'} the connection"
        case EndConversation():
            return "ends the conversation"
        case Repeat():
            return f"repeats {_rounds(step)}"
        case TalkAsPersona():
            return f"talks as {_quoted(step.goal or step.persona)}"
        case _:
            return ""


def _expected(step: ExpectReply) -> str:
    parts = []
    if step.containing:
        parts.append(_quoted(step.containing))
    if step.matching:
        parts.append(f"a match of {_quoted(step.matching)}")
    if step.structure:
        parts.append(f"a {step.structure.replace('_', ' ')}".replace("a quick", "quick"))
    what = " and ".join(parts) or "a reply"
    return f"{what} of a {step.sender}" if step.sender else what


def _file(step: AttachFile) -> str:
    if step.path:
        return _shortened(step.filename or posixpath.basename(step.path))
    what = step.filename or step.content_type or "a file"
    return f"{_shortened(what)} of {step.size_bytes} bytes"


def _rounds(step: Repeat) -> str:
    parts = []
    if step.times:
        parts.append("once" if step.times == 1 else f"{step.times} times")
    if step.for_s:
        parts.append(f"for {duration_text(step.for_s)}")
    if step.every_s:
        parts.append(f"every {duration_text(step.every_s)}")
    return ", ".join(parts) or "to the end"


def _quoted(text: str) -> str:
    return f'"{_shortened(text)}"'


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_MAX else f"{line[: _SHOWN_MAX - 1]}…"
