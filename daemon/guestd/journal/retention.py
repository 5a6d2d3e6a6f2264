"""What goes when its time has come, a batch at a time, so that no caller waits long for the writer.

Guest sessions that ended, with all their events; facts of the daemon's own stream; operations that
are over; webhooks that were delivered or given up. An event that a reader of all streams has not
passed yet stays, however old. A reader that was not used for a week holds nothing back any
more: else a feature that was once switched on would fill the disk for ever."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import offsets
from .checksum import is_sound, renewed, sealed
from .queries import queries
from .retire_pace import BATCH_ROWS, Swept

logger = logging.getLogger("guestd.journal")

#: Rows of each kind deleted in one transaction.
DELETE_MAX = BATCH_ROWS

#: Guest sessions looked at in one transaction: those without any event count as nothing of the
#: batch.
SESSIONS_MAX = 500

#: How long a cursor that neither moves nor is asked for still holds events back.
READER_KEPT_MS = 7 * 86_400_000

_NEVER = 2**62

#: In a row of `sessions`; and where the head follows it, checksum included, in a row of `overdue`.
_NUMBER, _FIRST_SEQ, _HEAD_AT = 0, 8, 10


@dataclass(slots=True, frozen=True)
class Retention:
    """How long to keep what is over, and dead webhooks, in milliseconds."""

    over_ms: int
    dead_ms: int


def retire(connection: sqlite3.Connection, retention: Retention, now_ms: int) -> Swept:
    """Delete a batch of what has had its time. Raises sqlite3.Error and has deleted nothing."""
    before_ms = now_ms - retention.over_ms
    passed = _passed(connection, now_ms)
    connection.execute("BEGIN IMMEDIATE")
    try:
        swept = [
            _retire_sessions(connection, before_ms, passed, now_ms),
            _retire_damaged(connection, before_ms, passed),
            _retire_facts(connection, before_ms, passed),
            _retire(connection, "delete_operations", before_ms, DELETE_MAX),
            _retire(connection, "delete_deliveries", "delivered", before_ms, DELETE_MAX),
            _retire(
                connection, "delete_deliveries", "dead", now_ms - retention.dead_ms, DELETE_MAX
            ),
        ]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return Swept(sum(one.rows for one in swept), any(one.more for one in swept))


def _passed(connection: sqlite3.Connection, now_ms: int) -> int:
    """Up to which offset every reader of all streams has come. A damaged cursor has passed nothing,
    until its reader, who begins again at the oldest event, has written it anew."""
    reached = [_NEVER]
    for row in connection.execute(queries()["cursors"]).fetchall():
        _, offset, at_ms, _ = row
        sound = is_sound(row)
        if (
            isinstance(at_ms, int)
            and now_ms - READER_KEPT_MS <= at_ms
            and (sound or at_ms <= now_ms)
        ):
            reached.append(offset if sound else 0)
    return min(reached)


@dataclass(slots=True)
class _Batch:
    """The next sessions to go, as sound rows of `sessions`, how many events they have, and the
    numbers of those found damaged."""

    sessions: list[Sequence[Any]] = field(default_factory=list)
    events: int = 0
    damaged: list[int] = field(default_factory=list)
    more: bool = False

    @property
    def numbers(self) -> list[int]:
        return [one[_NUMBER] for one in self.sessions]


def _retire_sessions(
    connection: sqlite3.Connection, before_ms: int, passed: int, now_ms: int
) -> Swept:
    """Those that ended first: many small ones, or a part of a large one. The number of statements
    is the same for all, because each of them must win the interpreter back from a busy loop. One
    with a damaged row, or whose events cannot all be found, goes on as a damaged one."""
    asked = {"before_ms": before_ms, "limit": SESSIONS_MAX}
    batch = _batch(connection, connection.execute(queries()["overdue"], asked).fetchall(), passed)
    for number in batch.damaged:
        _set_aside(connection, number, "its row or its head is damaged", now_ms)
    rows = len(batch.damaged)
    if batch.sessions:
        _mark_retired(connection)
        rows += _delete_streams(connection, batch, now_ms)
        if batch.events > DELETE_MAX and batch.sessions:  # one alone
            session = batch.sessions[0]
            _move_first(connection, session, session[_FIRST_SEQ] + DELETE_MAX)
        gone = {"numbers": json.dumps(batch.numbers)}
        connection.execute(queries()["delete_heads"], gone)
        rows += connection.execute(queries()["delete_sessions"], gone).rowcount
    return Swept(rows, batch.more or bool(batch.damaged))


def _batch(connection: sqlite3.Connection, overdue: Sequence[Sequence[Any]], passed: int) -> _Batch:
    """If a reader is not past a session, it is past none that ended later."""
    batch = _Batch()
    for row in overdue:
        session, head = row[:_HEAD_AT], row[_HEAD_AT:]
        has_head = head[0] is not None
        if not _is_whole(connection, session, head):
            batch.damaged.append(session[_NUMBER])
            continue
        newest, events = (head[1], head[2] - session[_FIRST_SEQ] + 1) if has_head else (0, 0)
        if newest > passed:
            batch.more = batch.events > DELETE_MAX
            return batch
        if batch.sessions and batch.events + events > DELETE_MAX:
            batch.more = True
            return batch
        batch.sessions.append(session)
        batch.events += events
    batch.more = batch.events > DELETE_MAX or len(overdue) == SESSIONS_MAX
    return batch


def _is_whole(connection: sqlite3.Connection, session: Sequence[Any], head: Sequence[Any]) -> bool:
    """Without a head there are no events; each stream that has some begins with a state of its
    session."""
    if head[0] is not None:
        return is_sound(session) and is_sound(head)
    return (
        is_sound(session)
        and connection.execute(queries()["has_states"], (session[_NUMBER],)).fetchone() is None
    )


def _delete_streams(connection: sqlite3.Connection, batch: _Batch, now_ms: int) -> int:
    """How many events were deleted. Takes out of the batch, and sets aside, the sessions whose
    events are not all found."""
    connection.execute("SAVEPOINT streams")
    rows = _delete_events(connection, batch.numbers)
    if rows < min(DELETE_MAX, batch.events):
        connection.execute("ROLLBACK TO streams")
        rows = _delete_one_by_one(connection, batch, now_ms)
    connection.execute("RELEASE streams")
    return rows


def _delete_one_by_one(connection: sqlite3.Connection, batch: _Batch, now_ms: int) -> int:
    rows, whole = 0, []
    for session in batch.sessions:
        head = connection.execute(queries()["head"], (session[_NUMBER],)).fetchone()
        wanted = 0 if head is None else min(DELETE_MAX, head[2] - session[_FIRST_SEQ] + 1)
        found = _delete_events(connection, [session[_NUMBER]])
        rows += found
        if found < wanted:
            _set_aside(connection, session[_NUMBER], "its events cannot all be found", now_ms)
            batch.damaged.append(session[_NUMBER])
        else:
            whole.append(session)
    batch.sessions = whole
    return rows


def _delete_events(connection: sqlite3.Connection, numbers: Sequence[int]) -> int:
    return _delete(
        connection, "delete_events", {"numbers": json.dumps(numbers), "limit": DELETE_MAX}
    )


def _set_aside(connection: sqlite3.Connection, number: int, reason: str, now_ms: int) -> None:
    logger.error(
        "guest session number %d of the journal is damaged: %s; it goes later", number, reason
    )
    connection.execute(queries()["put_damaged"], sealed((number, 0, reason, now_ms)))


def _retire_damaged(connection: sqlite3.Connection, before_ms: int, passed: int) -> Swept:
    """A guest session that was set aside that long ago, found by its number in each event: its
    links may be broken."""
    for row in connection.execute(queries()["damaged"]).fetchall():
        if not is_sound(row):  # its session is unknown; a damaged one is found again
            connection.execute(queries()["delete_damaged"], (row[0],))
            return Swept(1, True)
        if row[3] < before_ms and (rows := _retire_one_damaged(connection, row[0], passed)):
            return Swept(rows, True)
    return Swept(0, False)


def _retire_one_damaged(connection: sqlite3.Connection, number: int, passed: int) -> int:
    """How many rows went; 0: a reader has not passed its events yet."""
    _mark_retired(connection)
    rows = connection.execute(queries()["delete_events_of"], (number, passed, DELETE_MAX)).rowcount
    if rows or connection.execute(queries()["has_events"], (number,)).fetchone() is not None:
        return rows
    for statement in ("delete_head_of", "delete_session_of", "delete_damaged"):
        rows += connection.execute(queries()[statement], (number,)).rowcount
    return rows


def _mark_retired(connection: sqlite3.Connection) -> None:
    newest = offsets.newest(connection)
    row = connection.execute(queries()["retired"]).fetchone()
    if row is None or not is_sound(row) or newest > row[0]:
        connection.execute(queries()["mark_retired"], sealed((newest,)))


def _move_first(connection: sqlite3.Connection, session: Sequence[Any], first_seq: int) -> None:
    """`session` is a row of `sessions`, checksum included."""
    checksum = renewed(session, (*session[:_FIRST_SEQ], first_seq))
    connection.execute(queries()["move_first"], (first_seq, checksum, session[_NUMBER]))


def _retire_facts(connection: sqlite3.Connection, before_ms: int, passed: int) -> Swept:
    """The oldest, up to the first that must stay: what is left of a stream has no holes."""
    asked: dict[str, object] = {"limit": DELETE_MAX, "before_ms": before_ms, "passed": passed}
    rows = _delete(connection, "delete_facts", asked)
    if rows:
        first = connection.execute(queries()["first_fact"]).fetchone()[0]
        _move_first(
            connection, connection.execute(queries()["session_row_of"], (0,)).fetchone(), first
        )
    return Swept(rows, rows == DELETE_MAX)


def _retire(connection: sqlite3.Connection, statement: str, *parameters: object) -> Swept:
    rows = _delete(connection, statement, parameters)
    return Swept(rows, rows == DELETE_MAX)


def _delete(
    connection: sqlite3.Connection,
    statement: str,
    parameters: tuple[object, ...] | dict[str, object],
) -> int:
    """How many rows went. (The cursor's `rowcount` knows it only of statements that begin with
    DELETE, not with WITH.)"""
    connection.execute(queries()[statement], parameters)
    return int(connection.execute("SELECT changes()").fetchone()[0])
