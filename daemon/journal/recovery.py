"""What a restart must know: who should be live, where each stood, and what was promised and not yet settled."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import Any

import orjson

from ..model.ports import SavedCommand, SavedSession, SessionRecord
from .queries import queries


def recover(reader: sqlite3.Connection) -> list[SavedSession]:
    """Every guest session that has not ended, oldest first. A handful of queries, however many sessions."""
    seqs: dict[int, int] = dict(reader.execute(queries()["last_seqs"]).fetchall())
    commands: dict[int, list[SavedCommand]] = defaultdict(list)
    for session, seq, command_id, intent, settled in reader.execute(queries()["commands"]):
        commands[session].append(SavedCommand(command_id, seq, orjson.loads(intent) if intent else {}, bool(settled)))
    found = []
    for number, session_id, name, token, guest, opened_ms, ends_ms in reader.execute(queries()["living"]).fetchall():
        more: dict[str, Any] = orjson.loads(guest)
        record = SessionRecord(
            session_id, name, token, more["email"], more["attributes"], more["metadata"], opened_ms, ends_ms
        )
        state = reader.execute(queries()["latest_state"], (number,)).fetchone()
        found.append(
            SavedSession(
                record,
                seqs.get(number, 0),
                state is not None,
                bool(state and state[1]),
                commands.get(number, []),
                was_live=state is not None and state[0] != "resting",
            )
        )
    return found


def identities(reader: sqlite3.Connection, session_id: str, limit: int) -> list[tuple[str, str]]:
    """The last `limit` messages' identities and times, oldest first."""
    rows = reader.execute(queries()["identities"], (session_id, limit)).fetchall()
    return [(key, time or "") for _, key, time in sorted(rows)]
