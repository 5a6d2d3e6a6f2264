"""What changes in the fleet, for those who watch all of it: coalesced, paced, and resumable.

Nothing is queued for anybody. Each change has a number; of each guest session only the newest one
is kept, in the order of the numbers, and of those that have ended the last `GONE_MAX`. A watcher is
a number: what it is given next is all that has a higher one, as it stands then. So a slow watcher
costs no more than a quick one and gets fewer, larger batches; a hundred events of one session
between two batches are one row; and a client that comes back with the number it had is given what
it missed.

One timer serves all watchers. It runs only while something has changed, and at most `1 / PAUSE_S`
times a second; it measures how late it comes itself, and a loop that lags is given longer pauses:
watching must not make an overload worse. Watchers that are up to date share one batch.

Without a watcher the fleet is told that there is none, and nothing is noted at all. For
`LINGER_S` after the last one has left, changes are still noted, so that it can resume."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

import orjson

from ..model.errors import CommandError
from ..model.overview import Overview, SessionLine

#: Four batches a second are as smooth as a list can be read.
PAUSE_S = 0.25
#: Of an overloaded loop.
PAUSE_MAX_S = 5.0
#: A pause is this many times as long as the loop was late, beside PAUSE_S.
LAG_WEIGHT = 20.0

#: A page that is loaded again, or a connection that was lost, is back within a minute or never.
LINGER_S = 60.0

#: Sessions of one batch, about 60 kB; the rest comes with the next ones.
ROWS_MAX = 1000
#: Ended ones that are still told; who was away longer loads the list anew. Half a megabyte.
GONE_MAX = 10_000


def pause_s(lag_s: float) -> float:
    """Until the next batch, by how late the last one was."""
    return min(PAUSE_MAX_S, PAUSE_S + LAG_WEIGHT * max(0.0, lag_s))


@dataclass(frozen=True)
class ChangeBatch:
    """What changed after number `start` up to `end`. `reset`: what was before is not known, and the
    list must be loaded anew. `lines` are as things stood when it was made."""

    start: int
    end: int
    at_ms: int
    counts: dict[str, int]
    lines: list[SessionLine] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    reset: bool = False

    @cached_property
    def data(self) -> bytes:
        """Its JSON, made once for all watchers."""
        return orjson.dumps(self.shown())

    def shown(self) -> dict[str, Any]:
        return {
            "at": self.at_ms,
            "reset": self.reset,
            "counts": self.counts,
            "changed": [
                [
                    one.session_id,
                    one.state,
                    one.seq,
                    one.last_activity_ms,
                    one.waiting,
                    one.uncertain,
                ]
                for one in self.lines
            ],
            "gone": self.gone,
        }


class ChangeLog:
    """The numbered changes, as they are kept. `since`: what changed up to that number is not known
    any more."""

    def __init__(self) -> None:
        self.number = self.since = 0
        self._changed: OrderedDict[str, int] = OrderedDict()
        self._gone: deque[tuple[int, str]] = deque()

    def changed(self, session_ids: Iterable[str]) -> None:
        changed, number = self._changed, self.number
        for session_id in session_ids:
            number += 1
            changed[session_id] = number
            changed.move_to_end(session_id)
        self.number = number

    def gone(self, session_id: str) -> None:
        self._changed.pop(session_id, None)
        self.number += 1
        self._gone.append((self.number, session_id))
        if len(self._gone) > GONE_MAX:
            self.since, _ = self._gone.popleft()

    def forget(self) -> None:
        """Nothing is noted from now on."""
        self._changed.clear()
        self._gone.clear()
        self.since = self.number

    def after(self, start: int) -> tuple[int, list[str], list[str]]:
        """Up to which number, which changed and which are gone: the oldest ROWS_MAX."""
        changed = [
            (number, session_id, False)
            for session_id, number in takewhile(
                lambda one: one[1] > start, reversed(self._changed.items())
            )
        ]
        gone = [
            (number, session_id, True)
            for number, session_id in takewhile(lambda one: one[0] > start, reversed(self._gone))
        ]
        found = sorted(changed + gone)
        end = found[ROWS_MAX - 1][0] if len(found) > ROWS_MAX else self.number
        kept = found[:ROWS_MAX]
        return (
            end,
            [session_id for _, session_id, is_gone in kept if not is_gone],
            [session_id for _, session_id, is_gone in kept if is_gone],
        )


class ChangeFeed:
    """The fleet's one observer, and its watchers. `overview` is asked for when it is needed;
    `life` tells this life of the daemon from others, whose numbers mean nothing here."""

    def __init__(
        self, overview: Callable[[], Overview], now_ms: Callable[[], int], life: str
    ) -> None:
        self._overview = overview
        self._now_ms = now_ms
        self._life = life
        self._log = ChangeLog()
        self._watchers: set[ChangeSubscription] = set()
        self._shared: ChangeBatch | None = None
        self._is_observing = False
        self._timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._due = self._not_before = 0.0

    # ------------------------------------------------------------------ watchers

    def subscribe(self, cursor: str = "") -> ChangeSubscription:
        """`cursor`: that of the last batch the watcher has; "": none. `close` it. Raises
        CommandError if that is no cursor."""
        start = self._start_of(cursor)
        self.observe()
        watcher = ChangeSubscription(self, start)
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: ChangeSubscription) -> None:
        self._watchers.discard(watcher)
        if not self._watchers and self._is_observing:
            self._linger_on()

    def observe(self) -> None:
        """Note changes from now on, for LINGER_S at least."""
        if not self._is_observing:
            self._is_observing = True
            self._log.since = self._log.number
            self._overview().observe(self)
        self._linger_on()

    def close(self) -> None:
        """The daemon stops."""
        for watcher in list(self._watchers):
            watcher.close()
        for timer in (self._timer, self._linger):
            if timer is not None:
                timer.cancel()
        self._stop_observing()

    def batch_after(self, start: int) -> ChangeBatch:
        """What has changed after that number, or from the beginning where that is not known any
        more; -1: nothing is known yet."""
        log, at_ms, counts = self._log, self._now_ms(), self._overview().counts()
        if start < log.since:
            return ChangeBatch(start, log.number, at_ms, counts, reset=True)
        if self._shared is not None and self._shared.start == start:
            return self._shared
        end, changed, gone = log.after(start)
        lines = [line for one in changed if (line := self._overview().line(one)) is not None]
        self._shared = ChangeBatch(start, end, at_ms, counts, lines, gone)
        return self._shared

    def cursor_of(self, batch: ChangeBatch) -> str:
        return f"{self._life}-{batch.end}"

    @property
    def number(self) -> int:
        return self._log.number

    def _start_of(self, cursor: str) -> int:
        """-1: nothing that was before is known."""
        if not cursor:
            return -1
        life, _, digits = cursor.partition("-")
        if not (cursor.isascii() and life.isalnum() and digits.isdigit() and len(cursor) <= 40):
            raise CommandError("must be the id of a batch of changes", field="after")
        number = int(digits)
        is_ours = life == self._life and self._is_observing and number <= self._log.number
        return number if is_ours else -1

    # ------------------------------------------------------------------ the fleet

    def changed(self, session_ids: Iterable[str]) -> None:
        self._log.changed(session_ids)
        if self._timer is None:
            self._set_timer()

    def gone(self, session_id: str) -> None:
        self._log.gone(session_id)
        if self._timer is None:
            self._set_timer()

    # ------------------------------------------------------------------ time

    def keep_going(self, watcher: ChangeSubscription) -> None:
        """If there is more for it than one batch has."""
        if watcher.start < self._log.number and self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        if not self._watchers:
            return
        loop = asyncio.get_running_loop()
        self._due = max(loop.time(), self._not_before)
        self._timer = loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        """Each watcher gets one batch, and no other before the next tick."""
        now = asyncio.get_running_loop().time()
        self._not_before = now + pause_s(now - self._due)
        self._timer = self._shared = None
        for watcher in self._watchers:
            watcher.wake()
        if any(watcher.start < self._log.number for watcher in self._watchers):
            self._set_timer()

    def _linger_on(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self._linger = asyncio.get_running_loop().call_later(LINGER_S, self._linger_over)

    def _linger_over(self) -> None:
        self._linger = None
        if not self._watchers:
            self._stop_observing()

    def _stop_observing(self) -> None:
        if self._is_observing:
            self._is_observing = False
            self._overview().observe(None)
            self._shared = None
            self._log.forget()


class ChangeSubscription:
    """One watcher: take `next` until None, `close` it. `start`: the number of what it has."""

    def __init__(self, feed: ChangeFeed, start: int) -> None:
        self._feed = feed
        self.start = start
        self._may = asyncio.Event()
        self._may.set()
        self._is_closed = False

    async def next(self) -> ChangeBatch | None:
        """The next batch: the first at once, others when something has changed and the pause is
        over. None: closed. May be cancelled: nothing is lost by it."""
        while True:
            await self._may.wait()
            if self._is_closed:
                return None
            self._may.clear()
            if self.start < self._feed.number or self.start < 0:
                batch = self._feed.batch_after(self.start)
                self.start = batch.end
                self._feed.keep_going(self)
                return batch

    def wake(self) -> None:
        self._may.set()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._may.set()
            self._feed.leave(self)
