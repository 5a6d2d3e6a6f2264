"""As many rows as fit a bound in bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ..model.journal import EventRow

RowLike = TypeVar("RowLike", bound=tuple[Any, ...])

#: Where the payload stands in an EventRow.
PAYLOAD = EventRow._fields.index("payload")


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
