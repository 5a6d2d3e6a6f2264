"""What others have said, made fit for a terminal: whoever writes to a guest must not move a cursor, set a title or hide a line.

Everything that commands print of the platform's, of guests' or of files' words goes through one of these.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Stands where a character was that is not shown.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: C0 but for tab and newline, DEL, C1 (one of which begins commands as ESC does), separators of lines and paragraphs, the marks
#: that turn the direction of writing (they make a line read otherwise than it is), half surrogates. Joiners of emoji stay.
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def several_lines(text: str, indent: str = "") -> str:
    """Tabs and newlines stay, and the lines after the first are indented: no text can begin a line as another speaker does."""
    return _FORBIDDEN.sub(REPLACEMENT, text.replace("\r\n", "\n")).replace("\n", f"\n{indent}")


def one_line(value: Any) -> str:
    """Text, or anything else as JSON, in one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _FORBIDDEN.sub(REPLACEMENT, text).replace("\n", " ").replace("\t", " ")


def json_line(found: Any, separators: tuple[str, str] | None = None) -> str:
    """JSON for other programs, and harmless on a terminal: the same value, with such characters escaped."""
    text = json.dumps(found, ensure_ascii=False, separators=separators)
    return _FORBIDDEN.sub(lambda char: f"\\u{ord(char[0]):04x}", text)
