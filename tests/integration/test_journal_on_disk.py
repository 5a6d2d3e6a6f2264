"""The journal on disk: its thread, its lock, its file; a disk that is full, fails, or gives back
rubbish."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3

import pytest
from typer.testing import CliRunner

from guestd.app.commands.journal import app
from guestd.journal import database
from guestd.journal.settings import JournalSettings
from guestd.journal.sqlite import SqliteJournal
from guestd.model.errors import ConfigError, JournalError
from guestd.model.journal import Commit, EventRow
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord

from .disk_journal import commit, record, row


async def test_it_is_all_there_after_a_restart(new_journal):
    journal = new_journal()
    intent = b'{"action":"send","trace":"t","text":"hi","attributes":null}'
    await commit(journal, opened=[record("a"), record("b"), record("c")])
    await commit(
        journal,
        rows=[
            row("a", 1, "session", payload=b'{"state":"live","read_only":true}'),
            row("a", 2, "accepted", "c1", intent),
            row("a", 3, "delivery", "c1"),
            row("a", 4, "message", "m1"),
            row("a", 5, "accepted", "c2", intent),
            row("b", 1, "session", payload=b'{"state":"live","read_only":false}'),
        ],
        over=["b"],
    )
    await journal.stop()
    again = new_journal()
    first, second = await again.recover()
    assert first.record == record("a") and (first.seq, first.joined, first.read_only) == (
        5,
        True,
        True,
    )
    assert [(one.command_id, one.seq, one.settled) for one in first.commands] == [
        ("c1", 2, True),
        ("c2", 5, False),
    ]
    assert first.commands[1].intent["text"] == "hi"
    assert second.record == record("c") and (second.seq, second.joined, second.commands) == (
        0,
        False,
        [],
    )
    assert (await again.identities("a", 10)) == [("m1", "t4")]
    assert [one.seq for one in (await again.read("a", 2, 10)).rows] == [3, 4, 5]


async def test_what_is_durable_but_not_yet_told_is_not_read(new_journal):
    """Else a watcher who comes in between would be shown it twice."""
    journal = new_journal()
    await commit(journal, opened=[record("a")], rows=[row("a", 1)])
    acknowledged = journal._acknowledged
    await commit(journal, rows=[row("a", 2)])
    journal._acknowledged = acknowledged
    assert [one.seq for one in (await journal.read("a", 0, 10)).rows] == [1]


async def test_readers_of_all_streams_see_only_what_was_acknowledged(new_journal):
    journal = new_journal()
    start = journal.cursor("audit")
    await commit(journal, rows=[EventRow(OWN_STREAM, 1, "fact", b"{}", "", b"")])
    acknowledged = journal._acknowledged
    await commit(journal, rows=[EventRow(OWN_STREAM, 2, "fact", b"{}", "", b"")])
    journal._acknowledged = acknowledged
    assert [one.row.seq for one in (await journal.read_on(start, 10))] == [1]


async def test_readers_operations_and_deliveries_outlive_the_process(new_journal):
    journal = new_journal()
    await commit(journal, rows=[EventRow(OWN_STREAM, 1, "fact", b"{}", "", b"")])
    assert (journal.cursor("audit"), journal.cursor("webhooks")) == (1, 1)
    operation, over = (
        OperationRecord("x", "prompt", b"{}"),
        OperationRecord("y", "prompt", b"{}", over=True),
    )
    waiting = DeliveryRecord(
        "d",
        "crm",
        "lane",
        "message.received",
        b"{}",
        attempts=3,
        created_ms=1,
        due_ms=2,
        reason="503",
    )
    await commit(
        journal,
        rows=[EventRow(OWN_STREAM, 2, "fact", b"{}", "", b"")],
        operations=[operation, over],
    )
    await commit(journal, deliveries=[waiting], cursors=[("webhooks", 2)])
    await journal.stop()
    again = new_journal()
    assert (again.cursor("audit"), again.cursor("webhooks"), again.cursor("new")) == (1, 2, 2)
    assert ((await again.operations()), (await again.operation("y"))) == ([operation], over)
    assert (await again.deliveries("waiting")) == [waiting] and (
        await again.last_seq(OWN_STREAM)
    ) == 2
    assert [one.offset for one in (await again.read_on(1, 10))] == [2]


async def test_a_journal_that_is_never_idle_retires_as_it_writes(new_journal):
    journal = new_journal(settings=JournalSettings(retention_s=0.001, ballast_bytes=0))
    await commit(
        journal, opened=[record("a")], rows=[row("a", n) for n in range(1, 1500)], over=["a"]
    )
    await asyncio.sleep(0.005)
    journal._pace._nothing_until = 0.0  # a second has passed since it found nothing to take
    await commit(journal, opened=[record("b")])
    for start in range(1, 3001, 1000):
        await commit(journal, rows=[row("b", n) for n in range(start, start + 1000)])
    assert (await journal.read("a", 0, 10)).rows == [] and len(
        (await journal.read("b", 0, 5000)).rows
    ) == 3000


async def test_info_counts_and_export_shows_no_token(new_journal, tmp_path):
    journal = new_journal()
    journal.cursor("audit")
    await commit(
        journal,
        opened=[record("a", token="canary-token")],
        rows=[row("a", 1), row("a", 2, "accepted", "c1", b"{}")],
    )
    await commit(
        journal,
        rows=[EventRow(OWN_STREAM, 1, "fact", b'{"seq":1,"kind":"fact"}', "", b"")],
        operations=[
            OperationRecord("x", "prompt", b'{"key":"canary-key"}'),
            OperationRecord("y", "prompt", b"{}", over=True),
        ],
        deliveries=[
            DeliveryRecord(one, "t", "l", "e", b"canary-body", status=one)
            for one in ("waiting", "delivered", "dead")
        ],
    )
    shown = CliRunner().invoke(app, ["info", "-d", str(tmp_path), "--json"])
    found = json.loads(shown.stdout)
    assert {key: found[key] for key in found if key not in ("file", "bytes", "schema_version")} == {
        "sessions_living": 1,
        "sessions": 1,
        "events": 3,
        "facts": 1,
        "commands_unsettled": 0,
        "operations_running": 1,
        "operations": 2,
        "deliveries_waiting": 1,
        "deliveries_delivered": 1,
        "deliveries_dead": 1,
        "unread_by_audit": 3,
    }
    exported = CliRunner().invoke(app, ["export", "-d", str(tmp_path)])
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [(line["offset"], line["session"], line["seq"]) for line in lines] == [
        (1, "a", 1),
        (2, "a", 2),
        (3, "", 1),
    ]
    assert "canary" not in exported.stdout + shown.stdout


async def test_many_commits_are_few_transactions_and_answers_keep_their_order(new_journal):
    journal = new_journal()
    transactions = []
    write = journal._writer.write
    journal._writer.write = lambda commits: transactions.append(len(commits)) or write(commits)
    await commit(journal, opened=[record("a")])
    answered = []
    for seq in range(1, 2001):
        journal.commit(Commit(rows=[row("a", seq)]), lambda seq=seq: answered.append(seq))
    async with asyncio.timeout(30.0):
        while len(answered) < 2000:
            await asyncio.sleep(0.01)
    assert answered == list(range(1, 2001))
    assert len(transactions) < 500, "what waits while the disk works is the next transaction"


async def test_a_second_daemon_is_refused_and_told_who_holds_it(new_journal, tmp_path):
    new_journal()
    with pytest.raises(ConfigError, match=f"in use by another guestd \\(process {os.getpid()}\\)"):
        SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None).start()


async def test_a_missing_directory_is_not_made_up(tmp_path):
    with pytest.raises(ConfigError, match="is not a directory"):
        SqliteJournal(tmp_path / "mount", asyncio.get_running_loop(), lambda error: None).start()


@pytest.mark.parametrize(
    "rubbish", [b"not a database, but long enough to be looked at by SQLite " * 50, None]
)
async def test_a_damaged_file_is_moved_aside_and_never_deleted(new_journal, tmp_path, rubbish):
    journal = new_journal()
    await commit(
        journal, opened=[record("a")], rows=[row("a", n, key=f"m{n}") for n in range(1, 500)]
    )
    await journal.stop()
    path = tmp_path / database.NAME
    whole = path.read_bytes()
    path.write_bytes(rubbish or whole[:8192] + b"\x00" * 4096 + whole[12288:])
    with pytest.raises(JournalError, match=r"moved aside to .*damaged.* Nothing was deleted"):
        new_journal()
    assert [one for one in tmp_path.iterdir() if "damaged" in one.name and one.stat().st_size]
    with pytest.raises(ConfigError, match=r"held one once .*guestd journal init"):
        new_journal()
    assert CliRunner().invoke(app, ["init", "-d", str(tmp_path)]).exit_code == 0
    assert (await new_journal().recover()) == [], "begun anew because somebody said so"


async def test_a_file_of_a_newer_guestd_is_left_alone(new_journal, tmp_path):
    await new_journal().stop()
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="written by a newer guestd"):
        new_journal()


async def test_a_key_that_is_there_already_costs_the_key_and_not_the_event(new_journal, caplog):
    journal = new_journal()
    reported = b'{"seq":1,"time":"2027-05-31T09:15:02.417Z"}'
    await commit(
        journal,
        opened=[record("a"), record("b")],
        rows=[
            row("a", 1, key="m1", payload=reported),
            row("a", 2, "accepted", "c1"),
            row("b", 1, key="m1", payload=reported),
        ],
    )
    assert "our bug" not in caplog.text
    await commit(
        journal,
        rows=[row("a", 3, key="m1", payload=reported), row("a", 4, key="m2", payload=reported)],
    )
    assert [one.seq for one in (await journal.read("a", 0, 10)).rows] == [1, 2, 3, 4]
    assert "our bug" not in caplog.text, "an identity may be forgotten, and the message come again"
    await commit(journal, rows=[row("a", 5, "accepted", "c1")])
    assert [one.seq for one in (await journal.read("a", 4, 10)).rows] == [5]
    assert "seq 5 of session 1 was there already: our bug" in caplog.text


async def test_the_pragmas_that_make_it_trustworthy(new_journal):
    connection = new_journal()._writer._connection
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in (
            "journal_mode",
            "synchronous",
            "foreign_keys",
            "trusted_schema",
            "wal_autocheckpoint",
            "mmap_size",
        )
    }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "wal_autocheckpoint": 0,
        "mmap_size": 0,
    }


async def test_a_backup_is_sound_and_verified(new_journal, tmp_path):
    journal = new_journal()
    await commit(journal, opened=[record("a")], rows=[row("a", n) for n in range(1, 100)])
    database.backup(tmp_path, tmp_path / "copy.sqlite3")
    database.verify(tmp_path / "copy.sqlite3")
    (tmp_path / "bad.sqlite3").write_bytes((tmp_path / "copy.sqlite3").read_bytes()[:5000])
    for bad in ("bad.sqlite3", "none.sqlite3"):
        with pytest.raises(JournalError):
            database.verify(tmp_path / bad)
