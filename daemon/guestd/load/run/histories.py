"""The platform's history of each guest, read shortly before the guest leaves.

A real organisation has no record that could be asked for when the run is over: a history is read
with a token that only a living session is granted. So a guest that wants to end its conversation is
held here until its history is read, and ends it then.

**A page is a turn.** Each guest that waits has one place in the line, with the time of its next
turn; a turn asks for the token if there is none that is young enough, and reads one page. Turns
keep to a rate over all guests, and each guest to the platform's reads a minute. So a long history
takes several turns, a failed page is a later turn, and nobody sleeps: there is no task but those
that read a page just now, `INFLIGHT_MAX` at most.

**What is under way is not lost.** A guest waits until its own messages are settled, at most
`SETTLE_S`; what is still under way then is left out of the judgement. Where the history has a
message that the guest has not been shown, or lacks one of its own, the guest stays `AGAIN_S` longer
and the history is read once more: the message may have been on its way. Only what the first reading
had, and the guest still has not, is lost. This compares ids and no clocks, so that it does not
matter how far the platform's is off.

**Everything ends.** A page that cannot be read is tried again, `TRIES_MAX` times in all for one
guest (twice if the platform refuses it), and a 429 or 503 that asks to wait makes everyone wait so
long. A guest is held for `PATIENCE_S`, and when the run is stopped for `HURRY_S`; then it leaves,
and why its history was not read is kept beside it. After `IN_VAIN_MAX` such guests without a page
in between no guest is held any more: a platform whose history is away is not to change the run."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from ...model.errors import PlatformError, PlatformUnavailable
from ...model.foreign import HISTORY_PAGES_MAX
from ...model.instants import NEVER
from ...model.ports import Clock, History, HistoryAnswer, HistoryTokens
from ...model.signals import MessageArrived, Signal
from ...policy.buckets import SlidingCount, TokenBucket
from ...runtime.task_pool import TaskPool
from ..guest import actions as a
from ..measure.reconcile import MessageOnRecord, reconcile
from .conversation_log import ReadHistory
from .driver import GuestDriver
from .on_record import on_record

logger = logging.getLogger("guestd.load")

#: Pages that are read at the same time, beside the readings of sessions that were away.
INFLIGHT_MAX = 16
#: So much of a second's turns may come at once: turns are given twenty times a second.
BURST_S = 0.1
#: For messages that wait for their echo; a guest's own pacing is five a second.
SETTLE_S = 10.0
#: What is on its way arrives long before.
AGAIN_S = 2.0
#: By default 2,000 pages a minute are read, so 4,000 guests may leave at once.
PATIENCE_S = 120.0
#: When the run is stopped its end may not take long.
HURRY_S = 30.0
#: With the pauses between them, about 40 s: long enough for a session that is connecting again.
TRIES_MAX, REFUSALS_MAX = 8, 2
PAUSE_S, PAUSE_MAX_S = 1.0, 8.0
IN_VAIN_MAX = 5
#: A Retry-After is obeyed up to here: the platform counts by minutes.
REST_MAX_S = 60.0
#: The platform answers a request within a second; then its answer is lost.
TOKEN_S = 10.0
#: A token lives for a minute by the platform's clock.
TOKEN_USED_S = 30.0

NO_CONNECTION = "the guest session had no connection"
NO_TOKEN = "the platform granted no token for the history"
NO_TURN = f"no turn within {PATIENCE_S:g} s"
STOPPED = "the run was stopped before its turn"
OVER = "the guest session was over before its history was read"
EMPTY = "the platform answered an empty page"
TOO_LONG = f"the history is longer than {HISTORY_PAGES_MAX} pages"
OUR_BUG = "internal error"
NO_MORE = "none was read any more: "


@dataclass(slots=True, frozen=True)
class HistorySource:
    """How histories are read. `decode`: what an entity of a page means. `pages_per_s`: of all
    guests; `reads_per_minute`: of one."""

    tokens: HistoryTokens
    pages: History
    decode: Callable[[dict[str, Any]], list[Signal]]
    pages_per_s: float
    reads_per_minute: int


@dataclass(slots=True, eq=False)
class _Reading:
    """`due`: of its next turn. `problem`: why the last one failed. `first_ids`: the messages of the
    platform's that the first reading had, None before the second."""

    driver: GuestDriver
    end: a.EndSession
    since: float
    give_up_at: float
    reads: SlidingCount
    due: float = NEVER
    is_under_way: bool = False
    page_number: int = 1
    items: dict[str, MessageArrived] | None = None
    sent: int = 0
    unsettled: frozenset[str] = frozenset()
    jwt: str = ""
    jwt_until: float = -NEVER
    tries: int = 0
    refusals: int = 0
    problem: str = ""
    first_ids: frozenset[str] | None = None


