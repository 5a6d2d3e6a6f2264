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
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord


def record(session_id, **more):
    figures = {
        "name": session_id,
        "token": f"token-{session_id}",
        "email": "a@b.c",
        "attributes": {"k": "v"},
        "metadata": {},
    }
    return SessionRecord(session_id, **{**figures, "opened_ms": 1000, "ends_ms": 2000, **more})


def row(session_id, seq, kind="message", key="", intent=b"", payload=None):
    return EventRow(
        session_id,
        seq,
        kind,
        payload or f'{{"seq":{seq},"kind":"{kind}","time":"t{seq}"}}'.encode(),
        key,
        intent,
    )


@pytest.fixture
async def new_journal(tmp_path):
    opened = []

    def build(**more):
        failures = []
        journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), failures.append, **more)
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
    await asyncio.wait_for(done, 10.0)


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
    async with asyncio.timeout(20.0):
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


async def test_a_full_disk_is_waited_out_fifty_times(new_journal, monkeypatch):
    """Nothing is lost, nothing passes what waits, and it goes on by itself."""
    monkeypatch.setattr("guestd.journal.sqlite.RETRY_FULL_S", 0.01)
    journal = new_journal()
    await commit(journal, opened=[record("a")])
    answered, seq = [], 0
    for _ in range(50):
        pages = journal._writer._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(5):
            seq += 1
            journal.commit(
                Commit(rows=[row("a", seq, payload=b'{"x":"' + b"x" * 3000 + b'"}')]),
                lambda seq=seq: answered.append(seq),
            )
        async with asyncio.timeout(10.0):
            while not journal.storage_full:
                await asyncio.sleep(0.002)
        journal._writer._connection.execute("PRAGMA max_page_count = 1000000")
        async with asyncio.timeout(10.0):
            while len(answered) < seq:
                await asyncio.sleep(0.002)
        assert not journal.storage_full
    assert answered == list(range(1, seq + 1))
    assert [one.seq for one in (await journal.read("a", 0, 1000)).rows] == answered
    assert journal.failures == []


async def test_any_other_error_ends_the_writing_for_good(new_journal):
    journal = new_journal()
    await commit(journal, opened=[record("a")])

    def fail(commits):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error

    journal._writer.write = fail
    answered = []
    journal.commit(Commit(rows=[row("a", 1)]), lambda: answered.append(1))
    async with asyncio.timeout(10.0):
        while not journal.failures:
            await asyncio.sleep(0.01)
    assert "SQLITE_IOERR_FSYNC" in str(journal.failures[0])
    journal.commit(Commit(rows=[row("a", 2)]), lambda: answered.append(2))
    await asyncio.sleep(0.1)
    assert answered == [], "nothing is acknowledged after a failure"


