"""From a callback to something that can be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..model.journal import Commit, Commits


def callback_future() -> tuple[asyncio.Future[Any], Callable[..., None]]:
    """A future, and the callback that resolves it with its argument (None if it has none). A call
    after the waiter has gone is ignored. To be called on the loop."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def called(result: object = None) -> None:
        if not future.done():
            future.set_result(result)

    return future, called


async def committed(journal: Commits, commit: Commit) -> None:
    """Give a commit and wait until it is durable."""
    durable, done = callback_future()
    journal.commit(commit, done)
    await durable
