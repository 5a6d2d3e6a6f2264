"""The events of a guest session for one client: first past events, page by page from the journal,
then new ones.

Everything that shows a guest session's events in order reads through here: the simulator's `since`
and `resume`, and server-sent events. Pages of JSON (`control/paging.py`) share the limiter and the
page size.

The past is pulled: the next page is read when the client's socket has taken the previous one, and
all clients together read at most one page per turn of the loop, and `PAGES_PER_S`, in the order of
asking. It watches the guest session all the while. What is offered while a page is being read is
set aside: if the page has events, it will be read like them; if the page is empty, it is all that
came after them, and the past is over. So no event is lost or shown twice. From then on the fleet
offers events into a bounded queue. Half full, the client is told once that it lags; full, it is too
slow.

`rewind` replaces a replay in progress: one client has one replay, however often it asks.

Bounds. One client: one page (`pages.PAGE_BYTES`, plus the rest of its last event), its queue
(`events_max`, `bytes_max`), and what its transport has not sent, at most one page or one event. All
clients: `held_bytes_max`; over it the client that holds most is too slow. An event that several
watchers hold is counted for each."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from aiohttp import web

from ..model.errors import Damaged, NotFound
from ..model.journal import EventRow, Replay
from ..model.ports import Fleet
from ..observe.metrics import Metrics
from .byte_limit import SharedByteLimit
from .pages import Pages, new_page_limiter

#: What the kernel may hold for one client beside what we hold. It doubles the figure; enough for 1
#: MB/s at 100 ms.
SEND_BUFFER_BYTES = 65_536


@dataclass(slots=True, frozen=True)
class FeedBounds:
    events_max: int = 256
    bytes_max: int = 1_048_576
    held_bytes_max: int = 33_554_432


class FeedItem(NamedTuple):
    """One frame for a client. `seq` 0: it has no seq in the guest session. `is_event`: an event,
    not a notice of ours."""

    seq: int
    kind: str
    data: bytes
    is_event: bool = False


class Feeds:
    """What all feeds of a server share: bounds, limiter, counters."""

    def __init__(self, fleet: Fleet, metrics: Metrics, bounds: FeedBounds) -> None:
        self.fleet = fleet
        self.metrics = metrics
        self.bounds = bounds
        self.page_limiter = new_page_limiter()
        self.held = SharedByteLimit(
            bounds.held_bytes_max, lambda: metrics.count_refused_frontend("held")
        )
        metrics.watchers_held_bytes = lambda: self.held.total


class Feed:
    """A Watcher. `start` it, take `next` until None, `close` it. `sent_seq` is the consumer's: the
    cursor to resume from.

    `damaged` is called when past events cannot be read: it may `stop` the feed, or let it `follow`
    new events. By default the feed stops."""

    def __init__(
        self, feeds: Feeds, session_id: str, damaged: Callable[[Feed, Damaged], None] | None = None
    ) -> None:
        self._feeds = feeds
        self._fleet = feeds.fleet
        self._session_id = session_id
        self._damaged = damaged or (lambda feed, error: feed.stop(str(error)))
        self._pages = Pages(feeds.fleet, feeds.page_limiter, session_id)
        self._queue: deque[FeedItem] = deque()
        self._page: deque[FeedItem] = deque()
        self._queued_bytes = self._page_bytes = 0
        self._meanwhile: list[FeedItem] | None = None
        self._meanwhile_bytes = 0
        self._read_seq = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._is_replaying = self._is_lagging = self._is_lag_due = self._is_over = False
        self._is_closed = self._is_watching = False
        self.is_too_slow = False
        self.stopped = ""
        self.version = 0
        self.sent_seq = 0

    # ------------------------------------------------------------------ control

    def start(self, after_seq: int | None) -> None:
        """None: no past events. Raises NotFound."""
        if after_seq is None:
            self._fleet.watch(self._session_id, self)
            self._is_watching = True
        else:
            self.rewind(after_seq)

    def rewind(self, after_seq: int) -> None:
        """Begin again after that seq. What was to be shown and is not sent yet is dropped: it will
        be read again."""
        self._watch()
        self.version += 1
        self._drop_meanwhile()
        self._page.clear()
        self._queue = deque(entry for entry in self._queue if not entry.is_event)
        self._queued_bytes = sum(len(entry.data) for entry in self._queue)
        self._page_bytes = 0
        self._count()
        self._read_seq = self.sent_seq = after_seq
        self._is_replaying = True
        self._wake.set()

    def say(self, frame: dict[str, object], kind: str = "") -> None:
        """Queues a notice of ours. It does not wait for a replay in progress."""
        self._put(FeedItem(0, kind, orjson.dumps(frame)))

    async def room(self) -> None:
        """Return when the client has read most of its queue: a client that does not read is not
        read either."""
        await self._room.wait()

    def stop(self, reason: str) -> None:
        self.stopped = reason
        self._wake.set()

    def close(self) -> None:
        self._is_closed = True
        self._is_watching = False
        self._fleet.unwatch(self._session_id, self)
        self._drop_all()
        self._room.set()
        self._wake.set()

    # ------------------------------------------------------------------ new events

    def offer(self, row: EventRow) -> None:
        entry = FeedItem(row.seq, row.kind, row.payload, True)
        if not self._is_replaying:
            self._put(entry)
        elif self._meanwhile is not None:
            self._set_aside(entry)

    def over(self) -> None:
        self._is_over = True
        self._is_watching = False
        self._wake.set()

    def burden(self) -> float:
        return self._queued_bytes + self._page_bytes + self._meanwhile_bytes

    def evict(self) -> None:
        self.is_too_slow = True
        self._drop_all()
        self._wake.set()

    def _put(self, entry: FeedItem) -> None:
        if self.is_too_slow or self._is_closed:
            return
        self._queue.append(entry)
        self._queued_bytes += len(entry.data)
        bounds = self._feeds.bounds
        if len(self._queue) > bounds.events_max or self._queued_bytes > bounds.bytes_max:
            self.evict()
            return
        if self._is_half_full():
            self._room.clear()
            self._tell_lag_once()
        self._wake.set()
        self._count()

    def _set_aside(self, entry: FeedItem) -> None:
        """Offered while a page is read: shown if the page is empty."""
        assert self._meanwhile is not None
        self._meanwhile.append(entry)
        self._meanwhile_bytes += len(entry.data)
        bounds = self._feeds.bounds
        if len(self._meanwhile) > bounds.events_max or self._meanwhile_bytes > bounds.bytes_max:
            self.evict()
        else:
            self._count()

    def _tell_lag_once(self) -> None:
        if not self._is_lagging:
            self._is_lagging = self._is_lag_due = True
            self._feeds.metrics.watchers_lagging += 1

    def _is_half_full(self) -> bool:
        bounds = self._feeds.bounds
        return (
            len(self._queue) > bounds.events_max // 2 or self._queued_bytes > bounds.bytes_max // 2
        )

    # ------------------------------------------------------------------ output

    async def next(self) -> FeedItem | None:
        """The next frame to write; None when there is nothing more to come: too slow, stopped, or
        over.

        May be cancelled: nothing is lost by it."""
        while not self._has_stopped():
            if self._is_lag_due:
                self._is_lag_due = False
                return FeedItem(
                    0, "lagging", orjson.dumps({"kind": "lagging", "seq": self.sent_seq})
                )
            if self._queue:
                return self._take_queued()
            if self._page:
                return self._take_paged()
            if self._is_replaying:
                await self._read_page()
            elif self._is_over:
                return None
            else:
                self._is_lagging = False
                self._wake.clear()
                await self._wake.wait()
        return None

    def _take_queued(self) -> FeedItem:
        entry = self._queue.popleft()
        self._queued_bytes -= len(entry.data)
        if not self._room.is_set() and not self._is_half_full():
            self._room.set()
        self._count()
        return entry

    def _take_paged(self) -> FeedItem:
        entry = self._page.popleft()
        self._page_bytes -= len(entry.data)
        self._count()
        return entry

    # ------------------------------------------------------------------ past events

    async def _read_page(self) -> None:
        await self._feeds.page_limiter.acquire()
        if self._has_stopped():
            return
        version, self._meanwhile = self.version, []
        try:
            replay = await self._pages.read(self._read_seq)
            if self.version == version and not self._has_stopped():
                self._take_in(replay)
        except NotFound:  # it has ended, and a journal in memory has forgotten it
            if self.version == version:
                self._is_replaying = False
                self._is_over = True
                self._append(_forgotten(self._read_seq))
        except Damaged as error:
            if self.version == version:
                self._damaged(self, error)
        finally:
            if self.version == version:
                self._drop_meanwhile()

    def _has_stopped(self) -> bool:
        return bool(self._is_closed or self.is_too_slow or self.stopped)

    def _take_in(self, replay: Replay) -> None:
        if not replay.rows:
            self.follow()
            return
        for row in replay.rows:
            self._page_in(row, replay.first_kept_seq)
        self._count()

    def follow(self) -> None:
        """There is nothing more to read, or nothing that could be: go on with what was offered
        since the page was asked for."""
        self._is_replaying = False
        self._watch()
        offered = self._meanwhile or ()
        self._drop_meanwhile()
        for entry in offered:
            self._put(entry)

    def _watch(self) -> None:
        if self._is_watching:
            return
        try:
            self._fleet.watch(self._session_id, self)
            self._is_watching = True
        except NotFound:
            self._is_over = True

    def _drop_meanwhile(self) -> None:
        self._meanwhile = None
        self._meanwhile_bytes = 0

    def _page_in(self, row: EventRow, first_kept_seq: int) -> None:
        seq = row.seq
        if seq > self._read_seq + 1:
            self._append(_gap(self._read_seq, seq, is_retired=first_kept_seq >= seq))
        self._append(FeedItem(seq, row.kind, row.payload, True))
        self._read_seq = seq

    def _append(self, entry: FeedItem) -> None:
        self._page.append(entry)
        self._page_bytes += len(entry.data)

    # ------------------------------------------------------------------ counting

    def _count(self) -> None:
        held_bytes = self._queued_bytes + self._page_bytes + self._meanwhile_bytes
        self._feeds.held.set(self, held_bytes)

    def _drop_all(self) -> None:
        self._queue.clear()
        self._page.clear()
        self._queued_bytes = self._page_bytes = 0
        self._drop_meanwhile()
        self._feeds.held.remove(self)


def _gap(after_seq: int, seq: int, is_retired: bool) -> FeedItem:
    """Says which events are missing between two that are shown."""
    reason = f"events before seq {seq} are no longer kept"
    if not is_retired:
        reason = f"events between seq {after_seq} and {seq} cannot be read"
    frame = {
        "kind": "gap",
        "seq": seq - 1,
        "reason": reason,
        "after": str(after_seq),
        "before": str(seq),
    }
    return FeedItem(seq - 1, "gap", orjson.dumps(frame))


def _forgotten(after_seq: int) -> FeedItem:
    """Says that what came after that seq is gone with its guest session."""
    reason = f"the guest session has ended, and its events after seq {after_seq} are no longer kept"
    frame = {
        "kind": "gap",
        "seq": after_seq,
        "reason": reason,
        "after": str(after_seq),
        "before": "",
    }
    return FeedItem(after_seq, "gap", orjson.dumps(frame))


def limit_send_buffers(request: web.Request) -> None:
    """Keep the transport and the kernel from buffering what a client does not read.

    High water 0: `drain` waits until the transport has handed everything to the kernel."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=0)
    own = transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def abort_if_unsent(request: web.Request) -> None:
    """Abort a closing transport with unsent data: it would wait for the peer without limit."""
    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
        transport.abort()
