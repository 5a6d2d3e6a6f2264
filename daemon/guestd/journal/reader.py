"""What is read from the file: pages by an index, on a connection that only reads and never
checkpoints.

Events are shown up to `acknowledged`, the offset up to which the loop was told that they are
durable: one that is durable but not yet published would else be shown twice. Operations and
deliveries are shown as they durably stand.

Every row is compared with its checksum, and every stream with the seqs it must have, before
anything of it is shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..model.errors import Damaged, JournalError
from ..model.journal import (
    EndedSession,
    EventRow,
    Replay,
    SavedSession,
    SetAside,
    StoredCommand,
    StoredEvent,
)
from ..model.records import OWN_STREAM, DeliveryRecord, OperationRecord
from . import packed, recovery, streams
from .check import is_damage
from .checksum import is_sound, is_sound_event, lenient_text
from .damage import REMEDY, DamagedRow, DamageLog, FoundDamage, damaged_stream
from .queries import queries

#: Offsets looked at in one step when only some kinds of events are wanted.
SCAN = 5000

#: Newest messages among which one without a time is looked for: a few milliseconds of reading.
TIMELESS_MAX = 1000

#: Events beside a damaged one whose time is looked for.
NEAR_MAX = 20

#: The kind that stands in the place of a damaged event among those of all streams.
DAMAGED = "damaged"

#: All kinds there are: an event of another kind is damaged.
KINDS = (
    "message",
    "presence",
    "typing",
    "receipt",
    "session",
    "accepted",
    "delivery",
    "attachment",
    "gap",
    "fact",
)
_KNOWN = json.dumps(KINDS)


class Reader:
    """Raises JournalError for damage to the file's structure, after which nothing can be read from
    it, and sqlite3.Error for anything else that keeps the file from being read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.text_factory = lenient_text
        self._file = str(connection.execute("PRAGMA database_list").fetchone()[2])
        self._log = DamageLog(self._file)
        self._aside: set[int] = set()
        self._fresh: list[SetAside] = []
        with self._one_view():
            self._aside.update(
                row[0] for row in connection.execute(queries()["damaged"]) if is_sound(row)
            )

    @property
    def damaged_rows(self) -> int:
        return self._log.count

    def close(self) -> None:
        self._connection.close()

    def take_aside(self) -> list[SetAside]:
        """Guest sessions found damaged since the last call, to be written down."""
        found, self._fresh = self._fresh, []
        return found

    def read(
        self,
        session_id: str,
        after_seq: int,
        limit: int,
        acknowledged: int,
        bytes_max: int | None = None,
    ) -> Replay:
        """Raises Damaged if anything of what was asked for is."""
        with self._one_view(), self._reporting_damage(session_id):
            stream = streams.find(self._connection, session_id)
            if stream is None:
                return Replay([])
            if stream.number in self._aside:
                raise damaged_stream(session_id)
            rows = streams.page(self._connection, stream, after_seq, limit, bytes_max)
        shown = [_event(session_id, row) for row in rows if row[0] <= acknowledged]
        return Replay(shown, stream.first_seq)

    def read_on(
        self, after_offset: int, limit: int, acknowledged: int, kinds: Sequence[str] = ()
    ) -> list[StoredEvent]:
        """In the place of a damaged event stands one of kind DAMAGED."""
        with self._one_view():
            if not kinds:
                asked = {"after": after_offset, "end": acknowledged, "limit": limit}
                found = packed.fetch(self._connection, "read_on", asked)
            else:
                found = self._read_kinds(after_offset, limit, kinds, acknowledged)
            names: dict[int, str | None] = {0: OWN_STREAM}
            return [self._kept(row, names, found.are_sound) for row in found.rows]

    def _read_kinds(
        self, after: int, limit: int, kinds: Sequence[str], acknowledged: int
    ) -> packed.Rows:
        """By stretches of SCAN offsets, so that no call passes over half a journal; the end of a
        stretch is a row as well. Where retention or damage left a hole, the next stretch begins
        behind it."""
        wanted = json.dumps(list(kinds))
        while True:
            end = min(after + SCAN, acknowledged)
            asked = {"after": after, "end": end, "kinds": wanted, "known": _KNOWN, "limit": limit}
            found = packed.fetch(self._connection, "read_on_kinds", asked)
            if found.rows or end >= acknowledged:
                return found
            following = self._connection.execute(queries()["next_offset"], (end,)).fetchone()[0]
            if following is None:
                return found
            after = following - 1

    def _kept(
        self, row: Sequence[Any], names: dict[int, str | None], are_sound: bool
    ) -> StoredEvent:
        offset, number, seq, _, _, at_ms, _, kind, key, payload, _, _ = row
        name = None
        if are_sound or is_sound_event(row):
            if number not in names:
                names[number] = self._name(number)
            name = names[number]
        if name is None:
            whose = (self._name(number) or "") if isinstance(number, int) else ""
            found = DamagedRow("events", offset, None, whose, offset)
            self._log.add(found, "readers of all events go on after it")
            payload = json.dumps({"kind": DAMAGED, "offset": offset}).encode()
            return StoredEvent(
                offset, self._time_near(offset), EventRow(OWN_STREAM, 0, DAMAGED, payload, "", b"")
            )
        return StoredEvent(offset, at_ms, EventRow(name, seq, kind, payload, key or "", b""))

    def _time_near(self, offset: int) -> int:
        """When a damaged event was written, in epoch milliseconds: the time of the nearest sound
        one before it, else after it, for its own proves nothing; 0 where NEAR_MAX around it are
        damaged too. The same each time it is asked."""
        for name in ("events_before", "events_after"):
            for row in self._connection.execute(queries()[name], (offset, NEAR_MAX)).fetchall():
                if is_sound_event(row) and row[5]:
                    return int(row[5])
        return 0

    def _name(self, number: int) -> str | None:
        row = self._connection.execute(queries()["session_row_of"], (number,)).fetchone()
        return str(row[1]) if row is not None and is_sound(row) else None

    def command(self, session_id: str, command_id: str, acknowledged: int) -> StoredCommand | None:
        with self._one_view(), self._reporting_damage(session_id):
            stream = streams.find(self._connection, session_id)
            if stream is None:
                return None
            if stream.number in self._aside:
                raise damaged_stream(session_id)
            asked = {"session": stream.number, "command": command_id}
            found = {}
            for row in self._connection.execute(queries()["command"], asked).fetchall():
                streams.check_event(stream, row)
                if row[0] <= acknowledged:
                    found[row[7]] = _event(session_id, row)._replace(intent=row[10] or b"")
        return StoredCommand(found.get("accepted"), found.get("delivery")) if found else None

    def was_shown(self, session_id: str, identity: str, time: str) -> bool:
        """By the index of times; what has none is looked for among the newest messages. Damage
        counts as "no": rather shown twice than never."""
        digits = int("".join(filter(str.isdecimal, time)) or 0)
        with self._one_view():
            try:
                if not time:
                    newest = recovery.identities(self._connection, session_id, TIMELESS_MAX)
                    return any(key == identity for key, _ in newest)
                row = self._connection.execute(
                    queries()["was_shown"], (digits, session_id, identity)
                ).fetchone()
                if row is not None and not is_sound_event(row):
                    raise FoundDamage(DamagedRow("events", row[0], row[1], session_id, row[0]))
                return row is not None
            except FoundDamage as found:
                self._log.add(found.row, "a message that is repeated is shown again")
                return False

    def last_seq(self, session_id: str) -> int:
        with self._one_view(), self._reporting_damage(session_id):
            stream = streams.find(self._connection, session_id)
            return 0 if stream is None else stream.seq

    def cursors(self) -> dict[str, int]:
        """A damaged one stands before the oldest event: what it had passed is read again, nothing
        is left out."""
        found: dict[str, int] = {}
        with self._one_view():
            for row in self._connection.execute(queries()["cursors"]).fetchall():
                sound = is_sound(row)
                if not sound:
                    self._log.add(
                        DamagedRow("cursors", row[0]),
                        "that reader begins again at the oldest event",
                    )
                found[row[0]] = row[1] if sound else 0
        return found

    def operation(self, operation_id: str) -> OperationRecord | None:
        with self._one_view():
            row = self._connection.execute(queries()["operation"], (operation_id,)).fetchone()
        if row is not None and not is_sound(row):
            self._log.add(DamagedRow("operations", row[0]), "it is not gone on with")
            raise Damaged(f"the journal's record of operation {operation_id} is damaged; {REMEDY}")
        return None if row is None else _operation(row)

    def operations(self) -> list[OperationRecord]:
        with self._one_view():
            rows = self._connection.execute(queries()["operations"]).fetchall()
        return [_operation(row) for row in rows if self._is_fine("operations", row)]

    def operations_over(self, limit: int) -> list[OperationRecord]:
        with self._one_view():
            rows = self._connection.execute(queries()["operations_over"], (limit,)).fetchall()
        return [_operation(row) for row in rows if self._is_fine("operations", row)]

    def guest_names(self, session_ids: Sequence[str]) -> dict[str, str]:
        """A session with a damaged row is left out."""
        asked = {"session_ids": json.dumps(list(session_ids))}
        with self._one_view():
            rows = self._connection.execute(queries()["guest_names"], asked).fetchall()
        return {row[1]: row[2] for row in rows if is_sound(row)}

    def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        with self._one_view():
            row = self._connection.execute(queries()["delivery"], (delivery_id,)).fetchone()
        if row is not None and not self._is_fine("deliveries", row):
            raise Damaged(f"the journal's record of webhook {delivery_id} is damaged; {REMEDY}")
        return None if row is None else DeliveryRecord(*row[:10])

    def deliveries(
        self,
        status: str,
        after_id: str = "",
        limit: int = 1000,
        target: str = "",
        other_than: Sequence[str] = (),
    ) -> list[DeliveryRecord]:
        found: list[DeliveryRecord] = []
        others = json.dumps(list(other_than))
        asked = {"status": status, "after": after_id, "target": target, "other_than": others}
        with self._one_view():
            for row in self._connection.execute(queries()["deliveries"], asked):
                if len(found) == limit:
                    break
                if self._is_fine("deliveries", row):
                    found.append(DeliveryRecord(*row[:10]))
        return found

    def _is_fine(self, table: str, row: Sequence[Any]) -> bool:
        if is_sound(row):
            return True
        self._log.add(DamagedRow(table, row[0]), "it is left out; all else goes on")
        return False

    def recover(self) -> list[SavedSession]:
        """Those with a damaged row are set aside."""
        with self._one_view():
            return recovery.recover(self._connection, self._aside.copy(), self._set_aside)

    def ended(self, limit: int) -> list[EndedSession]:
        with self._one_view():
            rows = self._connection.execute(queries()["ended_sessions"], (limit,)).fetchall()
        return [
            EndedSession(row[1], row[2], row[5], row[7], row[10])
            for row in rows
            if self._is_fine("sessions", row[:10])
        ]

    def identities(self, session_id: str, limit: int) -> list[tuple[str, str]]:
        """Raises Damaged, and has set the session aside."""
        with self._one_view():
            try:
                return recovery.identities(self._connection, session_id, limit)
            except FoundDamage as found:
                self._set_aside(found.row)
                raise damaged_stream(session_id) from None

    def _set_aside(self, row: DamagedRow) -> None:
        self._log.add(row, "the guest session is set aside, all others go on")
        if row.number is not None and row.number not in self._aside:
            self._aside.add(row.number)
            self._fresh.append(SetAside(row.number, row.offset, row.reason))

    @contextmanager
    def _reporting_damage(self, session_id: str) -> Iterator[None]:
        """A damaged row in a stream becomes an error for the caller."""
        try:
            yield
        except FoundDamage as found:
            self._log.add(found.row, "it is not shown")
            raise damaged_stream(session_id) from None

    @contextmanager
    def _one_view(self) -> Iterator[None]:
        """All statements in it see the file as it stood at the first."""
        try:
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if is_damage(error):  # not a row but the file: nothing may go on as if it had been read
                raise JournalError(
                    f"the journal {self._file} cannot be read: {error}; {REMEDY}"
                ) from error
            raise


def _event(session_id: str, row: Sequence[Any]) -> EventRow:
    """`row` is one of `events`."""
    return EventRow(session_id, row[2], row[7], row[9], row[8] or "", b"")


def _operation(row: Sequence[Any]) -> OperationRecord:
    operation_id, kind, state, over, *_ = row
    return OperationRecord(operation_id, kind, state, bool(over))
