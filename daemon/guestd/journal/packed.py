"""Many rows of `events` fetched in one step.

While SQLite works, other threads run: `sqlite3` gives up the interpreter's lock for each step of a
statement, and a step is one row. A page of a hundred rows gives it up and asks for it again a
hundred times, in competition with the loop and with the thread that writes; each of these may find
it taken, and is then woken by the kernel. So SQLite joins the rows to a single one, in one step and
without the lock:

    heads       the columns up to `key` and the lengths of payload and intent, as a JSON array, one
                line for each row; what `event_checksum` begins with
    payloads    one after the other
    intents     one after the other
    checksums   with commas between them

A hundred rows take half the time of a hundred steps, a third of it with the lock.

Only what is proven is read from it: each row's checksum must be that of its line, payload and
intent. Otherwise (a damaged row may be anything, and the whole cannot be taken apart) the same rows
are fetched one by one, for the caller to see which one is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from .checksum import COLUMNS, event_checksum
from .queries import queries

_PAYLOAD, _INTENT = (COLUMNS["events"].index(one) for one in ("payload", "intent"))


class Rows(NamedTuple):
    """Rows of `events`, checksum included. `are_sound`: each was compared with its checksum; if
    not, that is left to do."""

    rows: list[tuple[Any, ...]]
    are_sound: bool


def fetch(connection: sqlite3.Connection, name: str, asked: Mapping[str, object]) -> Rows:
    """What the statement of that name finds, which gives the columns of `events`. Within the
    caller's transaction."""
    found = _in_one_step(connection, name, asked)
    if found is not None:
        return Rows(found, True)
    return Rows(connection.execute(queries()[name], asked).fetchall(), False)


def _in_one_step(
    connection: sqlite3.Connection, name: str, asked: Mapping[str, object]
) -> list[tuple[Any, ...]] | None:
    """None if not all of it is proven."""
    try:
        packed = connection.execute(_statement(name), asked).fetchone()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_ERROR":
            raise
        return None  # a BLOB among the columns, which JSON cannot hold
    return [] if packed[0] is None else _unpacked(*packed)


def _unpacked(
    heads: bytes, payloads: bytes, intents: bytes | None, checksums: str | None
) -> list[tuple[Any, ...]] | None:
    lines, rows = heads.split(b"\n"), []
    at = intent_at = 0
    try:
        columns = orjson.loads(b"[%b]" % b",".join(lines))
        sums = orjson.loads(f"[{checksums}]")
        for line, row, checksum in zip(lines, columns, sums, strict=True):
            end = at + row[_PAYLOAD]
            row[_PAYLOAD] = payload = payloads[at:end]
            at = end
            found = crc32(payload, crc32(line))
            if row[_INTENT] is not None:
                intent_end = intent_at + row[_INTENT]
                row[_INTENT] = intent = (intents or b"")[intent_at:intent_end]
                intent_at = intent_end
                found = crc32(intent, found)
            # SQLite may escape a text in another way than what the checksum was made of
            if found != checksum and event_checksum(row) != checksum:
                return None
            row.append(checksum)
            rows.append(tuple(row))
    except (ValueError, TypeError, IndexError):
        return None
    return rows


@cache
def _statement(name: str) -> str:
    return queries()["packed"].replace("found", f"({queries()[name].removesuffix(';')})")
