"""A disk that is full, fails, hangs or loses the journal's files."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from guestd.journal import database
from guestd.model.errors import JournalError
from guestd.model.journal import Commit

from .disk_journal import commit, record, row


class Room:
    """On the disk, or none. It is the writer's own thread that sets the limit: two threads must not
    use a connection at once."""

    def __init__(self, journal):
        self.is_left = True
        self._connection, self._write = journal._writer._connection, journal._writer.write
        journal._writer.write = self

    def __call__(self, commits):
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        most = 1_000_000 if self.is_left else pages
        self._connection.execute(f"PRAGMA max_page_count = {most}").fetchone()
        return self._write(commits)


async def test_a_full_disk_is_waited_out_fifty_times(new_journal, monkeypatch):
    """Nothing is lost, nothing passes what waits, and it goes on by itself."""
    monkeypatch.setattr("guestd.journal.sqlite.RETRY_FULL_S", 0.01)
    journal = new_journal()
    await commit(journal, opened=[record("a")])
    answered, seq, room = [], 0, Room(journal)
    for _ in range(50):
        room.is_left = False
        for _ in range(5):
            seq += 1
            journal.commit(
                Commit(rows=[row("a", seq, payload=b'{"x":"' + b"x" * 3000 + b'"}')]),
                lambda seq=seq: answered.append(seq),
            )
        async with asyncio.timeout(30.0):
            while not journal.storage_full:
                await asyncio.sleep(0.002)
        room.is_left = True
        async with asyncio.timeout(30.0):
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
    async with asyncio.timeout(30.0):
        while not journal.failures:
            await asyncio.sleep(0.01)
    assert "SQLITE_IOERR_FSYNC" in str(journal.failures[0])
    journal.commit(Commit(rows=[row("a", 2)]), lambda: answered.append(2))
    await asyncio.sleep(0.1)
    assert answered == [], "nothing is acknowledged after a failure"


async def failure_of(journal) -> JournalError:
    async with asyncio.timeout(30.0):
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
    room = Room(journal)
    room.is_left = False
    journal.commit(
        Commit(rows=[row("a", n, payload=b"x" * 3000) for n in range(1, 6)]), lambda: None
    )
    with pytest.raises(JournalError, match="has been full for"):
        await journal.stop()
    room.is_left = True
    monkeypatch.setattr("guestd.journal.sqlite.STOP_MAX_S", 10.0)
    await journal.stop()
