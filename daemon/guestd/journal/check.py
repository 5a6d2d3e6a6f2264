"""Everything that can be wrong with a journal: SQLite's own view, then ours of each row and each
stream.

Used by `guestd journal check`, by backups and restores, and, in a shorter form, at each start.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence

import orjson

from .checksum import COLUMNS, is_sound, lenient_text
from .queries import migrations, queries

#: Since then each event names those before it; see skip_links.py.
SCHEMA_WITH_LINKS = 2

#: Since then every row carries a checksum; see checksum.py.
SCHEMA_WITH_CHECKSUMS = 3

#: Lines that are told of; with more damage than this a backup is the remedy.
PROBLEMS_MAX = 100

#: What SQLite says of a value in a row: that is the row's damage, and its checksum finds it.
_OF_A_ROW = re.compile(
    r"(NULL|NUMERIC|TEXT|non-[A-Z]+) value in |row not in |CHECK constraint failed"
)

#: What SQLite says of an index that does not fit its table; the index is made from the table again.
_OF_AN_INDEX = re.compile(
    r"missing from index|wrong # of entries in index|non-unique entry in index|in index"
)

#: What SQLite and sqlite3 raise for a file that is damaged; the second where the schema is no
#: UTF-8.
UNREADABLE_FILE = (sqlite3.DatabaseError, UnicodeDecodeError)

#: What SQLite says of the system around a file, which says nothing of the file itself: a full disk,
#: above all.
_OF_THE_SYSTEM = tuple(
    f"SQLITE_{one}"
    for one in (
        "FULL",
        "IOERR",
        "CANTOPEN",
        "BUSY",
        "LOCKED",
        "NOMEM",
        "READONLY",
        "PERM",
        "INTERRUPT",
    )
)


def is_damage(error: Exception) -> bool:
    """Does the error say that the file's structure is damaged?"""
    if isinstance(error, UnicodeDecodeError):
        return True
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))


def at_start(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """In SQLite's words: what is wrong with the file's structure, and which indexes do not fit
    their tables.

    What is wrong with a single row is neither: its checksum finds it when it is read."""
    indexes, structure = [], []
    for one in integrity(connection):
        if _OF_AN_INDEX.search(one):
            indexes.append(one)
        elif not _OF_A_ROW.search(one):
            structure.append(one)
    return structure, indexes


def integrity(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong, in its own words. Raises sqlite3.Error if the file could not be read
    to its end for another reason than damage, such as a full disk."""
    try:
        connection.execute("PRAGMA cell_size_check = ON")
        found = [
            str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})")
        ]
    except UNREADABLE_FILE as error:
        if getattr(error, "sqlite_errorname", "").startswith(_OF_THE_SYSTEM):
            raise
        return [str(error)]
    return [] if found == ["ok"] else found


def full_check(connection: sqlite3.Connection) -> list[str]:
    """Every page, index, row and stream; what is wrong, a line each; an empty list if nothing."""
    factory, connection.text_factory = connection.text_factory, lenient_text
    try:
        connection.execute("BEGIN")
        found = integrity(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        found += broken_schema(connection, version)
        if not 0 < version <= len(migrations()) or found:
            return found + (_rows_if_readable(connection, version) if found else [])
        return (found + _rows(connection, version))[:PROBLEMS_MAX]
    except UNREADABLE_FILE as error:
        return [str(error)]
    finally:
        connection.text_factory = factory
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _rows_if_readable(connection: sqlite3.Connection, version: int) -> list[str]:
    """As far as it goes: SQLite's own findings come first."""
    try:
        return _rows(connection, version)[:PROBLEMS_MAX]
    except UNREADABLE_FILE:
        return []


def _rows(connection: sqlite3.Connection, version: int) -> list[str]:
    found = list(damaged_rows(connection)) if version >= SCHEMA_WITH_CHECKSUMS else []
    return found + (broken_streams(connection) if version >= SCHEMA_WITH_LINKS else [])


def damaged_rows(connection: sqlite3.Connection) -> Iterator[str]:
    """Each row that is not as it was written, and whose it is."""
    for table, columns in COLUMNS.items():
        select = (
            f"SELECT rowid, {', '.join(columns)}, checksum FROM {table} NOT INDEXED ORDER BY rowid"
        )
        for number, *row in connection.execute(select):
            problem = _problem(table, row)
            if problem:
                yield f"row {number} of {table}{_whose(connection, table, row)}: {problem}"


def _problem(table: str, row: Sequence[object]) -> str:
    if not is_sound(row):
        return "its checksum does not match"
    if table == "events" and not _is_json(row[9]):
        return "its content is not JSON"
    return ""


def _is_json(payload: object) -> bool:
    try:
        orjson.loads(payload)  # type: ignore[arg-type]  # another type is a TypeError
    except (ValueError, TypeError):
        return False
    return True


def _whose(connection: sqlite3.Connection, table: str, row: Sequence[object]) -> str:
    if table == "sessions":
        return f" (session {row[1]!r})"
    if table not in ("events", "heads"):
        return ""
    number = row[1] if table == "events" else row[0]
    if not isinstance(
        number, int
    ):  # a flipped byte may have made it a text that SQLite does not take back
        return f" (session number {number!r})"
    found = connection.execute(queries()["session_row_of"], (number,)).fetchone()
    return f" (session {found[1]!r})" if found is not None else f" (session number {number!r})"


def broken_schema(connection: sqlite3.Connection, version: int) -> list[str]:
    """Where the tables and indexes are not those of that schema version."""
    if not 0 < version <= len(migrations()):
        return [f"its schema version is {version}, which this guestd does not know"]
    fresh = sqlite3.connect(":memory:")
    try:
        for script in migrations()[:version]:
            fresh.executescript(script)
        wanted, found = _schema(fresh), _schema(connection)
    finally:
        fresh.close()
    names = sorted({name for name, _ in wanted.symmetric_difference(found)}, key=str)
    return [f"the definition of {name} is not that of schema version {version}" for name in names]


def _schema(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    rows = connection.execute(
        "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema"
    )
    return {(name, " ".join(str(text).split())) for name, text in rows}


def broken_streams(connection: sqlite3.Connection) -> list[str]:
    """Where an event is not joined to those before it, or a seq is missing or there twice; see
    skip_links.py."""
    events = connection.execute(queries()["broken_links"])
    heads = connection.execute(queries()["broken_heads"])
    return [
        *(
            f"event {seq} of stream {number} is not joined to those before it"
            for number, seq in events
        ),
        *(
            f"stream {number} does not end with its newest event, or lacks one"
            for (number,) in heads
        ),
    ]
