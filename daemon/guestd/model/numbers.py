"""Whole numbers in text from outside.

`str.isdigit` is true of "²" and "٣", which are not digits in any protocol or file of ours, and
`int` raises ValueError for more than 4,300 digits. So such text is read here, and nowhere with
`int` alone."""

from __future__ import annotations

#: Every whole number of so many digits is exact as a float and fits into 64 bits; no figure we read
#: is larger.
DIGITS_MAX = 15


def whole_number(text: str | bytes, digits_max: int = DIGITS_MAX) -> int | None:
    """The number that one to `digits_max` ASCII digits give; None for anything else."""
    if not (len(text) <= digits_max and text.isascii() and text.isdigit()):
        return None
    return int(text)


def port_number(text: str) -> int | None:
    """A TCP port from 1 to 65535; None for anything else."""
    port = whole_number(text, digits_max=5)
    return port if port is not None and 0 < port < 65536 else None
