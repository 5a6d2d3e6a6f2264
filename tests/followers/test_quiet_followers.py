"""A reader of the journal that has passed everything holds nothing back, also when nothing more
happens."""

from __future__ import annotations

import asyncio

import pytest

from guestd.journal.settings import JournalSettings
from guestd.journal.sqlite import SqliteJournal
from guestd.model.journal import Commit
from guestd.runtime import journal_follower
from tests.webhooks.harness import World, until, webhooks


async def test_what_was_said_goes_when_promised_although_nobody_speaks_any_more(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(journal_follower, "QUIET_S", 0.01, raising=False)
    settings = JournalSettings(retention_s=0.0, ballast_bytes=0)
    loop = asyncio.get_running_loop()
    journal = SqliteJournal(tmp_path, loop, lambda error: pytest.fail(str(error)), settings)
    journal.start()
    service, _ = webhooks(journal)
    service.start()
    world = World(journal)
    for state in ("live", "ended"):
        world.session("s1", state)
    journal.commit(Commit(over=["s1"]), lambda: None)
    await until(lambda: journal.cursor("webhooks") == 2)

    async def is_empty():
        return not await journal.read_on(0, 10, ())

    await until(is_empty)
    await service.stop()
    await journal.stop()
