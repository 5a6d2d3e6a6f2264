"""What goes when its time has come, a batch at a time, so that nobody waits long for the writer.

Guest sessions that ended, with all their events; facts of the daemon's own stream; operations that are over; webhooks that were
delivered or given up. An event that a reader of all streams has not passed yet stays, however old. A reader that nobody has
asked for in a week holds nothing back any more: else a feature that was once switched on would fill the disk for ever.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

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
            _retire_session(connection, before_ms, passed),
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


def _retire_session(connection: sqlite3.Connection, before_ms: int, passed: int) -> bool:
    """The one that ended first. If a reader is not past it, he is past none that ended later."""
    found = connection.execute(queries()["first_over"], (before_ms,)).fetchone()
    if found is None or (found[1] or 0) > passed:
        return False
    number = found[0]
    steps: tuple[tuple[str, tuple[int, ...] | dict[str, int]], ...] = (
        ("mark_retired", ()),
        ("delete_events", {"number": number, "limit": DELETE_MAX}),
        ("move_first", (DELETE_MAX, number)),
        ("delete_head", (number,)),
        ("delete_session", (number,)),
    )
    for statement, parameters in steps:
        connection.execute(queries()[statement], parameters)
    return True


def _retire_facts(connection: sqlite3.Connection, before_ms: int, passed: int) -> bool:
    """The oldest, up to the first that must stay: what is left of a stream has no holes."""
    asked = {"limit": DELETE_MAX, "before_ms": before_ms, "passed": passed}
    connection.execute(queries()["delete_facts"], asked)
    is_more = _is_full_batch(connection)
    connection.execute(queries()["move_first_fact"])
    return is_more


def _retire(connection: sqlite3.Connection, statement: str, *parameters: object) -> bool:
    """True if it was a full batch."""
    connection.execute(queries()[statement], parameters)
    return _is_full_batch(connection)


def _is_full_batch(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT changes()").fetchone()[0] == DELETE_MAX)
