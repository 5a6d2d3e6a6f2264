"""Commits to the file: pure of threads and loops, so that the same code runs behind a queue and
inside a simulation."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain as chained

import orjson

from ..model.journal import Commit, SessionRecord, SetAside
from ..model.records import OWN_STREAM, DeliveryRecord, OperationRecord
from ..policy.steady_clock import SteadyClock
from . import offsets, retention, shrink, streams
from .checksum import event_checksum, is_sound, is_sound_event, lenient_text, renewed, sealed
from .damage import FoundDamage
from .queries import queries
from .retire_pace import Swept
from .skip_links import SkipLinks

logger = logging.getLogger("guestd.journal")

#: Pages in the WAL beyond which it is written back even if there is no pause: 1 MiB. What is given
#: meanwhile waits for it, two or three milliseconds; with four times as many pages one commit in a
#: hundred would wait for ten.
WAL_PAGES_MAX = 256

#: Between two times that the WAL is emptied under load: what was deleted stands in its older pages
#: until then. After it, the next commits make the file of the WAL longer again, which costs them
#: some tens of microseconds.
ERASE_S = 10.0

#: How long to leave a WAL alone that a reader was using.
ERASE_AGAIN_S = 1.0

#: How long a statement waits for a lock that another process has: what sqlite3 sets by itself.
BUSY_MS = 5000

#: Rows written by one statement.
ROWS_PER_STATEMENT = 256

#: Newest events among which a sound one is looked for at the start, for the time that was certainly
#: reached.
NEWEST_MAX = 20

#: A message's time as orjson writes it first of all members of that name: the fields before it are
#: flat, and inside a text the quotes would be escaped.
_TIME = b'"time":"'
_TIMED = frozenset({"message", "presence"})
_TIME_LENGTH = len("2027-05-31T09:15:02.417")


class Writer:
    """Many commits are one transaction: all of them become durable together, or none does."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        epoch_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ):
        self._connection = connection
        connection.text_factory = lenient_text
        self._epoch_ms = epoch_ms
        self._monotonic = monotonic
        self._retire_clock = SteadyClock(_newest_ms(connection))
        self._links: dict[str, SkipLinks] = {}
        self._pages = 0
        self._shrink_pace = shrink.ShrinkPace()
        self._can_shrink = shrink.can_shrink(connection)
        self._has_deleted = True  # the life before this one may have left something in the WAL
        self._erase_at = 0.0
        self.offset = offsets.last(connection)

    def close(self) -> None:
        self._connection.close()

    def write(self, commits: Sequence[Commit]) -> int:
        """Make them durable; returns the offset of the last event. Raises sqlite3.Error and has
        written nothing."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for commit in commits:
                for record in commit.opened:
                    self._insert_session(record)
            rows = self._rows(commits)
            self._insert_events(rows)
            self._put_heads(rows)
            for commit in commits:
                if commit.operations or commit.deliveries or commit.cursors:
                    self._put_works(commit)
                for session_id in commit.over:
                    self._end_session(session_id)
                for one in commit.aside:
                    self._put_aside(one)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._links.clear()
            raise
        for commit in commits:
            for session_id in commit.over:
                self._links.pop(session_id, None)
        self.offset += len(rows)
        self._pages += len(rows) // 8 + 3
        return self.offset

    def checkpoint_if_large(self) -> None:
        if self._pages > WAL_PAGES_MAX:
            self.checkpoint()

    def checkpoint(self) -> None:
        if self._pages:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._pages = 0

    def erase(self, in_pause: bool) -> None:
        """Empty the WAL if something was deleted since; under load not more often than each
        ERASE_S. While a reader uses it, it is left for later: the writer never waits for a
        reader."""
        now = self._monotonic()
        if not self._has_deleted or (now < self._erase_at and not in_pause):
            return
        self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        self._has_deleted = bool(busy)
        self._erase_at = now + (ERASE_AGAIN_S if busy else ERASE_S)
        self._pages = 0

    def shrink(self, in_pause: bool) -> bool:
        """Give some free pages back to the file system, if there are too many and, under load, if
        it is time. Returns true if it did, and there may be more."""
        now = self._monotonic()
        if not self._can_shrink or not self._shrink_pace.is_due(now, in_pause):
            return False
        pages = self._shrink_pace.step_pages(shrink.look(self._connection), now)
        if pages:
            shrink.give_back(self._connection, pages)
            self._pages += 2 * pages
            self._has_deleted = True
        return pages > 0

    def retire(self, keep: retention.Retention) -> Swept:
        """Delete a batch of what has had its time, by a clock that does not jump ahead."""
        now_ms = self._retire_clock.epoch_ms(self._monotonic(), self._epoch_ms())
        swept = retention.retire(self._connection, keep, now_ms)
        self._pages += swept.rows // 8 + 1
        self._has_deleted = self._has_deleted or swept.rows > 0
        return swept

    def _rows(self, commits: Sequence[Commit]) -> list[tuple[object, ...]]:
        """As they stand in the table. Offsets are given here and not by SQLite, which would give
        those of deleted rows again."""
        offset = self.offset
        rows: list[tuple[object, ...]] = []
        for commit in commits:
            at_ms = commit.at_ms
            for session_id, seq, kind, payload, key, intent in commit.rows:
                offset += 1
                links = self._links.get(session_id) or self._links_of(session_id)
                prev, jump = links.append(seq, offset)
                time = _time(payload) if key and kind in _TIMED else None
                row = (
                    offset,
                    links.number,
                    seq,
                    prev,
                    jump,
                    at_ms,
                    time,
                    kind,
                    key or None,
                    payload,
                    intent or None,
                )
                rows.append((*row, event_checksum(row)))
        return rows

    def _put_works(self, commit: Commit) -> None:
        now_ms, execute = self._epoch_ms(), self._connection.execute
        for operation in commit.operations:
            execute(queries()["put_operation"], sealed(_operation(operation, now_ms)))
            self._has_deleted = self._has_deleted or operation.erases
        for delivery in commit.deliveries:
            execute(queries()["put_delivery"], sealed(_delivery(delivery, now_ms)))
        for name, offset in commit.cursors:
            old = execute(queries()["cursor"], (name,)).fetchone()
            reached = max(offset, old[1]) if old is not None and is_sound(old) else offset
            execute(queries()["put_cursor"], sealed((name, reached, now_ms)))
        self._pages += 2 * (len(commit.operations) + len(commit.deliveries)) + 1

    def _insert_session(self, record: SessionRecord) -> None:
        more = {"email": record.email, "attributes": record.attributes, "metadata": record.metadata}
        if record.display_name:
            more["display_name"] = record.display_name
        guest = orjson.dumps(more)
        number = self._connection.execute(queries()["next_session"]).fetchone()[0]
        who = record.session_id, record.name, record.token, guest.decode()
        row = (number, *who, record.opened_ms, record.ends_ms, None, 1)
        self._connection.execute(queries()["insert_session"], sealed(row))
        self._links[record.session_id] = SkipLinks(number)

    def _end_session(self, session_id: str) -> None:
        row = self._connection.execute(queries()["session_row"], (session_id,)).fetchone()
        if row is not None and row[7] is None:
            over_ms = self._epoch_ms()
            checksum = renewed(row, (*row[:7], over_ms, row[8]))
            self._connection.execute(queries()["end_session"], (over_ms, checksum, row[0]))

    def _put_aside(self, one: SetAside) -> None:
        values = one.number, one.offset, one.reason, self._epoch_ms()
        self._connection.execute(queries()["put_damaged"], sealed(values))

    def _insert_events(self, rows: Sequence[tuple[object, ...]]) -> None:
        """A statement that fails has done nothing, and those before it stand."""
        for some in _in_powers_of_two(rows):
            try:
                self._execute_many("insert_event", some)
            except sqlite3.IntegrityError:
                self._insert_one_by_one(some)

    def _put_heads(self, rows: Sequence[tuple[object, ...]]) -> None:
        """In the order of the table, so that neighbors share a page while it is at hand."""
        heads = {number: (number, offset, seq) for offset, number, seq, *_ in rows}
        for some in _in_powers_of_two([sealed(one) for one in sorted(heads.values())]):
            self._execute_many("put_head", some)

    def _execute_many(self, name: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._connection.execute(
            _many(queries()[name], len(rows)), tuple(chained.from_iterable(rows))
        )

    def _insert_one_by_one(self, rows: Sequence[tuple[object, ...]]) -> None:
        """A key that is there already costs the key, never the event: its seq was given, and what
        comes after counts on it.

        A message may come again after its identity was forgotten (see `inbox.remembered_max`). A
        command or its fate never does: that would be a bug of ours."""
        execute, statement = self._connection.execute, queries()["insert_event"]
        for row in rows:
            try:
                execute(statement, row)
            except sqlite3.IntegrityError as error:
                if row[7] in _TIMED:
                    logger.info(
                        "seq %s of session %s repeats a message that was forgotten", row[2], row[1]
                    )
                else:
                    logger.error(
                        "%s: seq %s of session %s was there already: our bug", error, row[2], row[1]
                    )
                execute(statement, _without_key(row))

    def _links_of(self, session_id: str) -> SkipLinks:
        """As the file has it: after a start, or after a transaction that came to nothing."""
        try:
            stream = streams.find(self._connection, session_id)
            if stream is None:
                number = self._connection.execute(
                    queries()["session_row"], (session_id,)
                ).fetchone()[0]
                links = SkipLinks(number)
            else:
                rows = streams.newest(self._connection, stream)
                links = SkipLinks(
                    stream.number, stream.seq, _path(stream.seq, [row[0] for row in rows])
                )
        except FoundDamage as found:
            if session_id != OWN_STREAM:
                raise sqlite3.DatabaseError(f"damaged: {found}") from None
            logger.error("damaged: %s; the daemon's own stream goes on after it", found)
            last = self._connection.execute(queries()["last_fact"]).fetchone()[0]
            links = SkipLinks(0, last, _path(last, []))
        self._links[session_id] = links
        return links


def _newest_ms(connection: sqlite3.Connection) -> int:
    """When the newest sound event was given, in epoch milliseconds; 0 if there is none."""
    rows = connection.execute(queries()["newest_events"], (NEWEST_MAX,)).fetchall()
    return next((int(row[5]) for row in rows if is_sound_event(row)), 0)


def _path(seq: int, offsets: Sequence[int]) -> list[int]:
    """What Chain keeps, of `offsets` from the newest back; those that retention took stand as 0."""
    return [0] * (seq.bit_count() - len(offsets)) + list(reversed(offsets))


def _without_key(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row of `insert_event` that no unique index looks at."""
    offset, number, seq, prev, jump, at_ms, _, kind, _, payload, intent, _ = row
    values = (offset, number, seq, prev, jump, at_ms, None, kind, None, payload, intent)
    return (*values, event_checksum(values))


def _time(payload: bytes) -> int | None:
    """The platform's time of a message as a number that grows with it: its digits."""
    at = payload.find(_TIME)
    if at < 0:
        return None
    at += len(_TIME)
    try:
        return int(payload[at : at + _TIME_LENGTH].translate(None, b"-T:."))
    except ValueError:
        return None


def _operation(one: OperationRecord, now_ms: int) -> tuple[object, ...]:
    return one.operation_id, one.kind, one.state, int(one.over), now_ms


def _delivery(one: DeliveryRecord, now_ms: int) -> tuple[object, ...]:
    return (
        one.delivery_id,
        one.target,
        one.lane,
        one.event,
        one.body,
        one.status,
        one.attempts,
        one.created_ms,
        one.due_ms,
        one.reason,
        now_ms,
    )


def _in_powers_of_two(rows: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
    """Many rows to a statement: each step of a statement lets the GIL go and must win it back from
    a busy loop.

    Sizes are powers of two, so that a handful of prepared statements serves every batch.
    """
    start, size = 0, ROWS_PER_STATEMENT
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size


@cache
def _many(statement: str, rows: int) -> str:
    head, _, values = statement.rstrip(";").rpartition(" VALUES ")
    return f"{head} VALUES {', '.join([values] * rows)}"
