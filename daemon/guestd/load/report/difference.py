"""Where an expected reply and what was said instead begin to differ, in one line.

Only of a reply that is expected by its text: it is laid beside the most alike of what the other
side said after the guest's last message. Where the two have nothing in common there is no line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from ..results import ConversationReport, TranscriptEntry
from ..scenario.steps import CONTENT_TYPES

#: As `guest/matching.py` words it.
_EXPECTED = re.compile(r'a reply containing "(.*)" within [0-9.]+ s', re.DOTALL)
#: Fewer characters in common are chance.
ALIKE_MIN = 6
#: Of each side, around the place.
SHOWN_CHARS = 40
#: Comparing costs the product of both lengths.
COMPARED_CHARS_MAX = 1000
#: Kinds of the transcript's lines that have a text to compare.
_SAID = ("text", *(one for one in CONTENT_TYPES if one != "file"))


def first_difference(one: ConversationReport) -> str:
    """ "" where there is nothing to say."""
    found = _EXPECTED.fullmatch(one.expected)
    if found is None:
        return ""
    expected = found[1][:COMPARED_CHARS_MAX]
    best, least = "", ALIKE_MIN - 1
    for text in _since_the_guest(one.transcript):
        size = _match(expected, text)[2]
        if size > least:
            best, least = text, size
    return _told(expected, best) if best else ""


def _since_the_guest(transcript: Sequence[TranscriptEntry]) -> list[str]:
    said: list[str] = []
    for entry in reversed(transcript):
        if entry.who == "guest":
            break
        if entry.who and entry.kind in _SAID:
            said.append(entry.text[:COMPARED_CHARS_MAX])
    return said


def _match(expected: str, seen: str) -> tuple[int, int, int]:
    folded = (expected.casefold(), seen.casefold())
    if tuple(map(len, folded)) != (len(expected), len(seen)):
        folded = (expected, seen)  # places would not be those of the texts
    found = SequenceMatcher(None, *folded, autojunk=False).find_longest_match()
    return found.a, found.b, found.size


def _told(expected: str, seen: str) -> str:
    at, at_seen, size = _match(expected, seen)
    if at > 0:  # what comes before the common part differs already
        wanted, found = expected[:at], seen[max(0, at_seen - at) : at_seen]
        place = f"before {_quoted(expected[at : at + size])}"
    else:
        wanted, found = expected[size:], seen[at_seen + size :]
        place = f"after {_quoted(expected[:size], from_end=True)}"
    return f"{place}: {_quoted(wanted)} expected, {_quoted(found)} seen"


def _quoted(text: str, from_end: bool = False) -> str:
    if not text:
        return "nothing"
    if len(text) > SHOWN_CHARS:
        text = f"…{text[-SHOWN_CHARS:]}" if from_end else f"{text[:SHOWN_CHARS]}…"
    return f"“{text}”"
