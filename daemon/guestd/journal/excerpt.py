"""As many rows as fit a bound in bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

RowLike = TypeVar("RowLike", bound=tuple[Any, ...])

#: Where the payload stands in a Row.
PAYLOAD = 3


def up_to_bytes(rows: Iterable[RowLike], bytes_max: int, payload: int = PAYLOAD) -> list[RowLike]:
    """The first rows, up to and with the one that reaches `bytes_max` bytes of payload, which
    stands at that place in each; no more are fetched."""
    taken: list[RowLike] = []
    left = bytes_max
    for row in rows:
        taken.append(row)
        left -= len(row[payload])
        if left <= 0:
            break
    return taken
