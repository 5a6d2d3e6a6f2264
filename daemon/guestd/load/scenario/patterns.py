"""Regular expressions of a scenario file, made ready for Python's `re`.

They are Python's. Two things are taken as JavaScript has them, for files of the tester: groups are
named `(?<name>…)` and meant again by `\\k<name>`, and in a set a bracket or a doubled sign is only
itself (`[[a]`, `[a--z]`), of which `re` warns that it may mean something else one day."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

from .kinds import WRONG, Json, TextValue
from .reading import FileReading
from .yaml_tree import YamlNode

#: A message is no longer; a longer expression takes seconds to be read.
PATTERN_MAX = 4096

#: Doubled in a set, they may come to mean an operation on sets.
_OF_SETS = "-&~|"


@dataclass(slots=True, frozen=True)
class PatternValue:
    """`group`: it must have one. Values of templates are quoted when put in."""

    words: str = "a regular expression"
    group: bool = False

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        text = TextValue(self.words, template=True).read(node, key, reading)
        if text is WRONG:
            return WRONG
        if len(text) > PATTERN_MAX:
            reading.wrong(node, key, f"is longer than {PATTERN_MAX} signs", "look for less")
            return WRONG
        pattern = as_python(text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                compiled = re.compile(_with_examples(pattern))
        except (re.error, OverflowError, RecursionError, Warning) as bad:
            problem = f"is no regular expression: {str(bad).lower()}"
            reading.wrong(node, key, problem, "see docs.python.org/3/library/re.html")
            return WRONG
        if self.group and not compiled.groups:
            remedy = "put what is to be kept in brackets: order (\\d+)"
            reading.wrong(node, key, "has no group", remedy)
            return WRONG
        return pattern

    def schema(self) -> Json:
        return {"type": "string", "minLength": 1, "maxLength": PATTERN_MAX}


def as_python(pattern: str) -> str:
    """The same for what is as Python has it already."""
    named = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern)
    named = re.sub(r"\\k<([A-Za-z_]\w*)>", r"(?P=\1)", named)
    return _with_plain_sets(named)


def _with_plain_sets(pattern: str) -> str:
    """With brackets and doubled signs in sets escaped."""
    found: list[str] = []
    start: int | None = None  # of the set that we are in, behind its "[" or "[^"
    place = 0
    while place < len(pattern):
        one = pattern[place]
        if one == "\\":
            found.append(pattern[place : place + 2])
            place += 2
            continue
        if start is None and one == "[":
            opening = "[^" if pattern.startswith("[^", place) else "["
            found.append(opening)
            place += len(opening)
            start = place
            continue
        if start is not None and one == "]" and place > start:
            start = None
        elif start is not None and (one == "[" or _is_doubled(pattern, place, start)):
            found.append("\\")
        found.append(one)
        place += 1
    return "".join(found)


def _is_doubled(pattern: str, place: int, start: int) -> bool:
    return pattern[place] in _OF_SETS and place > start and pattern[place - 1] == pattern[place]


def _with_examples(pattern: str) -> str:
    """Templates are put in quoted; any word stands for them here."""
    return re.sub(r"\$\{[^{}]*\}", "x", pattern)
