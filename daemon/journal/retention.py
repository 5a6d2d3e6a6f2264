"""What goes when its time has come, a batch at a time, so that nobody waits long for the writer.

Guest sessions that ended, with all their events; facts of the daemon's own stream; operations that are over; webhooks that were
delivered or given up. An event that a reader of all streams has not passed yet stays, however old. A reader that nobody has
asked for in a week holds nothing back any more: else a feature that was once switched on would fill the disk for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from .checksum import renewed, sealed
from .queries import queries

#: Rows deleted in one transaction.
DELETE_MAX = 1000

#: How long a cursor that neither moves nor is asked for still holds events back.
READER_KEPT_MS = 7 * 86_400_000

_NEVER = 2**62


@dataclass(slots=True, frozen=True)
class Retention:
    """How long to keep what is over, and dead webhooks, in milliseconds."""

    over_ms: int
    dead_ms: int


def retire(connection: sqlite3.Connection, retention: Retention, now_ms: int) -> bool:
    """Delete a batch of what has had its time; True if there may be more. Raises sqlite3.Error and has deleted nothing."""
    before_ms = now_ms - retention.over_ms
    passed = connection.execute(queries()["slowest_reader"], (now_ms - READER_KEPT_MS,)).fetchone()[0]
    passed = _NEVER if passed is None else passed
    connection.execute("BEGIN IMMEDIATE")
    try:
        is_more = [
            _retire_session(connection, before_ms, passed, now_ms),
            _retire_damaged(connection, before_ms, passed),
            _retire_facts(connection, before_ms, passed),
            _retire(connection, "delete_operations", before_ms, DELETE_MAX),
            _retire(connection, "delete_deliveries", "delivered", before_ms, DELETE_MAX),
            _retire(connection, "delete_deliveries", "dead", now_ms - retention.dead_ms, DELETE_MAX),
        ]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return any(is_more)


def _retire_session(connection: sqlite3.Connection, before_ms: int, passed: int, now_ms: int) -> bool:
    """The one that ended first. If a reader is not past it, he is past none that ended later.

    One whose events cannot all be found goes on as a damaged one."""
    found = connection.execute(queries()["first_over"], (before_ms,)).fetchone()
    if found is None or (found[1] or 0) > passed:
        return False
    number, _, head_seq = found
    session = connection.execute(queries()["session_row_of"], (number,)).fetchone()
    first_seq = session[8] if isinstance(session[8], int) else 1
    _mark_retired(connection)
    connection.execute(queries()["delete_events"], {"number": number, "limit": DELETE_MAX})
    if _changes(connection) < min(DELETE_MAX, (head_seq or 0) - first_seq + 1):
        values = number, 0, "its events cannot all be found", now_ms
        connection.execute(queries()["put_damaged"], sealed(values))
        return True
    _move_first(connection, session, first_seq + DELETE_MAX)
    connection.execute(queries()["delete_head"], (number,))
    connection.execute(queries()["delete_session"], (number,))
    return True


def _retire_damaged(connection: sqlite3.Connection, before_ms: int, passed: int) -> bool:
    """A guest session that was set aside that long ago, found by its number in each event: its chain may be broken."""
    found = connection.execute(queries()["first_damaged"], (before_ms,)).fetchone()
    if found is None:
        return False
    number = found[0]
    _mark_retired(connection)
    connection.execute(queries()["delete_events_of"], (number, passed, DELETE_MAX))
    if _changes(connection):
        return True
    for statement in ("delete_head_of", "delete_session_of", "delete_damaged"):
        connection.execute(queries()[statement], (number,))
    return True


def _mark_retired(connection: sqlite3.Connection) -> None:
    up_to, _ = connection.execute(queries()["retired"]).fetchone()
    newest = connection.execute(queries()["newest_offset"]).fetchone()[0]
    if newest > up_to:
        connection.execute(queries()["mark_retired"], sealed((newest,)))


def _move_first(connection: sqlite3.Connection, session: Sequence[object], first_seq: int) -> None:
    """`session` is a row of `sessions`, checksum included."""
    checksum = renewed(session, (*session[:8], first_seq))
    connection.execute(queries()["move_first"], (first_seq, checksum, session[0]))


def _retire_facts(connection: sqlite3.Connection, before_ms: int, passed: int) -> bool:
    """The oldest, up to the first that must stay: what is left of a stream has no holes."""
    asked = {"limit": DELETE_MAX, "before_ms": before_ms, "passed": passed}
    connection.execute(queries()["delete_facts"], asked)
    is_more = _is_full_batch(connection)
    if _changes(connection):
        first = connection.execute(queries()["first_fact"]).fetchone()[0]
        _move_first(connection, connection.execute(queries()["session_row_of"], (0,)).fetchone(), first)
    return is_more


def _retire(connection: sqlite3.Connection, statement: str, *parameters: object) -> bool:
    """True if it was a full batch."""
    connection.execute(queries()[statement], parameters)
    return _is_full_batch(connection)


def _is_full_batch(connection: sqlite3.Connection) -> bool:
    return _changes(connection) == DELETE_MAX


def _changes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT changes()").fetchone()[0])
