"""A journal that was made before its file could become smaller by itself is made anew: at the start
if it is small, else by
`guestd journal compact`."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from guestd.app.commands.journal import app
from guestd.journal import database
from guestd.journal.lock import DirectoryLock
from guestd.journal.queries import migrations
from guestd.journal.shrink import can_shrink
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord


@pytest.fixture
def old(tmp_path):
    """One from before, with a guest session and much free space."""
    with closing(sqlite3.connect(tmp_path / database.NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for script in migrations():
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {len(migrations())}")
        writer = Writer(connection, lambda: 1000)
        rows = [
            EventRow("a", seq, "message", b'{"text":"hello"}', "", b"") for seq in range(1, 101)
        ]
        writer.write(
            [Commit(opened=[SessionRecord("a", "a", "t", "", {}, {}, 0, 0)], rows=rows, at_ms=5)]
        )
        connection.execute("CREATE TABLE filling (x)")
        connection.execute(
            "INSERT INTO filling SELECT zeroblob(1000000) FROM json_each('[1,2,3,4]')"
        )
        connection.execute("DROP TABLE filling")
    return tmp_path


def file_bytes(folder) -> int:
    return (folder / database.NAME).stat().st_size


def assert_whole(folder) -> None:
    database.verify(folder / database.NAME)
    with closing(database.open_for_reading(folder)) as reader:
        assert can_shrink(reader)
        assert reader.execute("SELECT count(*), max(id) FROM events").fetchone() == (100, 100)
    assert file_bytes(folder) < 100_000


def test_a_new_file_can_shrink(tmp_path):
    with closing(database.open_for_writing(tmp_path)) as connection:
        assert can_shrink(connection)


def test_a_small_file_is_made_anew_at_the_start(old):
    assert file_bytes(old) > 4_000_000
    database.open_for_writing(old).close()
    assert_whole(old)


def test_a_large_file_is_left_as_it_is_and_the_log_says_what_to_do(old, monkeypatch, caplog):
    monkeypatch.setattr(database, "COMPACT_BYTES_MAX", 1_000_000)
    with caplog.at_level(logging.WARNING), closing(database.open_for_writing(old)) as connection:
        assert not can_shrink(connection)
        assert not Writer(connection).shrink(in_pause=True)
    assert "guestd journal compact" in caplog.text
    assert file_bytes(old) > 4_000_000
    done = CliRunner().invoke(app, ["compact", "-d", str(old)])
    assert done.exit_code == 0 and str(old / database.NAME) in done.stdout
    assert_whole(old)
    caplog.clear()
    database.open_for_writing(old).close()
    assert "compact" not in caplog.text


def test_a_start_without_room_for_the_copy_goes_on_without_it(old, monkeypatch, caplog):
    monkeypatch.setattr(database, "_COMPACT_ROOM", 10**12)
    with caplog.at_level(logging.WARNING):
        database.open_for_writing(old).close()
    assert "guestd journal compact" in caplog.text
    assert file_bytes(old) > 4_000_000


def test_a_journal_in_use_is_not_made_anew(old):
    lock = DirectoryLock(old)
    lock.take()
    try:
        done = CliRunner().invoke(app, ["compact", "-d", str(old)])
        assert done.exit_code == 78 and "in use" in done.output
        assert file_bytes(old) > 4_000_000
    finally:
        lock.release()


def test_where_there_is_no_journal_none_is_made(tmp_path):
    done = CliRunner().invoke(app, ["compact", "-d", str(tmp_path)])
    assert done.exit_code == 78 and list(tmp_path.iterdir()) == []
