"""The topics of `/v1/watch`: where each one's items come from.

None of them queues anything for a reader. Each is pulled: its source keeps what is new (a ring of
frames, the journal, the newest row), and what a slow reader has missed comes out as a count, or is
read again. So the socket has one item of each topic in its hands at most."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

import orjson

from ...model.emulator_admin import EmulatorAdmin
from ...model.errors import NotFound
from ...model.ports import Fleet
from ..changes import ChangeFeed
from ..feed import Feed, Feeds
from ..problems import Problem
from ..stats_history import StatsHistory
from . import explain, frames
from .load import LoadFollowers
from .lookup import session_of
from .watch_messages import TOPICS, Subscribe

#: An explanation is made again this often, and told where it has changed.
EXPLAIN_EVERY_S = 1.0

#: Of frames, read from their ring at once.
PAGE = 100

EMULATOR_EVENTS = "/__emulator/events"


class TopicItem(NamedTuple):
    """`data` is JSON. `skipped`: so many items before this one are missing; -1: some, not known how
    many, and they come again."""

    data: bytes = b""
    skipped: int = 0


class TopicSource(Protocol):
    """`names`: the topics that there are. Their `items` end when there can be no more; raises
    Problem and CommandError."""

    @property
    def names(self) -> Sequence[str]: ...

    def items(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]: ...


class LoadTopics:
    """Where there are load runs only."""

    def __init__(self, followers: LoadFollowers) -> None:
        self.names = ("load",)
        self._followers = followers

    async def items(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        if wanted.topic not in self.names:
            raise Problem(404, "not_configured", "this is a load run; follow load", field="topic")
        run = self._followers.run(wanted.run, "run")
        with self._followers.following(run, wanted.number or 0) as follower:
            while (second := await follower.next()) is not None:
                yield TopicItem(second[1])


class Topics:
    """`admin` None: the platform is a real one."""

    def __init__(
        self,
        fleet: Fleet,
        feeds: Feeds,
        changes: ChangeFeed,
        stats: StatsHistory,
        admin: EmulatorAdmin | None,
    ) -> None:
        self.names = TOPICS
        self._fleet = fleet
        self._feeds = feeds
        self._changes = changes
        self._stats = stats
        self._admin = admin
        self._open: dict[str, Callable[[Subscribe], AsyncGenerator[TopicItem, None]]] = {
            "stats": self._of_stats,
            "changes": self._of_changes,
            "explain": self._of_explain,
            "frames": self._of_frames,
            "events": self._of_events,
            "emulator": self._of_emulator,
            "load": LoadTopics(LoadFollowers()).items,
        }

    def items(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        """They end when there can be no more. Raises Problem and CommandError."""
        return self._open[wanted.topic](wanted)

    async def _of_stats(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        watcher, last_at = self._stats.subscribe(), 0.0
        try:
            while (row := await watcher.next()) is not None:
                at = float(row["at"])
                missed = round((at - last_at) / 1000.0) - 1 if last_at else 0
                last_at = at
                yield TopicItem(orjson.dumps(row), max(0, missed))
        finally:
            watcher.close()

    async def _of_changes(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        after = wanted.after if isinstance(wanted.after, str) else ""
        watcher = self._changes.subscribe(after)
        try:
            while (batch := await watcher.next()) is not None:
                place = orjson.dumps(self._changes.cursor_of(batch))
                yield TopicItem(batch.data[:-1] + b',"next":' + place + b"}")
        finally:
            watcher.close()

    async def _of_explain(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        """At once, and again where it has changed: while it waits each time, as the words tell the
        time that is left."""
        session_id = session_of(self._fleet, wanted.session)
        before: dict[str, Any] | None = None
        while True:
            try:
                found = explain.shown(self._fleet.explain(session_id))
            except NotFound:
                if before is None:
                    raise
                return
            if found != before:
                before = found
                yield TopicItem(orjson.dumps(found))
            await asyncio.sleep(EXPLAIN_EVERY_S)

    async def _of_frames(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        source = self._fleet.frames(session_of(self._fleet, wanted.session))
        changed, after = asyncio.Event(), wanted.number or 0
        source.listen(changed.set)
        try:
            while True:
                changed.clear()
                rows = source.after(after, PAGE)
                for row in rows:
                    yield TopicItem(orjson.dumps(frames.shown(row, wanted.texts)), row.count)
                    after = row.n
                if rows:
                    continue
                if source.is_over:
                    return
                await changed.wait()
        finally:
            source.leave(changed.set)

    async def _of_events(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        """A feed that was given up because the reader is slow begins again where it stood."""
        session_id, after = session_of(self._fleet, wanted.session), wanted.number or 0
        await self._fleet.read(session_id, after, 1)
        while True:
            feed = Feed(self._feeds, session_id)
            feed.start(after)
            try:
                while (item := await feed.next()) is not None:
                    if item.kind == "lagging":
                        yield TopicItem(skipped=-1)
                    else:
                        yield TopicItem(item.data)
                    after = feed.sent_seq = item.seq or feed.sent_seq
            finally:
                feed.close()
            if feed.stopped:
                raise Problem(500, "damaged", feed.stopped)
            if not feed.is_too_slow:
                return
            yield TopicItem(skipped=-1)

    async def _of_emulator(self, wanted: Subscribe) -> AsyncGenerator[TopicItem, None]:
        if self._admin is None:
            detail = "this daemon talks to a real platform, which has no such events"
            raise Problem(404, "not_configured", detail)
        after = "" if wanted.number is None else f"?after={wanted.number}"
        headers = {"Accept": "text/event-stream"}
        async with self._admin.ask("GET", EMULATOR_EVENTS + after, headers, b"") as found:
            if found.status != 200:
                raise Problem(502, "platform_refused", f"the emulator answered {found.status}")
            async with aclosing(_data_of(found.chunks)) as lines:
                async for data in lines:
                    entry = json.loads(data)
                    yield TopicItem(data, int(entry.get("count", 0)))


async def _data_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The `data` of server-sent events."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                yield line[6:]