class GuestHistories:
    """`holds` a guest that wants to end its conversation, until its history is in its log. `look`
    is to be called often, `stop` at the end. `throttled`: answers 429."""

    def __init__(
        self, source: HistorySource, clock: Clock, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._source, self._clock, self._loop = source, clock, loop
        self._bucket = TokenBucket(source.pages_per_s, max(1.0, source.pages_per_s * BURST_S))
        self._pool = TaskPool("guest history", INFLIGHT_MAX)
        self._readings: dict[GuestDriver, _Reading] = {}  # the first to give up first
        self._line: list[tuple[float, int, _Reading]] = []
        self._order = count()
        self._hurried_until, self._rest_until = NEVER, -NEVER
        self._in_vain = 0
        self._no_more = ""  # why no guest is held
        self.throttled = 0

    def __len__(self) -> int:
        """Guests that are held."""
        return len(self._readings)

    def holds(self, driver: GuestDriver, end: a.EndSession) -> bool:
        """Whether its end has to wait; then it is asked for in time."""
        log = driver.log
        if log.history is not None or log.not_read or not driver.was_live:
            return False
        if (known := self._readings.get(driver)) is not None:
            known.end = end
            return True
        now = self._clock.now()
        give_up_at = min(now + PATIENCE_S, self._hurried_until)
        if self._no_more or give_up_at <= now:
            log.not_read = self._no_more or STOPPED
            return False
        reads = SlidingCount(self._source.reads_per_minute, 60.0)
        reading = self._readings[driver] = _Reading(driver, end, now, give_up_at, reads)
        self._put(reading, now if log.is_settled else now + SETTLE_S)
        return True

    def heard(self, driver: GuestDriver) -> None:
        """Something of it has come: it may be all that was under way."""
        reading = self._readings.get(driver)
        if reading is None or reading.items is not None or reading.first_ids is not None:
            return
        if driver.log.is_settled and reading.due > (now := self._clock.now()):
            self._put(reading, now)

    def over(self, driver: GuestDriver) -> None:
        """Its session is."""
        if self._readings.pop(driver, None) is not None:
            driver.log.not_read = OVER

    def hurry(self) -> None:
        """The run is stopped."""
        if self._hurried_until < NEVER:
            return
        self._hurried_until = self._clock.now() + HURRY_S
        for reading in self._readings.values():
            reading.give_up_at = min(reading.give_up_at, self._hurried_until)

    def look(self) -> None:
        """Give turns to those whose time has come, and let go whose patience is over."""
        now = self._clock.now()
        for reading in list(self._readings.values()):
            if reading.give_up_at > now:
                break
            why = STOPPED if now >= self._hurried_until else NO_TURN
            self._give_up(reading, reading.problem or why)
        line = self._line
        while line and line[0][0] <= now:
            due, _, reading = line[0]
            if not self._is_next(reading, due):
                heapq.heappop(line)
            elif now < self._rest_until or len(self._pool) >= INFLIGHT_MAX:
                return
            elif (ready_at := reading.reads.ready_at(now)) > now:
                heapq.heappop(line)
                self._put(reading, ready_at)
            elif self._bucket.take(now):
                heapq.heappop(line)
                self._begin_turn(reading, now)
            else:
                return

    async def stop(self) -> None:
        """What is not read stays so."""
        self._readings.clear()
        await self._pool.stop()

    # ------------------------------------------------------------------ the line

    def _put(self, reading: _Reading, due: float) -> None:
        """Its place in the line; the one before counts no more."""
        reading.due = due
        heapq.heappush(self._line, (due, next(self._order), reading))

    def _is_next(self, reading: _Reading, due: float) -> bool:
        is_held = self._readings.get(reading.driver) is reading
        return is_held and reading.due == due and not reading.is_under_way

    def _begin_turn(self, reading: _Reading, now: float) -> None:
        if reading.items is None:
            reading.items = {}
            reading.sent = reading.driver.log.given
            reading.unsettled = reading.driver.log.unsettled
        reading.reads.take(now)
        reading.is_under_way = True
        self._pool.run(lambda: self._turn(reading))

    async def _turn(self, reading: _Reading) -> None:
        try:
            page = await self._page(reading)
        except PlatformError as error:
            reading.is_under_way = False
            if reading.driver in self._readings:
                self._failed(reading, error)
        except Exception:
            logger.exception("reading a guest's history failed: our bug")
            self._give_up(reading, OUR_BUG)
        else:
            reading.is_under_way = False
            if reading.driver in self._readings:
                self._take(reading, page)

    # ------------------------------------------------------------------ one page

    async def _page(self, reading: _Reading) -> HistoryAnswer:
        if reading.jwt_until <= self._clock.now():
            reading.jwt = await self._token(reading.driver.session_id)
            reading.jwt_until = self._clock.now() + TOKEN_USED_S
        return await self._source.pages.page(reading.jwt, reading.page_number)

    async def _token(self, session_id: str) -> str:
        granted: asyncio.Future[str] = self._loop.create_future()
        tokens = self._source.tokens
        if not tokens.ask(session_id, lambda jwt: _grant(granted, jwt)):
            raise PlatformUnavailable(NO_CONNECTION, cause="no_connection")
        try:
            async with asyncio.timeout(TOKEN_S):
                return await granted
        except TimeoutError:
            raise PlatformUnavailable(NO_TOKEN, cause="no_token") from None
        finally:
            tokens.forget(session_id)

    def _take(self, reading: _Reading, page: HistoryAnswer) -> None:
        assert reading.items is not None
        if self._is_suspicious(reading, page):
            self._failed(reading, PlatformUnavailable(EMPTY, cause="empty"))
            return
        self._in_vain = 0
        for one in page.entities:
            for signal in reversed(self._source.decode(one)):
                if isinstance(signal, MessageArrived):
                    reading.items.setdefault(signal.identity, signal)
        if not page.entities or reading.page_number >= page.page_count:
            self._read(reading)
        elif reading.page_number >= HISTORY_PAGES_MAX:
            self._give_up(reading, TOO_LONG)
        else:
            reading.page_number += 1
            self._put(reading, self._clock.now())

    def _is_suspicious(self, reading: _Reading, page: HistoryAnswer) -> bool:
        """Empty where there must be something."""
        if page.entities:
            return False
        is_first = reading.page_number == 1
        return page.page_count > reading.page_number or (
            is_first and (page.total > 0 or reading.driver.log.is_at_platform)
        )

    def _failed(self, reading: _Reading, error: PlatformError) -> None:
        now, wait_s = self._clock.now(), min(error.retry_after_s or 0.0, REST_MAX_S)
        reading.tries, reading.problem = reading.tries + 1, _why(error)
        reading.refusals += not error.worth_retrying
        if not error.worth_retrying:
            reading.jwt_until = -NEVER
        self.throttled += error.status == 429
        if error.status in (429, 503):
            self._rest_until = max(self._rest_until, now + wait_s)
        pause_s = min(PAUSE_S * 2 ** (reading.tries - 1), PAUSE_MAX_S)
        due = now + max(pause_s, wait_s)
        is_hopeless = reading.tries >= TRIES_MAX or reading.refusals >= REFUSALS_MAX
        if is_hopeless or due >= reading.give_up_at:
            self._give_up(reading, reading.problem)
            self._count_in_vain(reading.problem)
        else:
            self._put(reading, due)

    def _count_in_vain(self, problem: str) -> None:
        """Of a guest whose session is only away nothing follows for the others."""
        self._in_vain += problem != NO_CONNECTION
        if self._in_vain >= IN_VAIN_MAX and not self._no_more:
            self._no_more = NO_MORE + problem
            for reading in list(self._readings.values()):
                self._give_up(reading, self._no_more)

    # ------------------------------------------------------------------ the whole history

    def _read(self, reading: _Reading) -> None:
        assert reading.items is not None
        messages = on_record(reversed(reading.items.values()))
        history = ReadHistory(messages, reading.sent, reading.unsettled)
        if reading.first_ids is not None:
            still = [one for one in messages if _is_of_first(one, reading.first_ids)]
            self._conclude(reading, ReadHistory(still, reading.sent, reading.unsettled))
        elif self._has_trouble(reading.driver, history):
            ids = (one.message_id for one in messages if one.direction == "Outbound")
            reading.first_ids = frozenset(ids)
            reading.items, reading.page_number = None, 1
            self._put(reading, self._clock.now() + AGAIN_S)
        else:
            self._conclude(reading, history)

    def _has_trouble(self, driver: GuestDriver, history: ReadHistory) -> bool:
        found = reconcile(driver.log.view(history=history), history.messages, 0).findings
        return any(one.kind in ("lost", "uncertain") for one in found)

    def _conclude(self, reading: _Reading, history: ReadHistory) -> None:
        reading.driver.log.history = history
        self._let_go(reading)

    def _give_up(self, reading: _Reading, why: str) -> None:
        reading.driver.log.not_read = why
        self._let_go(reading)

    def _let_go(self, reading: _Reading) -> None:
        """It may end its conversation, if it has not ended meanwhile."""
        driver = reading.driver
        if self._readings.pop(driver, None) is not None:
            driver.held_s = self._clock.now() - reading.since
            driver.end(reading.end)


def _grant(granted: asyncio.Future[str], jwt: str) -> None:
    if not granted.done():
        granted.set_result(jwt)


def _is_of_first(one: MessageOnRecord, known: frozenset[str]) -> bool:
    """A message of the platform's that came after the first reading may be on its way."""
    return one.direction == "Inbound" or one.message_id in known


def _why(error: PlatformError) -> str:
    """In words that are the same for all that fail alike."""
    if error.status is not None and error.status != 200:
        return f"the platform answered its history with {error.status}"
    return str(error)
