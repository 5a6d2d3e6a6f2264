"""How long a text is for the platform."""

from __future__ import annotations


def javascript_length(text: str) -> int:
    """In UTF-16 units, as the documents' own programs count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
