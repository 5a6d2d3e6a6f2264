"""`${name}` in a text: what is put in when the guest says it. `$${` is a plain `${`, `$$${` a plain
`$${`, and so on."""

from __future__ import annotations

import re

_TEMPLATE = re.compile(r"\$(?P<plain>\$+\{)|\$\{(?P<name>[^{}]*)\}")

#: Names that every text may use, and what they stand for.
KNOWN_NAMES = {
    "guest.name": "the virtual guest's name in the run, as in reports: parcel-1187",
    "guest.number": "its number in the run, from 1",
    "run.id": "the id of the run",
}


def names_in(text: str) -> list[str]:
    """The names that a text uses, in its order."""
    return list(parts_of(text)[1::2])


def has_empty_name(text: str) -> bool:
    names = (one["name"] for one in _TEMPLATE.finditer(text))
    return any(name is not None and not name.strip() for name in names)


def parts_of(text: str) -> tuple[str, ...]:
    """Text, name, text, name, … and text again: what stands between the names is plain already."""
    parts, behind = [""], 0
    for found in _TEMPLATE.finditer(text):
        parts[-1] += text[behind : found.start()]
        behind = found.end()
        name = (found["name"] or "").strip()
        if name:
            parts += [name, ""]
        else:
            parts[-1] += found["plain"] or found[0]
    parts[-1] += text[behind:]
    return tuple(parts)


def literal(text: str) -> str:
    """A text that is no template, written so that it stays what it is."""
    return re.sub(r"(\$+)\{", r"$\1{", text)
