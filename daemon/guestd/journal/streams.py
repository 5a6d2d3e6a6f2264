"""One guest session's stream as the file has it: its session, its head, and the events between two
seqs.

Nothing is returned that is not proven: the checksum of each row, that each event belongs to the
stream, and that no seq is missing. Raises FoundDamage otherwise.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import packed
from .checksum import is_sound, is_sound_event
from .damage import DamagedRow, FoundDamage
from .queries import queries

#: Rows of a page that are fetched in one step: taking them apart, with the interpreter's lock,
#: takes a fifth of a millisecond; then others have their turn.
STEP_ROWS = 100


@dataclass(slots=True, frozen=True)
class StoredStream:
    """`number` is the session's in the file; `head` and `seq` are the newest event's offset and
    seq."""

    number: int
    session_id: str
    first_seq: int
    head: int
    seq: int


def find(connection: sqlite3.Connection, session_id: str) -> StoredStream | None:
    """None if there is no such guest session, or it has no events."""
    row = connection.execute(queries()["session_row"], (session_id,)).fetchone()
    if row is None:
        return None
    if not is_sound(row):
        raise FoundDamage(DamagedRow("sessions", row[0], row[0], session_id))
    return of_session(connection, row)


def of_session(connection: sqlite3.Connection, session: Sequence[Any]) -> StoredStream | None:
    """`session` is a sound row of `sessions`."""
    number, session_id, first_seq = session[0], session[1], session[8]
    head = connection.execute(queries()["head"], (number,)).fetchone()
    if head is None:
        if connection.execute(queries()["has_states"], (number,)).fetchone() is not None:
            raise FoundDamage(
                DamagedRow("heads", number, number, session_id, reason="it is missing")
            )
        return None
    if not is_sound(head):
        raise FoundDamage(DamagedRow("heads", number, number, session_id))
    if not 1 <= first_seq <= head[2]:  # each sound by itself: the last seq would never come
        reason = f"it says that seqs {first_seq} to {head[2]} are kept"
        raise FoundDamage(DamagedRow("sessions", number, number, session_id, reason=reason))
    return StoredStream(number, session_id, first_seq, head[1], head[2])


def page(
    connection: sqlite3.Connection,
    stream: StoredStream,
    after_seq: int,
    limit: int,
    bytes_max: int | None = None,
) -> list[tuple[Any, ...]]:
    """The rows of `events`, checksum included, of the `limit` seqs after `after_seq`, oldest first;
    with `bytes_max` none after the one with which they have that many bytes of payload."""
    after = max(after_seq, stream.first_seq - 1)
    wanted = range(after + 1, min(stream.seq, after + limit) + 1)
    if not wanted:
        return []
    asked = {"head": stream.head, "after": after, "limit": limit}
    newest_first, sizes = connection.execute(queries()["way"], asked).fetchone()
    ids = [] if newest_first is None else newest_first.split(",")[::-1]
    if bytes_max is not None and ids:
        ids, wanted = _up_to_bytes(ids, sizes.split(",")[::-1], bytes_max, wanted)
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(wanted), STEP_ROWS):
        some = ",".join(ids[start : start + STEP_ROWS])
        found = packed.fetch(connection, "read", {"ids": f"[{some}]"})
        rows += _proven(stream, found.rows, wanted[start : start + STEP_ROWS], found.are_sound)
    return rows


def _up_to_bytes(
    ids: list[str], sizes: list[str], bytes_max: int, wanted: range
) -> tuple[list[str], range]:
    """Both up to the event with which they have that many bytes, if there are as many."""
    total = 0
    for count, size in enumerate(sizes, 1):
        total += int(size)
        if total >= bytes_max:
            return ids[:count], wanted[:count]
    return ids, wanted


def newest(connection: sqlite3.Connection, stream: StoredStream) -> list[tuple[Any, ...]]:
    """The events on the way from the newest to the first by jumps alone; what the writer goes on
    from."""
    rows = connection.execute(queries()["path"], (stream.head,)).fetchall()
    wanted, seq = [], stream.seq
    while seq >= stream.first_seq:
        wanted.append(seq)
        seq &= seq - 1
    for _ in _proven(stream, rows, wanted):
        pass
    return rows


def check_event(stream: StoredStream, row: Sequence[Any]) -> None:
    """Raises FoundDamage if the row is damaged, or of another stream."""
    if not is_sound_event(row) or row[1] != stream.number:
        raise FoundDamage(DamagedRow("events", row[0], stream.number, stream.session_id, row[0]))


def _proven(
    stream: StoredStream,
    rows: Iterable[tuple[Any, ...]],
    wanted: Iterable[int],
    are_sound: bool = False,
) -> Iterator[tuple[Any, ...]]:
    """The rows, one for each seq that is wanted. Raises FoundDamage at the first that is damaged or
    missing."""
    left = iter(rows)
    for seq in wanted:
        row = next(left, None)
        if row is not None and not (are_sound and row[1] == stream.number):
            check_event(stream, row)
        if row is None or row[2] != seq:
            reason = f"the event with seq {seq} cannot be found"
            raise FoundDamage(
                DamagedRow(
                    "events", (stream.number, seq), stream.number, stream.session_id, 0, reason
                )
            )
        yield row
