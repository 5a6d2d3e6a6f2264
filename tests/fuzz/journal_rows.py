"""A journal whose file was changed behind its back: read to its end, it gives clear errors or what
a journal may hold.

An input is a list of changes of OP_BYTES each and the bytes they need: 0 flips bits of the file; 1
overwrites a stretch of it; 2 puts bytes into a column of a row by SQL, so that SQLite itself finds
nothing wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import orjson

from guestd.journal import database
from guestd.journal.sqlite import SqliteJournal
from guestd.model.errors import GuestdError
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord

from .log_watch import LogWatch
from .target import Target

OP_BYTES = 8
OPS_MAX = 8
SESSIONS = ("s1", "s2", "s3")
EVENTS = 12


class JournalRows(Target):
    name = "journal_rows"
    tokens = (
        *(
            b"\0",
            b"\1",
            b"\2",
            b"\xff" * 8,
            b"{}",
            b"[]",
            b"null",
            b'{"seq":1}',
            b"\xff\xfe",
            b"-1",
            b"9" * 19,
        ),
        *(b'{"email":1}', b'"\\ud800"', b"\0" * OP_BYTES, b"[" * 300, b""),
    )
    bytes_max = 512

    def open(self) -> None:
        self._log = LogWatch()
        self._log.start()
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory(prefix="guestd-fuzz-")
        self._sound = _sound_journal(Path(self._folder.name), self._loop)

    def close(self) -> None:
        self._loop.close()
        self._folder.cleanup()
        self._log.stop()

    def check(self, data: bytes) -> Hashable:
        with tempfile.TemporaryDirectory(dir=self._folder.name) as name:
            directory = Path(name)
            _damage(directory / database.NAME, self._sound, data)
            with suppress(GuestdError):
                database.verify(directory / database.NAME)
            answer = self._loop.run_until_complete(self._read_all(directory))
        for line in self._log.lines():
            assert '"exception"' not in line and "Traceback" not in line, line
        return answer

    async def _read_all(self, directory: Path) -> Hashable:
        failures: list[GuestdError] = []
        journal = SqliteJournal(directory, self._loop, failures.append)
        try:
            journal.start()
        except GuestdError as error:
            assert str(error)
            return "not started"
        try:
            return tuple([await _asked(question) for question in _questions(journal)])
        finally:
            with suppress(GuestdError):
                await journal.stop()


async def _asked(question: Callable[[], Coroutine[Any, Any, Any]]) -> str:
    try:
        await question()
    except GuestdError as error:
        assert str(error)
        return "refused"
    return "answered"


def _questions(journal: SqliteJournal) -> list[Callable[[], Coroutine[Any, Any, Any]]]:
    """Everything that is ever asked of a journal. What is answered can be passed on."""
    of_sessions: list[Callable[[], Coroutine[Any, Any, Any]]] = []
    for one in (*SESSIONS, OWN_STREAM):
        of_sessions += [
            lambda one=one: _assert_rows(journal, one),
            lambda one=one: journal.identities(one, 100),
            lambda one=one: journal.last_seq(one),
            lambda one=one: journal.command(one, "c1"),
            lambda one=one: journal.was_shown(one, "m1", "2027-05-31T09:15:02.417Z"),
            lambda one=one: journal.was_shown(one, "m1", ""),
        ]
    return [
        lambda: _assert_all_saved(journal),
        *of_sessions,
        lambda: _assert_order(journal),
        lambda: journal.read_on(0, 100, ["message"]),
        lambda: _assert_progress(journal, ["fact"]),
        lambda: _assert_progress(journal, ()),
        lambda: journal.operation("o1"),
        lambda: journal.operations(),
        lambda: journal.deliveries("waiting"),
    ]


async def _assert_rows(journal: SqliteJournal, session_id: str) -> None:
    for row in (await journal.read(session_id, 0, 100)).rows:
        _assert_row(row)


async def _assert_order(journal: SqliteJournal) -> None:
    for one in await journal.read_on(0, 100):
        _assert_row(one.row)


async def _assert_all_saved(journal: SqliteJournal) -> None:
    for one in await journal.recover():
        _assert_saved(one)


async def _assert_progress(journal: SqliteJournal, kinds: Sequence[str]) -> None:
    """Read on as the audit does, to the end: each page begins after the one before."""
    offsets = [0]
    while page := (await journal.read_on(offsets[-1], 10, kinds)):
        offsets += [one.offset for one in page]
        assert offsets == sorted(set(offsets)) and len(offsets) < 1000


def _assert_row(row: Any) -> None:
    session_id, seq, kind, payload, *_ = row
    assert isinstance(session_id, str) and isinstance(seq, int) and isinstance(kind, str)
    assert isinstance(payload, bytes)


def _assert_saved(saved: Any) -> None:
    orjson.dumps({"attributes": saved.record.attributes, "metadata": saved.record.metadata})
    assert isinstance(saved.record.token, str) and isinstance(saved.seq, int)
    for one in saved.commands:
        assert isinstance(one.intent, dict)


# ------------------------------------------------------------------ the damage


def _damage(path: Path, sound: bytes, data: bytes) -> None:
    changed = bytearray(sound)
    by_sql = []
    for start in range(0, min(len(data), OPS_MAX * OP_BYTES), OP_BYTES):
        op = data[start : start + OP_BYTES].ljust(OP_BYTES, b"\0")
        what, at = op[0] % 3, int.from_bytes(op[1:4], "big") % len(changed)
        if what == 0:
            changed[at] ^= op[4] or 1
        elif what == 1:
            stretch = data[start + OP_BYTES :][: op[4] + 1]
            changed[at : at + len(stretch)] = stretch[: len(changed) - at]
        else:
            by_sql.append((op, data[start + OP_BYTES :][: op[7]]))
    path.write_bytes(changed)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for op, value in by_sql:
            with suppress(sqlite3.Error, UnicodeDecodeError, OverflowError):
                _put(connection, op, value)


def _put(connection: sqlite3.Connection, op: bytes, value: bytes) -> None:
    """The op's bytes choose the table, the row and the column; a column's type decides how the
    value is taken."""
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ).fetchall()
    (table,) = found[op[1] % len(found)]
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    _, column, form, *_ = columns[op[2] % len(columns)]
    count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    given = int.from_bytes(value[:8], "big", signed=True) if form == "INTEGER" else value
    cast = f"CAST(? AS {form})" if form in ("INTEGER", "TEXT", "BLOB") else "?"
    connection.execute(
        f"UPDATE {table} SET {column} = {cast} WHERE rowid = (SELECT rowid FROM {table} LIMIT 1"
        " OFFSET ?)",
        (given, op[3] % max(1, count)),
    )


# ------------------------------------------------------------------ a sound journal


def _sound_journal(directory: Path, loop: asyncio.AbstractEventLoop) -> bytes:
    """The bytes of a journal with guest sessions, events, operations and deliveries, its WAL
    written back."""

    async def write() -> None:
        journal = SqliteJournal(directory, loop, lambda error: None)
        journal.start()
        done = loop.create_future()
        journal.cursor("audit")
        journal.commit(_content(), lambda: done.set_result(None))
        await asyncio.wait_for(done, 10.0)
        await journal.stop()

    loop.run_until_complete(write())
    return (directory / database.NAME).read_bytes()


def _content() -> Commit:
    intent = b'{"action":"send","trace":"t","text":"hi","attributes":null}'
    opened, rows = [], []
    for one in SESSIONS:
        opened.append(
            SessionRecord(
                one, f"name-{one}", f"token-{one}", "a@b.c", {"k": "v"}, {"p": 1}, 1000, 2000
            )
        )
        rows.append(
            EventRow(
                one,
                1,
                "session",
                b'{"seq":1,"kind":"session","state":"live","read_only":false}',
                "",
                b"",
            )
        )
        rows.append(
            (one, 2, "accepted", b'{"seq":2,"kind":"accepted","command_id":"c1"}', "c1", intent)
        )
        for seq in range(3, EVENTS + 1):
            event = {
                "seq": seq,
                "kind": "message",
                "text": f"text {seq}",
                "time": "2027-05-31T09:15:02.417Z",
            }
            rows.append(EventRow(one, seq, "message", orjson.dumps(event), f"m{seq}", b""))
    rows.append(EventRow(OWN_STREAM, 1, "fact", b'{"seq":1,"kind":"fact"}', "", b""))
    return Commit(
        opened=opened,
        rows=rows,
        over=["s3"],
        operations=[OperationRecord("o1", "create", b'{"step":1}', False)],
        deliveries=[_delivery()],
        at_ms=1_800_000_000_000,
    )


def _delivery() -> DeliveryRecord:
    return DeliveryRecord("d1", "crm", "s1", "message", b'{"seq":3}', "waiting", 0, 1000, 1000, "")
