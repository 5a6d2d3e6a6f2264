"""What a person watches while the daemon hangs and its connections stay open."""

from __future__ import annotations

import asyncio
import contextlib

from guestd.app.commands import watching


class Enough(Exception):
    pass


async def test_an_answer_that_takes_too_long_is_none(monkeypatch):
    monkeypatch.setattr(watching, "ANSWER_S", 0.01)
    monkeypatch.setattr(watching, "PAUSES_S", (0.0,))
    asked, shown = 0, []

    async def ask():
        nonlocal asked
        asked += 1
        if asked in (2, 3):
            await asyncio.Event().wait()
        return asked

    def show(drawn):
        shown.append(drawn)
        if drawn == (4, False):
            raise Enough

    with contextlib.suppress(Enough):
        await watching.keep_looking(ask, lambda found, since: (found, bool(since)), show, 0.0)
    assert shown == [(1, False), (1, True), (1, True), (4, False)]
