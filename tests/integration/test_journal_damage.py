"""Bytes of the journal that changed on the disk: found, said, contained, and never served."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from random import Random

import orjson
import pytest
from typer.testing import CliRunner

from guestd.app.commands.journal import app
from guestd.journal import database
from guestd.journal.checksum import COLUMNS, lenient_text
from guestd.journal.retention import Retention
from guestd.journal.sqlite import SqliteJournal
from guestd.journal.writer import Writer
from guestd.model.errors import Damaged, JournalError
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord

FLIPS = 400


def record(name):
    return SessionRecord(
        name, f"guest-{name}", f"token-{name}", "a@example.org", {"k": "v"}, {}, 1000, 2000
    )


def event(name, seq, kind, key="", intent=b"", **more):
    time = f"2027-05-31T09:15:{seq % 60:02d}.417Z"
    content = orjson.dumps({"seq": seq, "kind": kind, "time": time, **more})
    return name, seq, kind, content, key, intent


def talk(name, messages=6):
    send = orjson.dumps({"action": "send", "text": f"hello of {name}"})
    return [
        event(name, 1, "session", state="live", read_only=False),
        event(name, 2, "accepted", "c1", send, command_id="c1", action="send"),
        event(name, 3, "delivery", "c1", command_id="c1", status="confirmed"),
        event(name, 4, "accepted", "c2", send, command_id="c2", action="send"),
        *(
            event(name, 5 + n, "message", f"m{n}", text=f"text {n} of {name}")
            for n in range(messages)
        ),
    ]


@pytest.fixture
async def new_journal(tmp_path):
    opened = []

    def build():
        failures = []
        journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), failures.append)
        journal.start()
        journal.failures = failures
        opened.append(journal)
        return journal

    yield build
    for journal in opened:
        await journal.stop()


async def commit(journal, **parts):
    done = asyncio.get_running_loop().create_future()
    journal.commit(Commit(**parts), lambda: done.set_result(None))
    await asyncio.wait_for(done, 30.0)


async def filled(journal, names="abc"):
    await commit(journal, opened=[record(name) for name in names], at_ms=5)
    for name in names:
        await commit(journal, rows=talk(name), at_ms=6)
    await commit(
        journal,
        rows=[
            EventRow(
                OWN_STREAM,
                1,
                "fact",
                b'{"seq":1,"kind":"fact","action":"x","status":"success"}',
                "",
                b"",
            )
        ],
        operations=[
            OperationRecord("o1", "prompt", b'{"step":1}'),
            OperationRecord("o2", "prompt", b'{"step":2}'),
        ],
        deliveries=[DeliveryRecord(f"d{n}", "crm", "l", "e", b'{"n":%d}' % n) for n in range(3)],
        cursors=[("audit", 3)],
        at_ms=7,
    )
    await journal.stop()


def change(tmp_path, statement):
    connection = sqlite3.connect(tmp_path / database.NAME)
    assert connection.execute(statement).rowcount == 1
    connection.commit()
    connection.close()


def check(tmp_path):
    return CliRunner().invoke(app, ["check", "-d", str(tmp_path)])


OF_B = "(SELECT id FROM sessions WHERE session_id = 'b')"


@pytest.mark.parametrize(
    "damage",
    [
        (
            f"UPDATE events SET intent = x'7b' WHERE session = {OF_B} AND key = 'c2' AND kind ="
            " 'accepted'"
        ),
        f"UPDATE events SET payload = x'7b' WHERE session = {OF_B} AND kind = 'session'",
        f"UPDATE events SET jump = 1 WHERE session = {OF_B} AND seq = 10",
        f"UPDATE heads SET seq = 7 WHERE session = {OF_B}",
        f"DELETE FROM heads WHERE session = {OF_B}",
        "UPDATE sessions SET guest = '{' WHERE session_id = 'b'",
        "UPDATE sessions SET token = 'other' WHERE session_id = 'b'",
        "UPDATE sessions SET name = CAST(x'67ff' AS TEXT) WHERE session_id = 'b'",
    ],
)
async def test_a_session_with_a_damaged_row_is_set_aside_and_all_others_come_back(
    new_journal, tmp_path, damage, caplog
):
    await filled(new_journal())
    change(tmp_path, damage)
    result = check(tmp_path)
    assert result.exit_code == 1 and result.stdout
    for _ in range(2):  # it stays aside
        journal = new_journal()
        assert [one.record.session_id for one in (await journal.recover())] == ["a", "c"]
        with pytest.raises(Damaged, match="guest session b"):
            await journal.read("b", 0, 100)
        assert [row.seq for row in (await journal.read("a", 0, 100)).rows] == list(range(1, 11))
        assert journal.failures == []
        await journal.stop()
    reported = [
        line
        for line in caplog.records
        if line.levelno == logging.ERROR and "damaged in" in line.message
    ]
    assert reported and database.NAME in reported[0].message


async def test_a_message_that_was_damaged_is_found_when_it_is_read(new_journal, tmp_path):
    await filled(new_journal())
    change(
        tmp_path,
        "UPDATE events SET payload = CAST(replace(payload, 'text 1', 'test 1') AS BLOB)"
        f" WHERE session = {OF_B} AND seq = 6",
    )
    journal = new_journal()
    assert [one.record.session_id for one in (await journal.recover())] == ["a", "b", "c"]
    assert [row.seq for row in (await journal.read("b", 6, 100)).rows] == [
        7,
        8,
        9,
        10,
    ], "what is sound is shown"
    with pytest.raises(Damaged):
        await journal.read("b", 4, 100)
    with pytest.raises(Damaged):
        await journal.identities("b", 100)
    assert journal.damaged_rows == 1
    assert len(await journal.identities("a", 100)) == 6
    await journal.stop()
    again = new_journal()
    assert [one.record.session_id for one in (await again.recover())] == ["a", "c"]


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE events SET prev = prev - 1 WHERE session = {OF_B} AND seq = 6",
        f"UPDATE events SET seq = 77 WHERE session = {OF_B} AND seq = 6",
        f"UPDATE events SET session = 1, time = 1 WHERE session = {OF_B} AND seq = 6",
        f"DELETE FROM events WHERE session = {OF_B} AND seq = 6",
    ],
)
async def test_no_event_is_missing_or_foreign_without_a_word(new_journal, tmp_path, damage):
    await filled(new_journal())
    change(tmp_path, damage)
    journal = new_journal()
    with pytest.raises(Damaged):
        await journal.read("b", 0, 100)
    assert [row.seq for row in (await journal.read("a", 0, 100)).rows] == list(range(1, 11))


async def test_two_rows_that_changed_places_are_found(new_journal, tmp_path):
    await filled(new_journal())
    connection = sqlite3.connect(tmp_path / database.NAME)
    six, seven = (
        connection.execute(
            f"SELECT payload, key, time, checksum, id FROM events WHERE session = {OF_B} AND"
            " seq = ?",
            (seq,),
        ).fetchone()
        for seq in (6, 7)
    )
    swap = "UPDATE events SET payload = ?, key = ?, time = ?, checksum = ? WHERE id = ?"
    connection.execute(swap, (b"{}", None, None, 0, seven[4]))
    connection.execute(swap, (*seven[:4], six[4]))
    connection.execute(swap, (*six[:4], seven[4]))
    connection.commit()
    connection.close()
    with pytest.raises(Damaged):
        await new_journal().read("b", 0, 100)


async def test_readers_of_all_streams_go_on_after_a_damaged_event_and_are_told_its_offset(
    new_journal, tmp_path
):
    await filled(new_journal())
    change(tmp_path, "UPDATE events SET payload = x'7b' WHERE id = 2")
    change(tmp_path, "UPDATE events SET kind = 'sessiof' WHERE id = 11")
    journal = new_journal()
    page = await journal.read_on(0, 100, ("session", "accepted"))
    assert [one.offset for one in page] == [1, 2, 4, 11, 12, 14, 21, 22, 24, 31]
    assert [one.offset for one in page if one.row.kind == "damaged"] == [2, 11]
    assert orjson.loads(page[1].row.payload) == {"kind": "damaged", "offset": 2}
    assert journal.damaged_rows == 2


async def test_damaged_operations_webhooks_and_cursors_are_left_out(new_journal, tmp_path):
    await filled(new_journal())
    change(tmp_path, "UPDATE operations SET state = x'7b' WHERE operation_id = 'o1'")
    change(tmp_path, "UPDATE deliveries SET body = x'7b' WHERE delivery_id = 'd1'")
    change(tmp_path, "UPDATE cursors SET offset = 30 WHERE name = 'audit'")
    journal = new_journal()
    assert [one.operation_id for one in (await journal.operations())] == ["o2"]
    with pytest.raises(Damaged):
        await journal.operation("o1")
    assert [one.delivery_id for one in (await journal.deliveries("waiting", "", 2))] == ["d0", "d2"]
    assert journal.cursor("audit") == 0, "read again from the oldest on; nothing is left out"
    assert journal.damaged_rows == 3
    await commit(journal, cursors=[("audit", 5)])
    await journal.stop()
    assert new_journal().cursor("audit") == 5


async def test_the_own_stream_goes_on_after_damage(new_journal, tmp_path):
    await filled(new_journal())
    change(tmp_path, "UPDATE heads SET id = 3 WHERE session = 0")
    journal = new_journal()
    await commit(journal, rows=[EventRow(OWN_STREAM, 2, "fact", b'{"seq":2}', "", b"")])
    assert journal.failures == []


async def test_retention_takes_a_damaged_session_as_well(new_journal, tmp_path):
    await filled(new_journal())
    change(tmp_path, f"UPDATE events SET prev = 0, jump = 0 WHERE session = {OF_B} AND seq = 9")
    journal = new_journal()
    await commit(journal, over=["a", "b"], cursors=[("audit", 99)])
    await journal.stop()
    connection = database.open_for_writing(tmp_path)
    now_ms = 7  # when the newest event was written; from then on both clocks go ahead together
    writer = Writer(connection, lambda: now_ms, lambda: now_ms / 1000)
    writer.retire(Retention(over_ms=-1, dead_ms=0))
    now_ms = 2**50
    for _ in range(20):
        writer.retire(Retention(over_ms=-1, dead_ms=0))
    assert connection.execute("SELECT session_id FROM sessions WHERE id > 0").fetchall() == [("c",)]
    assert connection.execute("SELECT count(*) FROM events WHERE session > 0").fetchone() == (10,)
    assert connection.execute("SELECT count(*) FROM damaged").fetchone() == (0,)
    connection.close()
    assert check(tmp_path).exit_code == 0


async def test_an_index_that_does_not_fit_is_made_again(new_journal, tmp_path):
    await filled(new_journal())
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute("PRAGMA writable_schema = ON")
    partial = "CREATE INDEX events_state ON events (session, seq) WHERE kind = 'none'"
    whole = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE name = 'events_state'"
    ).fetchone()[0]
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'events_state'", (partial,))
    connection.commit()
    connection.close()
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute("REINDEX events_state")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'events_state'", (whole,))
    connection.commit()
    connection.close()
    assert check(tmp_path).exit_code == 1
    assert [one.joined for one in (await new_journal().recover())] == [True] * 3
    assert check(tmp_path).exit_code == 0


async def test_a_schema_that_is_no_text_is_an_error_with_a_remedy(new_journal, tmp_path):
    await filled(new_journal())
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray((tmp_path / database.NAME).read_bytes())
    at = data.index(b"CREATE TABLE operations")
    data[at : at + 12] = b"CREATE\xff\xff\xff\xff\xff\xff"
    (tmp_path / database.NAME).write_bytes(data)
    with pytest.raises(JournalError, match="journal restore"):
        new_journal()


async def test_a_column_of_another_name_is_an_error_with_a_remedy(new_journal, tmp_path):
    await filled(new_journal())
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'opened_ms', 'npened_ms')")
    connection.commit()
    connection.close()
    with pytest.raises(JournalError, match=r"definition of sessions .*journal restore"):
        new_journal()


def dump(path):
    """All that a reader could get from the file; an error's text where there is none."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    connection.text_factory = lenient_text
    found = []
    try:
        for statement in (
            "PRAGMA user_version",
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
            *(
                f"SELECT rowid, {', '.join(columns)} FROM {table} ORDER BY rowid"
                for table, columns in COLUMNS.items()
            ),
        ):
            found.append(connection.execute(statement).fetchall())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        found.append(repr(error))
    finally:
        connection.close()
    return found


def problems_of(path):
    try:
        database.verify(path)
    except JournalError as error:
        return str(error)
    return ""


async def test_the_check_finds_every_flip_that_changes_something(new_journal, tmp_path):
    """Random bytes of a real file; what changes nothing that can be read, free space above all,
    does not count."""
    await filled(new_journal(), "abcdefgh")
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("INSERT INTO damaged VALUES (99, 0, 'x', 0, 0)")
    connection.execute("DELETE FROM damaged")
    connection.commit()
    connection.close()
    whole, path, rng = (
        (tmp_path / database.NAME).read_bytes(),
        tmp_path / "flipped.sqlite3",
        Random(9),
    )
    shutil.copyfile(tmp_path / database.NAME, path)
    before = dump(path)
    assert problems_of(path) == ""
    counted, missed = 0, []
    while counted < FLIPS:
        at, bits = rng.randrange(len(whole)), rng.randrange(1, 256)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ bits]))
        if dump(path) != before:
            counted += 1
            if not problems_of(path):
                missed.append((at, bits))
        with path.open("r+b") as file:
            file.seek(at)
            file.write(whole[at : at + 1])
    assert missed == []
