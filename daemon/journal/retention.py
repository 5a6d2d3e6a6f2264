"""What goes when its time has come, a batch at a time, so that nobody waits long for the writer.

Guest sessions that ended, with all their events; facts of the daemon's own stream; operations that are over; webhooks that were
delivered or given up. An event that a reader of all streams has not passed yet stays, however old. A reader that nobody has
asked for in a week holds nothing back any more: else a feature that was once switched on would fill the disk for ever.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from .queries import queries
from .retire_pace import BATCH_ROWS, Swept

#: Rows of each kind deleted in one transaction.
DELETE_MAX = BATCH_ROWS

#: Guest sessions looked at in one transaction: those without any event count as nothing of the batch.
SESSIONS_MAX = 500

#: How long a cursor that neither moves nor is asked for still holds events back.
READER_KEPT_MS = 7 * 86_400_000

_NEVER = 2**62


@dataclass(slots=True, frozen=True)
class Retention:
    """How long to keep what is over, and dead webhooks, in milliseconds."""

    over_ms: int
    dead_ms: int


def retire(connection: sqlite3.Connection, retention: Retention, now_ms: int) -> Swept:
    """Delete a batch of what has had its time. Raises sqlite3.Error and has deleted nothing."""
    before_ms = now_ms - retention.over_ms
    passed = connection.execute(queries()["slowest_reader"], (now_ms - READER_KEPT_MS,)).fetchone()[0]
    passed = _NEVER if passed is None else passed
    connection.execute("BEGIN IMMEDIATE")
    try:
        swept = [
            _retire_sessions(connection, before_ms, passed),
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
    return Swept(sum(one.rows for one in swept), any(one.more for one in swept))


def _retire_sessions(connection: sqlite3.Connection, before_ms: int, passed: int) -> Swept:
    """Those that ended first: many small ones, or a part of a large one. The number of statements is the same for all, because
    each of them must win the interpreter back from a busy loop."""
    sessions = connection.execute(queries()["overdue"], {"before_ms": before_ms, "limit": SESSIONS_MAX}).fetchall()
    numbers, kept, more = _batch(sessions, passed)
    if not numbers:
        return Swept(0, False)
    batch: dict[str, object] = {"numbers": json.dumps(numbers), "limit": DELETE_MAX}
    connection.execute(queries()["mark_retired"])
    rows = _delete(connection, "delete_events", batch)
    if kept > DELETE_MAX:
        connection.execute(queries()["move_first"], batch)
    connection.execute(queries()["delete_heads"], batch)
    rows += _delete(connection, "delete_sessions", batch)
    return Swept(rows, more)


def _batch(sessions: Sequence[tuple[int, int, int]], passed: int) -> tuple[list[int], int, bool]:
    """The numbers of the next sessions, how many events they have, and whether more may follow. If a reader is not past a
    session, it is past none that ended later."""
    numbers: list[int] = []
    rows = 0
    for number, newest, kept in sessions:
        if newest > passed:
            return numbers, rows, rows > DELETE_MAX
        if numbers and rows + kept > DELETE_MAX:
            return numbers, rows, True
        numbers.append(number)
        rows += kept
    return numbers, rows, rows > DELETE_MAX or len(sessions) == SESSIONS_MAX


def _retire_facts(connection: sqlite3.Connection, before_ms: int, passed: int) -> Swept:
    """The oldest, up to the first that must stay: what is left of a stream has no holes."""
    asked: dict[str, object] = {"limit": DELETE_MAX, "before_ms": before_ms, "passed": passed}
    rows = _delete(connection, "delete_facts", asked)
    if rows:
        connection.execute(queries()["move_first_fact"])
    return Swept(rows, rows == DELETE_MAX)


def _retire(connection: sqlite3.Connection, statement: str, *parameters: object) -> Swept:
    rows = _delete(connection, statement, parameters)
    return Swept(rows, rows == DELETE_MAX)


def _delete(connection: sqlite3.Connection, statement: str, parameters: tuple[object, ...] | dict[str, object]) -> int:
    """How many rows went. (The cursor's `rowcount` knows it only of statements that begin with DELETE, not with WITH.)"""
    connection.execute(queries()[statement], parameters)
    return int(connection.execute("SELECT changes()").fetchone()[0])
