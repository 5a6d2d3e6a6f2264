"""The names of guests: letters and digits of any script, and `. _ @ + -`, a dot not as the first.

They stand in addresses, logs and tables, so nothing invisible or blank is one, and nothing that a
URL would treat as a directory. A name that was
typed in parts (e and an accent) is the same as one typed as a whole."""

from __future__ import annotations

import unicodedata

NAME_CHARS_MAX = 64

NAME_RULE = (
    f"must be a name of 1 to {NAME_CHARS_MAX} letters, digits and . _ @ + -, beginning with no dot"
)

_SIGNS = frozenset("._@+-")


def normal_name(text: str) -> str:
    """One form for what looks the same (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_guest_name(text: str) -> bool:
    """Of a normal name."""
    if not 0 < len(text) <= NAME_CHARS_MAX:
        return False
    if text.startswith(".") or unicodedata.combining(text[0]):
        return False
    return all(one.isalnum() or one in _SIGNS or _is_mark(one) for one in text)


def _is_mark(one: str) -> bool:
    """A vowel sign or an accent, which many scripts write as a character of its own."""
    return unicodedata.category(one) in ("Mn", "Mc")
