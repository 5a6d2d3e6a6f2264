"""Strings that count: "10" comes after "9", "msg-10" after "msg-9" (SOCK-5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(slots=True, frozen=True, order=True)
class NaturalKey:
    """A total order over strings: text parts as text, digit runs as numbers, the string itself as
    the last word."""

    parts: tuple[tuple[int, str], ...]
    text: str

    def follows(self, before: NaturalKey) -> bool:
        """True if this is the very next number after `before`, all else equal."""
        if len(self.parts) != len(before.parts):
            return False
        differing = [
            n
            for n, pair in enumerate(zip(self.parts, before.parts, strict=True))
            if pair[0] != pair[1]
        ]
        if len(differing) != 1 or differing[0] % 2 == 0:
            return False
        place = differing[0]
        return self.parts[place][1] == _one_more(before.parts[place][1])


def _one_more(digits: str) -> str:
    """The next number. As text, because digits may be of any length, and an integer of them is
    not."""
    kept = digits.rstrip("9")
    zeros = "0" * (len(digits) - len(kept))
    return f"{kept[:-1]}{int(kept[-1]) + 1}{zeros}" if kept else f"1{zeros}"


def natural_key(text: str) -> NaturalKey:
    """Split into text (even places) and digit runs (odd places); a digit run sorts by length, then
    digits."""
    parts: list[tuple[int, str]] = []
    for n, part in enumerate(_DIGITS.split(text)):
        if n % 2:
            digits = part.lstrip("0")
            parts.append((len(digits), digits))
        else:
            parts.append((0, part))
    return NaturalKey(tuple(parts), text)
