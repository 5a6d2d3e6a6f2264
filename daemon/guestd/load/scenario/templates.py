"""`${name}` in a text: what is put in when the guest says it. `$${` is a plain `${`, `$$${` a plain
`$${`, and so on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_TEMPLATE = re.compile(r"\$(?P<plain>\$+\{)|\$\{(?P<name>[^{}]*)\}")

#: Names that every text may use, and what they stand for.
KNOWN_NAMES = {
    "guest.name": "the virtual guest's name in the run, as in reports: parcel-1187",
    "guest.number": "its number in the run, from 1",
    "run.id": "the id of the run",
}


def names_in(text: str) -> list[str]:
    """The names that a text uses, in its order."""
    return [name for name in _names(text) if name]


def has_empty_name(text: str) -> bool:
    return "" in _names(text)


def _names(text: str) -> list[str]:
    found = (one["name"] for one in _TEMPLATE.finditer(text))
    return [name.strip() for name in found if name is not None]


def rendered(
    text: str, values: Mapping[str, str], quote: Callable[[str], str] | None = None
) -> str:
    """The text with the values put in; a name without a value becomes "". `quote`: what each value
    goes through, `re.escape` where the text is a regular expression."""
    if "${" not in text:
        return text

    def put(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found["plain"]
        value = values.get(found["name"].strip(), "")
        return value if quote is None else quote(value)

    return _TEMPLATE.sub(put, text)


def literal(text: str) -> str:
    """A text that is no template, written so that it stays what it is."""
    return re.sub(r"(\$+)\{", r"$\1{", text)
