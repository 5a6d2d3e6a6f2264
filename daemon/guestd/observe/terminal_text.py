"""Text from outside, made fit for a terminal and for a log: it cannot move a cursor, set a title,
or forge or hide a line.

Everything that commands and the log write of the platform's, of guests' or of files' words goes
through one of these. Text for people gets a replacement character; what programs read (the log,
JSON) gets the character's number, so nothing is lost."""

from __future__ import annotations

import json
import re
from typing import Any

#: Stands where a character was that is not shown.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: C0 but for tab and newline, DEL, C1 (one of which begins commands as ESC does), separators of
#: lines and paragraphs, the marks that turn the direction of writing (they make a line read
#: otherwise than it is), half surrogates. Joiners of emoji stay.
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def several_lines(text: str, indent: str = "") -> str:
    """Tabs and newlines stay, and the lines after the first are indented: no text can begin a line
    as another speaker does."""
    return _FORBIDDEN.sub(REPLACEMENT, text.replace("\r\n", "\n")).replace("\n", f"\n{indent}")


def one_line(value: Any) -> str:
    """Text, or anything else as JSON, in one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _FORBIDDEN.sub(REPLACEMENT, text).replace("\n", " ").replace("\t", " ")


def escaped(text: str) -> str:
    """One line for the log: every such character as JSON would write it, tabs and newlines
    included; all else as it stands."""
    return _FORBIDDEN.sub(_escape, text).replace("\n", "\\n").replace("\t", "\\t")


def json_line(found: Any, separators: tuple[str, str] | None = None) -> str:
    """JSON for other programs, and harmless on a terminal: the same value, with such characters
    escaped."""
    return escaped(json.dumps(found, ensure_ascii=False, separators=separators))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
