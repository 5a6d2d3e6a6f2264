"""Control characters made visible, so that a text from outside cannot forge a line of the log or steer a terminal."""

from __future__ import annotations

#: C0 (0x00 to 0x1f), DEL and C1 (0x7f to 0x9f), and the two separators that some viewers take for a line's end.
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_NAMED = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_ESCAPED = {code: _NAMED.get(code, f"\\u{code:04x}") for code in _CONTROLS}


def escape_controls(text: str) -> str:
    """The text with every control character written as JSON would write it; all else as it stands."""
    return text.translate(_ESCAPED)