async def test_a_key_that_is_there_already_costs_the_key_and_not_the_event(new_journal, caplog):
    journal = new_journal()
    told = b'{"seq":1,"time":"2027-05-31T09:15:02.417Z"}'
    await commit(
        journal,
        opened=[record("a"), record("b")],
        rows=[
            row("a", 1, key="m1", payload=told),
            row("a", 2, "accepted", "c1"),
            row("b", 1, key="m1", payload=told),
        ],
    )
    assert "our bug" not in caplog.text
    await commit(
        journal, rows=[row("a", 3, key="m1", payload=told), row("a", 4, key="m2", payload=told)]
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


async def failure_of(journal) -> JournalError:
    async with asyncio.timeout(10.0):
        while not journal.failures:
            await asyncio.sleep(0.01)
    return journal.failures[0]


async def test_after_a_failure_and_after_the_stop_whoever_reads_is_told_why(new_journal):
    journal = new_journal()
    await commit(journal, opened=[record("a")], rows=[row("a", 1)])
    failing(journal)
    journal.commit(Commit(rows=[row("a", 2)]), lambda: None)
    error = await failure_of(journal)
    for ask in (
        lambda: journal.read("a", 0, 10),
        lambda: journal.read_on(0, 10),
        lambda: journal.last_seq("a"),
        lambda: journal.command("a", "c"),
        lambda: journal.was_shown("a", "m", ""),
        lambda: journal.identities("a", 10),
        lambda: journal.operations(),
        lambda: journal.operation("o"),
        lambda: journal.deliveries("waiting"),
        lambda: journal.recover(),
    ):
        with pytest.raises(JournalError) as refused:
            await ask()
        assert str(refused.value) == str(error)
    await journal.stop()
    with pytest.raises(JournalError, match="SQLITE_IOERR_FSYNC"):
        await journal.read("a", 0, 10)
    other = new_journal()
    assert [one.seq for one in (await other.read("a", 0, 10)).rows] == [1]
    await other.stop()
    with pytest.raises(JournalError, match="closed"):
        await other.read("a", 0, 10)


async def test_a_failure_of_the_last_commits_is_raised_by_the_stop(new_journal):
    journal = new_journal()
    await commit(journal, opened=[record("a")])
    failing(journal)
    journal.commit(Commit(rows=[row("a", 1)]), lambda: None)
    with pytest.raises(JournalError, match="SQLITE_IOERR_FSYNC"):
        await journal.stop()


def failing(journal) -> None:
    def fail(commits):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error

    journal._writer.write = fail


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_deleted_or_replaced_under_way_ends_it(
    new_journal, tmp_path, monkeypatch, suffix, replaced
):
    monkeypatch.setattr("guestd.journal.sqlite.LOOK_S", 0.01)
    monkeypatch.setattr("guestd.journal.sqlite.IDLE_S", 0.01)
    journal = new_journal()
    await commit(journal, opened=[record("a")], rows=[row("a", 1)])
    gone = tmp_path / f"{database.NAME}{suffix}"
    content = gone.read_bytes()
    gone.rename(tmp_path / "elsewhere")
    if replaced:
        gone.write_bytes(content)
    error = await failure_of(journal)
    assert (
        gone.name in str(error)
        and "deleted or replaced" in str(error)
        and "guestd journal restore" in str(error)
    )
    answered = []
    journal.commit(Commit(rows=[row("a", 2)]), lambda: answered.append(2))
    await asyncio.sleep(0.1)
    assert answered == []


async def test_a_directory_that_is_gone_ends_it(new_journal, tmp_path, monkeypatch):
    monkeypatch.setattr("guestd.journal.sqlite.LOOK_S", 0.01)
    monkeypatch.setattr("guestd.journal.sqlite.IDLE_S", 0.01)
    journal = new_journal()
    await commit(journal, opened=[record("a")])
    for one in list(tmp_path.iterdir()):
        one.unlink()
    tmp_path.rmdir()
    assert database.NAME in str(await failure_of(journal))
    tmp_path.mkdir()


async def test_files_stay_watched_over_a_stop_and_a_start(new_journal, tmp_path, monkeypatch):
    monkeypatch.setattr("guestd.journal.sqlite.LOOK_S", 0.01)
    monkeypatch.setattr("guestd.journal.sqlite.IDLE_S", 0.01)
    for _ in range(3):
        journal = new_journal()
        await commit(journal, cursors=[("a", 0)])
        await asyncio.sleep(0.05)
        assert journal.failures == []
        await journal.stop()


async def test_a_disk_that_hangs_is_seen_and_holds_up_the_stop_no_longer_than_is_allowed(
    new_journal, tmp_path, monkeypatch
):
    """A lock held by another connection stands for the disk: the writer waits inside SQLite."""
    monkeypatch.setattr("guestd.journal.sqlite.STOP_MAX_S", 0.3)
    journal = new_journal()
    await commit(journal, opened=[record("a")])
    assert journal.oldest_wait_s() == 0.0
    blocker = sqlite3.connect(tmp_path / database.NAME, isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        answered = []
        journal.commit(Commit(rows=[row("a", 1)]), lambda: answered.append(1))
        await asyncio.sleep(0.2)
        journal.commit(Commit(rows=[row("a", 2)]), lambda: answered.append(2))
        assert journal.oldest_wait_s() >= 0.2 and answered == [], (
            "the wait of the first, not of the second"
        )
        with pytest.raises(JournalError, match="has not answered for"):
            await journal.stop()
        assert journal.oldest_wait_s() >= 0.5
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    monkeypatch.setattr("guestd.journal.sqlite.STOP_MAX_S", 10.0)
    await journal.stop()
    assert journal.oldest_wait_s() == 0.0 and answered == [1, 2]


async def test_a_full_disk_holds_up_the_stop_no_longer_than_is_allowed(new_journal, monkeypatch):
    monkeypatch.setattr("guestd.journal.sqlite.RETRY_FULL_S", 0.01)
    monkeypatch.setattr("guestd.journal.sqlite.STOP_MAX_S", 0.3)
    journal = new_journal()
    await commit(journal, opened=[record("a")])
    pages = journal._writer._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    journal.commit(
        Commit(rows=[row("a", n, payload=b"x" * 3000) for n in range(1, 6)]), lambda: None
    )
    with pytest.raises(JournalError, match="has been full for"):
        await journal.stop()
    journal._writer._connection.execute("PRAGMA max_page_count = 1000000")
    monkeypatch.setattr("guestd.journal.sqlite.STOP_MAX_S", 10.0)
    await journal.stop()
