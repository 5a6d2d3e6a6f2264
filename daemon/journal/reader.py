"""What the loop reads from the file: pages by an index, on a connection that only reads and never checkpoints.

Events are shown up to `acknowledged`, the offset up to which the loop was told that they are durable: one that is durable but
not yet published would else be shown twice. Operations and deliveries are shown as they durably stand.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from ..model.ports import Kept, Replay, SavedSession
from ..model.work import DeliveryRecord, OperationRecord
from . import recovery
from .queries import queries

#: Offsets looked at in one step when only some kinds of events are wanted.
SCAN = 5000


class Reader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    def read(self, session_id: str, after_seq: int, limit: int, acknowledged: int) -> Replay:
        execute = self._connection.execute
        asked = {"session_id": session_id, "after_seq": after_seq, "acknowledged": acknowledged, "limit": limit}
        rows = execute(queries()["read"], asked).fetchall()
        first = 1
        if not rows or rows[0][1] != after_seq + 1:
            first = (execute(queries()["first_kept"], (session_id,)).fetchone() or (1,))[0]
        return Replay([(*row, b"") for row in rows], first)

    def read_on(self, after_offset: int, limit: int, acknowledged: int, kinds: Sequence[str] = ()) -> list[Kept]:
        if not kinds:
            rows = self._connection.execute(queries()["read_on"], (after_offset, acknowledged, limit)).fetchall()
        else:
            rows = self._read_kinds(after_offset, limit, kinds, acknowledged)
        return [Kept(offset, at_ms, (*row, b"")) for offset, at_ms, *row in rows]

    def _read_kinds(self, after: int, limit: int, kinds: Sequence[str], acknowledged: int) -> list[tuple[Any, ...]]:
        """By stretches of SCAN offsets, so that no call passes over half a journal; the end of a stretch is a row as well."""
        wanted = json.dumps(list(kinds))
        while True:
            end = min(after + SCAN, acknowledged)
            asked = {"after": after, "end": end, "kinds": wanted, "limit": limit}
            rows = self._connection.execute(queries()["read_on_kinds"], asked).fetchall()
            if rows or end >= acknowledged:
                return rows
            after = end

    def accepted_seq(self, session_id: str, command_id: str) -> int:
        row = self._connection.execute(queries()["accepted_seq"], (session_id, command_id)).fetchone()
        return 0 if row is None else int(row[0])

    def last_seq(self, session_id: str) -> int:
        found = self._connection.execute(queries()["last_seq"], (session_id,)).fetchone()
        return found[0] if found else 0

    def cursors(self) -> dict[str, int]:
        return dict(self._connection.execute(queries()["cursors"]).fetchall())

    def operation(self, operation_id: str) -> OperationRecord | None:
        row = self._connection.execute(queries()["operation"], (operation_id,)).fetchone()
        return None if row is None else _operation(*row)

    def operations(self) -> list[OperationRecord]:
        return [_operation(*row) for row in self._connection.execute(queries()["operations"]).fetchall()]

    def deliveries(self, status: str, after_id: str, limit: int) -> list[DeliveryRecord]:
        rows = self._connection.execute(queries()["deliveries"], (status, after_id, limit)).fetchall()
        return [DeliveryRecord(*row) for row in rows]

    def recover(self) -> list[SavedSession]:
        return recovery.recover(self._connection)

    def identities(self, session_id: str, limit: int) -> list[tuple[str, str]]:
        return recovery.identities(self._connection, session_id, limit)


def _operation(operation_id: str, kind: str, state: bytes, over: int) -> OperationRecord:
    return OperationRecord(operation_id, kind, state, bool(over))
