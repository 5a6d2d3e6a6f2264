"""A journal of an older guestd is opened, copied if its schema is older, brought up to date, and
nothing in it is lost.

`golden/` holds a small journal of each schema version, written by the guestd of that time; that of
version 3 by the released 0.1. They are never made anew."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from guestd.journal import database
from guestd.journal.queries import migrations
from guestd.journal.sqlite import SqliteJournal
from guestd.model.journal import Commit, EventRow
from guestd.model.records import OWN_STREAM, OperationRecord

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
async def version_1(tmp_path):
    shutil.copyfile(GOLDEN / "journal-form-1.sqlite3", tmp_path / database.NAME)
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    yield journal
    await journal.stop()


async def commit(journal, **parts):
    done = asyncio.get_running_loop().create_future()
    journal.commit(Commit(**parts), lambda: done.set_result(None))
    await asyncio.wait_for(done, 30.0)


def test_there_is_a_golden_journal_of_every_schema_version():
    versions = set()
    for path in GOLDEN.iterdir():
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        versions.add(connection.execute("PRAGMA user_version").fetchone()[0])
        connection.close()
    assert versions == set(range(1, len(migrations()) + 1))


async def test_version_1_comes_back_with_sessions_events_and_promises(version_1):
    alpha, beta = await version_1.recover()
    assert (alpha.record.session_id, alpha.record.name, alpha.record.token) == (
        "alpha",
        "guest-alpha",
        "token-alpha",
    )
    assert alpha.record.attributes == {"tier": "gold"} and alpha.record.metadata == {
        "from": "form 1"
    }
    assert (alpha.seq, alpha.joined, alpha.read_only) == (9, True, False)
    assert [(one.command_id, one.seq, one.settled) for one in alpha.commands] == [
        ("c1", 2, True),
        ("c2", 8, False),
    ]
    assert alpha.commands[1].intent["text"] == "hello 2"
    assert (beta.record.session_id, beta.seq, beta.joined, beta.read_only) == (
        "beta",
        5,
        True,
        True,
    )
    assert [(one.command_id, one.settled) for one in beta.commands] == [("c1", False)]
    times = [("m1", "2027-01-15T08:00:01.000Z"), ("m2", "2027-01-15T08:00:04.000Z"), ("w1", "")]
    assert (await version_1.identities("alpha", 10)) == times
    assert [row.seq for row in (await version_1.read("alpha", 0, 100)).rows] == list(range(1, 10))
    assert [row.seq for row in (await version_1.read("gamma", 0, 100)).rows] == [1]


async def test_version_1_takes_everything_new(version_1):
    start = version_1.cursor("audit")
    assert start == 15, "a new reader is not told what was there before the new schema"
    reported = b'{"seq":10,"time":"2027-01-15T08:00:09.000Z"}'
    rows = [
        EventRow("alpha", 10, "message", reported, "m3", b""),
        EventRow(OWN_STREAM, 1, "fact", b"{}", "", b""),
    ]
    await commit(version_1, rows=rows, operations=[OperationRecord("x", "prompt", b"{}")], at_ms=7)
    assert [
        (one.offset, one.at_ms, one.row[:2]) for one in (await version_1.read_on(start, 10))
    ] == [
        (16, 7, ("alpha", 10)),
        (17, 7, (OWN_STREAM, 1)),
    ]
    assert [one.operation_id for one in (await version_1.operations())] == ["x"]
    assert (await version_1.read_on(0, 1))[0].at_ms == 0, "when that was is not recorded"


async def test_the_file_is_sound_and_a_copy_of_the_old_schema_is_kept(version_1, tmp_path):
    await version_1.stop()
    database.verify(tmp_path / database.NAME)
    copy = sqlite3.connect(tmp_path / f"{database.NAME}.before-form-2")
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    assert copy.execute("SELECT count(*) FROM events").fetchone() == (15,)
    copy.close()


async def test_an_old_schema_is_a_backup_that_can_still_be_restored():
    database.verify(GOLDEN / "journal-form-1.sqlite3")


@pytest.fixture
async def version_2(tmp_path):
    shutil.copyfile(GOLDEN / "journal-form-2.sqlite3", tmp_path / database.NAME)
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    yield journal
    await journal.stop()


async def test_version_2_comes_back_whole_and_every_row_has_its_checksum(version_2, tmp_path):
    alpha, beta = await version_2.recover()
    assert (alpha.record.session_id, alpha.record.token, alpha.seq) == ("alpha", "token-alpha", 6)
    assert [(one.command_id, one.settled) for one in alpha.commands] == [
        ("c1", True),
        ("c2", False),
    ]
    assert (beta.seq, beta.read_only) == (2, True)
    assert (await version_2.identities("alpha", 10)) == [
        ("m1", "2027-01-15T08:00:03.000Z"),
        ("m2", "2027-01-15T08:00:05.000Z"),
    ]
    assert [row.seq for row in (await version_2.read("gamma", 0, 10)).rows] == [
        1,
        2,
    ], "it has ended, and is kept"
    assert [one.operation_id for one in (await version_2.operations())] == ["o1"]
    assert [one.delivery_id for one in (await version_2.deliveries("waiting"))] == ["d1"]
    assert (version_2.cursor("audit"), version_2.cursor("webhooks")) == (7, 9)
    assert (await version_2.last_seq(OWN_STREAM)) == 1 and version_2.damaged_rows == 0
    await commit(
        version_2,
        rows=[EventRow("alpha", 7, "message", b'{"seq":7}', "m3", b"")],
        over=["beta"],
        at_ms=7,
    )
    await version_2.stop()
    database.verify(tmp_path / database.NAME)
    copy = sqlite3.connect(tmp_path / f"{database.NAME}.before-form-3")
    assert copy.execute("PRAGMA user_version").fetchone() == (2,)
    copy.close()


async def test_what_was_damaged_before_it_had_a_checksum_is_set_aside(tmp_path):
    shutil.copyfile(GOLDEN / "journal-form-2.sqlite3", tmp_path / database.NAME)
    connection = sqlite3.connect(tmp_path / database.NAME)
    connection.execute(
        "UPDATE events SET intent = x'7b' WHERE session = 1 AND key = 'c2' AND kind = 'accepted'"
    )
    connection.commit()
    connection.close()
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    assert [one.record.session_id for one in (await journal.recover())] == ["beta"]
    await journal.stop()


async def test_a_journal_of_guestd_0_1_comes_back_whole_and_goes_on(tmp_path):
    shutil.copyfile(GOLDEN / "journal-0.1.sqlite3", tmp_path / database.NAME)
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    alpha, beta = await journal.recover()
    assert (alpha.record.session_id, alpha.record.token, alpha.seq) == ("alpha", "token-alpha", 6)
    assert [(one.command_id, one.settled) for one in alpha.commands] == [
        ("c1", True),
        ("c2", False),
    ]
    assert alpha.commands[1].intent["text"] == "hello 2"
    assert (beta.seq, beta.read_only, beta.was_live) == (2, True, False)
    assert (await journal.identities("alpha", 10)) == [
        ("m1", "2027-01-15T08:00:03.000Z"),
        ("m2", "2027-01-15T08:00:05.000Z"),
    ]
    assert [row.seq for row in (await journal.read("gamma", 0, 10)).rows] == [1, 2]
    assert [one.operation_id for one in (await journal.operations())] == ["o1"]
    assert [one.operation_id for one in (await journal.operations_over(10))] == ["o2"]
    found = {
        status: [one.delivery_id for one in (await journal.deliveries(status))]
        for status in ("waiting", "dead", "delivered")
    }
    assert found == {"waiting": ["d1"], "dead": ["d2"], "delivered": ["d3"]}
    assert (journal.cursor("audit"), journal.cursor("webhooks")) == (7, 9)
    assert (await journal.last_seq(OWN_STREAM)) == 1 and journal.damaged_rows == 0
    row = EventRow("alpha", 7, "message", b'{"seq":7}', "m3", b"")
    await commit(journal, rows=[row], over=["beta"], at_ms=7)
    await journal.stop()
    database.verify(tmp_path / database.NAME)
    assert not list(tmp_path.glob("*.before-form-*")), "its schema is that of today"
