"""Following the journal from a cursor of one's own, beside the path of every message.

One task reads on, page by page, hands each page to `take` and waits until that says it is safe.
When nothing is left it waits for the next commit, and then a moment more (`linger_s`): a reader
that follows every commit at once would cost each of them a read and a write. A reader may leave its
cursor behind for a while; when nothing has come for `QUIET_S`, it is moved to where the reader is,
because the journal keeps what lies after the slowest cursor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ..model.errors import JournalError
from ..model.journal import Commit, EventReader, StoredEvent
from .callback import committed

logger = logging.getLogger("guestd.journal_follower")

#: Events handled in one turn of the loop.
PAGE = 200
LEAVE_S = 5.0

#: Without news for so long, the cursor is moved: rare enough to cost nothing, soon enough for
#: retention to keep its promise.
QUIET_S = 5.0


class JournalFollower:
    """`kinds` is what `take` cares for; others may be among the page. `take(page)` returns when
    what it made of the page is durable, the cursor apart or included."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        journal: EventReader,
        name: str,
        kinds: Sequence[str],
        linger_s: float,
        take: Callable[[Sequence[StoredEvent]], Awaitable[None]],
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._name = name
        self._kinds = kinds
        self._linger_s = linger_s
        self._take = take
        self._news = asyncio.Event()
        self._leaving = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._journal.on_durable(self._news.set)
        position = self._journal.cursor(self._name)
        self._task = self._loop.create_task(self._follow(position), name=f"follow {self._name}")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Read what is there now to its end, then leave; what takes longer than LEAVE_S is left to
        the next start."""
        if self._task is not None:
            self._leaving = True
            self._news.set()
            await asyncio.wait({self._task}, timeout=LEAVE_S)
            await self.abandon()

    async def abandon(self) -> None:
        """Leave where it stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, JournalError):  # that one ends the daemon, and is told there
            logger.error("%s stopped reading the journal: our bug", self._name, exc_info=error)

    async def _follow(self, position: int) -> None:
        while True:
            self._news.clear()
            page = await self._journal.read_on(position, PAGE, self._kinds)
            if page:
                await self._take(page)
                position = page[-1].offset
                await asyncio.sleep(0)
            elif self._leaving:
                return
            else:
                await self._wait_for_news(position)
                if not self._leaving:
                    await asyncio.sleep(self._linger_s)

    async def _wait_for_news(self, position: int) -> None:
        try:
            async with asyncio.timeout(QUIET_S):
                await self._news.wait()
        except TimeoutError:
            if self._journal.cursor(self._name) < position:
                await committed(self._journal, Commit(cursors=[(self._name, position)]))
            await self._news.wait()
