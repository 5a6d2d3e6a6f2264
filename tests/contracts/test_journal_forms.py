"""A journal of an older form is opened, copied, brought up to date, and nothing in it is lost.

`golden/` holds a small journal of each older form, written by the guestd of that form. They are
never made anew."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from guestd.journal import store
from guestd.journal.queries import migrations
from guestd.journal.sqlite import SqliteJournal
from guestd.model.ports import Commit
from guestd.model.work import OWN_STREAM, OperationRecord

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
async def form_1(tmp_path):
    shutil.copyfile(GOLDEN / "journal-form-1.sqlite3", tmp_path / store.NAME)
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    yield journal
    await journal.stop()


async def commit(journal, **parts):
    done = asyncio.get_running_loop().create_future()
    journal.commit(Commit(**parts), lambda: done.set_result(None))
    await asyncio.wait_for(done, 10.0)


def test_there_is_a_golden_journal_of_every_older_form():
    forms = set()
    for path in GOLDEN.iterdir():
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        forms.add(connection.execute("PRAGMA user_version").fetchone()[0])
        connection.close()
    assert forms == set(range(1, len(migrations())))


async def test_form_1_comes_back_with_sessions_events_and_promises(form_1):
    alpha, beta = form_1.recover()
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
    assert form_1.identities("alpha", 10) == times
    assert [row[1] for row in form_1.read("alpha", 0, 100).rows] == list(range(1, 10))
    assert [row[1] for row in form_1.read("gamma", 0, 100).rows] == [1]


async def test_form_1_takes_everything_new(form_1):
    start = form_1.cursor("audit")
    assert start == 15, "a new reader is not told what was there before the new form"
    told = b'{"seq":10,"time":"2027-01-15T08:00:09.000Z"}'
    rows = [("alpha", 10, "message", told, "m3", b""), (OWN_STREAM, 1, "fact", b"{}", "", b"")]
    await commit(form_1, rows=rows, operations=[OperationRecord("x", "prompt", b"{}")], at_ms=7)
    assert [(one.offset, one.at_ms, one.row[:2]) for one in form_1.read_on(start, 10)] == [
        (16, 7, ("alpha", 10)),
        (17, 7, (OWN_STREAM, 1)),
    ]
    assert [one.operation_id for one in form_1.operations()] == ["x"]
    assert form_1.read_on(0, 1)[0].at_ms == 0, "nobody wrote down when that was"


async def test_the_file_is_sound_and_a_copy_of_the_old_form_is_kept(form_1, tmp_path):
    await form_1.stop()
    store.verify(tmp_path / store.NAME)
    copy = sqlite3.connect(tmp_path / f"{store.NAME}.before-form-2")
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    assert copy.execute("SELECT count(*) FROM events").fetchone() == (15,)
    copy.close()


async def test_an_old_form_is_a_backup_that_can_still_be_restored():
    store.verify(GOLDEN / "journal-form-1.sqlite3")


@pytest.fixture
async def form_2(tmp_path):
    shutil.copyfile(GOLDEN / "journal-form-2.sqlite3", tmp_path / store.NAME)
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    yield journal
    await journal.stop()


async def test_form_2_comes_back_whole_and_every_row_has_its_checksum(form_2, tmp_path):
    alpha, beta = form_2.recover()
    assert (alpha.record.session_id, alpha.record.token, alpha.seq) == ("alpha", "token-alpha", 6)
    assert [(one.command_id, one.settled) for one in alpha.commands] == [
        ("c1", True),
        ("c2", False),
    ]
    assert (beta.seq, beta.read_only) == (2, True)
    assert form_2.identities("alpha", 10) == [
        ("m1", "2027-01-15T08:00:03.000Z"),
        ("m2", "2027-01-15T08:00:05.000Z"),
    ]
    assert [row[1] for row in form_2.read("gamma", 0, 10).rows] == [
        1,
        2,
    ], "it has ended, and is kept"
    assert [one.operation_id for one in form_2.operations()] == ["o1"]
    assert [one.delivery_id for one in form_2.deliveries("waiting")] == ["d1"]
    assert (form_2.cursor("audit"), form_2.cursor("webhooks")) == (7, 9)
    assert form_2.last_seq(OWN_STREAM) == 1 and form_2.damaged_rows == 0
    await commit(
        form_2, rows=[("alpha", 7, "message", b'{"seq":7}', "m3", b"")], over=["beta"], at_ms=7
    )
    await form_2.stop()
    store.verify(tmp_path / store.NAME)
    copy = sqlite3.connect(tmp_path / f"{store.NAME}.before-form-3")
    assert copy.execute("PRAGMA user_version").fetchone() == (2,)
    copy.close()


async def test_what_was_damaged_before_it_had_a_checksum_is_set_aside(tmp_path):
    shutil.copyfile(GOLDEN / "journal-form-2.sqlite3", tmp_path / store.NAME)
    connection = sqlite3.connect(tmp_path / store.NAME)
    connection.execute(
        "UPDATE events SET intent = x'7b' WHERE session = 1 AND key = 'c2' AND kind = 'accepted'"
    )
    connection.commit()
    connection.close()
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None)
    journal.start()
    assert [one.record.session_id for one in journal.recover()] == ["beta"]
    await journal.stop()
