"""What a restart must know: who should be live, where each stood, and what was promised and not yet
settled.

A guest session with a damaged row is set aside; the others come back.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import orjson

from ..model.journal import SavedCommand, SavedSession, SessionRecord
from . import streams
from .checksum import is_sound
from .damage import DamagedRow, FoundDamage
from .queries import queries

#: What a row that was written before it had a checksum may raise when it is read.
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


def recover(
    reader: sqlite3.Connection, aside: Collection[int], set_aside: Callable[[DamagedRow], None]
) -> list[SavedSession]:
    """Every guest session that has not ended, oldest first, but for those whose number is in
    `aside`, and the damaged ones, which `set_aside` is told of."""
    commands: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in reader.execute(queries()["commands"]):
        commands[row[1]].append(row)
    found = []
    for row in reader.execute(queries()["living"]).fetchall():
        if row[0] in aside:
            continue
        try:
            found.append(_session(reader, row, commands.get(row[0], [])))
        except FoundDamage as damage:
            set_aside(damage.row)
        except _UNREADABLE as error:
            reason = f"it cannot be read ({type(error).__name__})"
            set_aside(DamagedRow("sessions", row[0], row[0], str(row[1]), reason=reason))
    return found


def _session(
    reader: sqlite3.Connection, row: Sequence[Any], commands: Sequence[tuple[Any, ...]]
) -> SavedSession:
    number, session_id, name, token, guest, opened_ms, ends_ms, *_ = row
    if not is_sound(row):
        raise FoundDamage(DamagedRow("sessions", number, number, str(session_id)))
    more: dict[str, Any] = orjson.loads(guest)
    who = session_id, name, token, more["email"], more["attributes"], more["metadata"]
    record = SessionRecord(*who, opened_ms, ends_ms, more.get("display_name", ""))
    stream = streams.of_session(reader, row)
    if stream is None:
        return SavedSession(record, 0, False, False, [], was_live=False)
    streams.newest(reader, stream)
    state = reader.execute(queries()["latest_state"], (number,)).fetchone()
    if state is not None:
        streams.check_event(stream, state)
    content = {} if state is None else _content(stream, state, 9)
    was_live = state is not None and content.get("state") != "resting"
    saved = [_command(stream, one[:-1], bool(one[-1])) for one in commands]
    saved = _with_files(reader, stream, saved)
    state_seq = 0 if state is None else state[2]
    return SavedSession(
        record,
        stream.seq,
        state is not None,
        bool(content.get("read_only")),
        saved,
        was_live,
        state_seq,
    )


def _command(stream: streams.StoredStream, row: Sequence[Any], settled: bool) -> SavedCommand:
    """The intent of a settled one is not needed any more, so it is not parsed."""
    streams.check_event(stream, row)
    intent = {} if settled or not row[10] else _content(stream, row, 10)
    return SavedCommand(row[8], row[2], intent, settled, at_ms=row[5])


def _with_files(
    reader: sqlite3.Connection, stream: streams.StoredStream, commands: list[SavedCommand]
) -> list[SavedCommand]:
    """The same with how far each file has come that waits to be sent."""
    waiting = [one.seq for one in commands if one.intent.get("action") == "attach"]
    if not waiting:
        return commands
    last: dict[str, str] = {}
    for row in reader.execute(queries()["files"], (stream.number, min(waiting))):
        streams.check_event(stream, row)
        event = _content(stream, row, 9)
        last[str(event.get("command_id"))] = str(event.get("status"))
    return [replace(one, file=last.get(one.command_id, "")) for one in commands]


def _content(stream: streams.StoredStream, row: Sequence[Any], column: int) -> dict[str, Any]:
    try:
        found = orjson.loads(row[column])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        reason = "it is not a JSON object"
        raise FoundDamage(
            DamagedRow("events", row[0], stream.number, stream.session_id, row[0], reason)
        )
    return found


def identities(reader: sqlite3.Connection, session_id: str, limit: int) -> list[tuple[str, str]]:
    """The last `limit` messages' identities and times, oldest first, and more before them until one
    is among them that was shown in order: nothing before that one is newer. Raises FoundDamage."""
    stream = streams.find(reader, session_id)
    found: list[tuple[str, str]] = []
    if stream is None:
        return found
    seq, has_ordered = stream.seq, False
    for row in reader.execute(queries()["identities"], (stream.head,)):
        streams.check_event(stream, row)
        if row[2] != seq:
            break
        seq -= 1
        if row[8] is not None and row[7] in ("message", "presence"):
            content = _content(stream, row, 9)
            found.append((row[8], content.get("time") or ""))
            has_ordered = has_ordered or not content.get("late")
            if len(found) >= limit and has_ordered:
                return found[::-1]
    if seq >= stream.first_seq:
        reason = f"the event with seq {seq} cannot be found"
        raise FoundDamage(
            DamagedRow("events", (stream.number, seq), stream.number, session_id, 0, reason)
        )
    return found[::-1]
