"""How long a text is, in the unit of the limit."""

from __future__ import annotations

#: The unit in which JavaScript's `length` counts, and so the programs of the design documents
#: (SOCK-7, INJ-1).
UTF16_UNITS = "UTF-16 units"

#: The unit in which the web messaging platform counts a message (4011, protocol §5).
BYTES = "bytes"


def utf16_units(text: str) -> int:
    """Most characters are one unit; an emoji is two, or several times two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
