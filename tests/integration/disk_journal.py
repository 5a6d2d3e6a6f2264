"""A journal in SQLite in a test's own directory, and what is written to it."""

from __future__ import annotations

import asyncio

import pytest

from guestd.journal.sqlite import SqliteJournal
from guestd.model.journal import Commit, EventRow, SessionRecord


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
    await asyncio.wait_for(done, 30.0)
