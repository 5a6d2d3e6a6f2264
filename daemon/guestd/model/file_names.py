"""Which names a file may have, and which text may be shown: everything but control characters.

`str.isprintable()` is not the question: it refuses every space but U+0020 and the joiners that
Persian, Hindi and emoji need."""

from __future__ import annotations

import re

#: C0, DEL and C1; and halves of surrogate pairs, which cannot be written as UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def control_character_in(text: str) -> str:
    """The first control character or half surrogate pair of a text, as U+000A; "" if there is
    none."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def file_name_problem(name: str) -> str:
    """What is wrong with a file name, and what to do; "" if nothing is."""
    found = control_character_in(name)
    if found:
        return f"filename holds the control character {found}; rename the file without it"
    for separator in ("/", "\\"):
        if separator in name:
            return (
                f"filename holds {separator}, which belongs to a path; give the name alone, such as"
                " bill.pdf"
            )
    return ""
