"""A conversation that was held, as the steps of a scenario.

What the guest said is said again, and each answer of the other side's is waited for by that part of
it which is the same the next time: its first line, and of that the longest part without a digit,
since numbers, dates and times change. The file is meant to be read and mended: it says what was
said, in the order in which it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .labels import label_of
from .steps import (
    STRUCTURE_WORDS,
    AttachFile,
    Choose,
    EndConversation,
    ExpectDisconnect,
    ExpectReply,
    Place,
    SayStep,
    Spread,
    Step,
    Think,
)
from .templates import literal

#: A part shorter than this says too little; the whole line is taken, digits and all.
STABLE_CHARS_MIN = 4
#: A shorter pause is the time that sending takes.
PAUSE_S_MIN = 0.2
#: A file whose size is not told.
FILE_BYTES = 1000

Json = Mapping[str, Any]
_PLACE = Place("", 0)
#: A word with a digit in it, and what stands around words.
_CHANGING = re.compile(r"\S*\d\S*")


def recorded_steps(events: Iterable[Json], with_pauses: bool = False) -> tuple[Step, ...]:
    """`events`: messages and presences as the control API tells them, in their order.
    `with_pauses`: the guest thinks as long as it did."""
    found: list[Step] = []
    before_ms = 0
    for event in events:
        at_ms = int(event.get("at") or 0)
        steps = list(_steps_of(event))
        is_guests = event.get("direction") == "Inbound"
        if with_pauses and steps and is_guests and before_ms:
            found += _pause((at_ms - before_ms) / 1000)
        found += steps
        before_ms = at_ms
    return tuple(replace(one, label=label_of(one)) for one in found)


def _pause(for_s: float) -> Iterator[Step]:
    if for_s >= PAUSE_S_MIN:
        yield Think(place=_PLACE, label="", time=Spread("fixed", round(for_s, 1)))


def _steps_of(event: Json) -> Iterator[Step]:
    is_guests = event.get("direction") == "Inbound"
    if event.get("kind") == "message":
        yield from _guests(event) if is_guests else _answers(event)
    elif event.get("kind") == "presence":
        presence = event.get("presence")
        if presence == "Disconnect" and not is_guests:
            yield ExpectDisconnect(place=_PLACE, label="")
        elif presence == "Clear":
            yield EndConversation(place=_PLACE, label="")


def _guests(event: Json) -> Iterator[Step]:
    text = literal(str(event.get("text") or ""))
    content = _content(event)
    files = [one["attachment"] for one in content if isinstance(one.get("attachment"), dict)]
    if any(one.get("contentType") == "ButtonResponse" for one in content):
        yield Choose(place=_PLACE, label="", text=text)
        return
    for number, file in enumerate(files):
        yield AttachFile(
            place=_PLACE,
            label="",
            size_bytes=int(file.get("fileSize") or FILE_BYTES),
            content_type=str(file.get("mime") or ""),
            filename=literal(str(file.get("filename") or "")),
            caption=text if not number else "",
        )
    if not files and text:
        yield SayStep(place=_PLACE, label="", text=text)


def _answers(event: Json) -> Iterator[Step]:
    text = stable_part(str(event.get("text") or ""))
    structure = ""
    if not text:
        kinds = (str(one.get("contentType")) for one in _content(event))
        structure = next((STRUCTURE_WORDS[kind] for kind in kinds if kind in STRUCTURE_WORDS), "")
    yield ExpectReply(place=_PLACE, label="", containing=literal(text), structure=structure)


def stable_part(text: str) -> str:
    """What of an answer is waited for; "" where it has no text."""
    lines = [one.strip() for one in text.splitlines() if one.strip()]
    if not lines:
        return ""
    parts = [one.strip() for one in _CHANGING.split(lines[0])]
    longest = max(parts, key=len)
    return longest if len(longest) >= STABLE_CHARS_MIN else lines[0]


def _content(event: Json) -> list[dict[str, Any]]:
    return [one for one in event.get("content") or () if isinstance(one, dict)]
