"""`${name}` in a text: what is put in when the guest says it. `$${` is a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_TEMPLATE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")

#: Names that every text may use, and what they stand for.
KNOWN_NAMES = {
    "guest.name": "the virtual guest's name in the run, as in reports: parcel-1187",
    "guest.number": "its number in the run, from 1",
    "run.id": "the id of the run",
}


def names_in(text: str) -> list[str]:
    """The names that a text uses, in its order."""
    return [name for found in _TEMPLATE.findall(text) if (name := found.strip())]


def has_empty_name(text: str) -> bool:
    return any(
        found.group(1) is not None and not found.group(1).strip()
        for found in _TEMPLATE.finditer(text)
    )


def rendered(
    text: str, values: Mapping[str, str], quote: Callable[[str], str] | None = None
) -> str:
    """The text with the values put in; a name without a value becomes "". `quote`: what each value
    goes through, `re.escape` where the text is a regular expression."""
    if "$" not in text:
        return text

    def put(found: re.Match[str]) -> str:
        if found.group(1) is None:
            return "${"
        value = values.get(found.group(1).strip(), "")
        return value if quote is None else quote(value)

    return _TEMPLATE.sub(put, text)


def literal(text: str) -> str:
    """A text that is no template, written so that it stays what it is."""
    return text.replace("${", "$${")
