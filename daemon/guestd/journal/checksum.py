"""What proves that a row is as it was written: a CRC-32 of all its columns, kept in the row itself.

The checksum of a row is the CRC-32 of a JSON array of its columns, in which a BLOB stands as its
length, followed by the BLOBs themselves. It finds every change of a single byte, and any other with
a chance of 2**32 - 1 in 2**32. It does not protect against someone who changes a row on purpose.

`zlib.crc32` is in the standard library and in every Python of the operator; CRC-32C would need a
dependency and finds no more in rows of this size. No SQL refers to the checksum, so any SQLite
shell opens the file; a row that is changed there must be given a new checksum, or it counts as
damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from zlib import crc32

import orjson

#: The checksum of a row that has none: its text is not UTF-8, or a migration found it unreadable.
#: No CRC-32 is negative, so such a row always counts as damaged.
UNREADABLE = -1

#: Text that is not UTF-8 becomes half surrogates, which have no checksum: the row is damaged, and
#: reading the rows beside it goes on. By itself sqlite3 would raise an error for the whole
#: statement.
lenient_text = partial(str, encoding="utf-8", errors="surrogateescape")

#: What a row's checksum covers, in the order of the checksum. `operations` and `deliveries` leave
#: out `id`, which SQLite assigns and an index repeats.
COLUMNS = {
    "sessions": [
        "id",
        "session_id",
        "name",
        "token",
        "guest",
        "opened_ms",
        "ends_ms",
        "over_ms",
        "first_seq",
    ],
    "events": [
        "id",
        "session",
        "seq",
        "prev",
        "jump",
        "at_ms",
        "time",
        "kind",
        "key",
        "payload",
        "intent",
    ],
    "heads": ["session", "id", "seq"],
    "operations": ["operation_id", "kind", "state", "over", "at_ms"],
    "deliveries": [
        "delivery_id",
        "target",
        "lane",
        "event",
        "body",
        "status",
        "attempts",
        "created_ms",
        "due_ms",
        "reason",
        "at_ms",
    ],
    "cursors": ["name", "offset", "at_ms"],
    "retired": ["up_to"],
    "damaged": ["session", "offset", "reason", "found_ms"],
}


def row_checksum(values: Sequence[object]) -> int:
    """Of a row of any table, `values` in the order of COLUMNS; UNREADABLE if it has no checksum."""
    blobs = [one for one in values if isinstance(one, bytes)]
    plain = (
        [len(one) if isinstance(one, bytes) else one for one in values] if blobs else list(values)
    )
    try:
        found = crc32(orjson.dumps(plain))
    except TypeError:
        return UNREADABLE
    for blob in blobs:
        found = crc32(blob, found)
    return found


def event_checksum(values: Sequence[object]) -> int:
    """The same of a row of `events`, quicker: there is one for each event that is written."""
    payload, intent = values[9], values[10]
    if not isinstance(payload, bytes) or not (intent is None or isinstance(intent, bytes)):
        return row_checksum(values)
    try:
        head = orjson.dumps((*values[:9], len(payload), None if intent is None else len(intent)))
    except TypeError:
        return row_checksum(values)
    found = crc32(payload, crc32(head))
    return found if intent is None else crc32(intent, found)


def is_sound(row: Sequence[object]) -> bool:
    """`row` is the columns of a table, then its checksum."""
    return row[-1] != UNREADABLE and row_checksum(row[:-1]) == row[-1]


def is_sound_event(row: Sequence[object]) -> bool:
    """`row` is the columns of `events`, then its checksum."""
    return row[-1] != UNREADABLE and event_checksum(row[:-1]) == row[-1]


def sealed(values: tuple[object, ...]) -> tuple[object, ...]:
    """A row with its checksum."""
    return (*values, row_checksum(values))


def renewed(old: Sequence[object], values: Sequence[object]) -> int:
    """The checksum of a row that is changed. One that was damaged stays so: a new checksum would
    hide it."""
    return row_checksum(values) if is_sound(old) else UNREADABLE


#: Rows given their checksums in one step of a migration.
_FILL_ROWS = 5000

#: Columns that hold JSON; a row whose JSON cannot be read was damaged before it had a checksum.
_JSON = {"sessions": ("guest",), "events": ("payload", "intent"), "operations": ("state",)}


def fill(connection: sqlite3.Connection) -> None:
    """Give every row of a journal without checksums its own; within the caller's transaction."""
    factory, connection.text_factory = connection.text_factory, lenient_text
    try:
        for table in COLUMNS:
            _fill_table(connection, table)
    finally:
        connection.text_factory = factory


#: Columns that count from 1. With another value, reading would look for a seq or an offset that
#: there cannot be.
_FROM_ONE = {"sessions": ("first_seq",), "events": ("id", "seq"), "heads": ("id", "seq")}

#: What sqlite3 gives for a column of a STRICT table; a flipped byte can make it something else.
_TYPES: dict[str, type] = {"INTEGER": int, "TEXT": str, "BLOB": bytes}


def _fill_table(connection: sqlite3.Connection, table: str) -> None:
    columns = COLUMNS[table]
    is_readable = _reader_of(connection, table)
    select = (
        f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"
    )
    after = -1
    while rows := connection.execute(select, (after, _FILL_ROWS)).fetchall():
        sums = [
            (row_checksum(row) if is_readable(row) else UNREADABLE, number) for number, *row in rows
        ]
        connection.executemany(f"UPDATE {table} SET checksum = ? WHERE rowid = ?", sums)
        after = rows[-1][0]


def _reader_of(connection: sqlite3.Connection, table: str) -> Callable[[Sequence[object]], bool]:
    """What says whether a row of that table can have been written by guestd."""
    columns = COLUMNS[table]
    info = {
        name: (_TYPES[kind], bool(must))
        for _, name, kind, must, *_ in connection.execute(_TABLE_INFO % table)
    }
    types = [info[one] for one in columns]
    json_at = [columns.index(one) for one in _JSON.get(table, ())]
    from_one = [columns.index(one) for one in _FROM_ONE.get(table, ())]

    def is_readable(row: Sequence[object]) -> bool:
        is_typed = all(_is_of(value, *type_) for value, type_ in zip(row, types, strict=True))
        if not is_typed or any(row[at] < 1 for at in from_one):  # type: ignore[operator]  # numbers
            return False
        return _is_json(row, json_at)

    return is_readable


_TABLE_INFO = "PRAGMA table_info(%s)"


def _is_of(value: object, kind: type, must: bool) -> bool:
    return isinstance(value, kind) or (value is None and not must)


def _is_json(row: Sequence[object], json_at: Sequence[int]) -> bool:
    try:
        for at in json_at:
            if row[at] is not None:
                orjson.loads(row[at])  # type: ignore[arg-type]  # others: TypeError
    except (ValueError, TypeError):
        return False
    return True
