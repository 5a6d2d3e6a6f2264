"""The guest sessions that a killed run has left open, each taken up by its token and ended.

Each comes back as a session that was live before, under the connect budget. A token that the
platform does not know, or whose conversation is over, needs no end: it counts as over already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from ...model.commands import Answer, End
from ...model.effects import SessionCounter
from ...model.endings import Cause
from ...model.errors import GuestdError
from ...model.journal import EventRow, SavedSession, SessionRecord
from ...model.ports import Clock, Fleet

#: A session is given so long to be ended: its connect, its history, its goodbye.
LIFE_S = 600.0
#: How long the last of them may take after its turn in the connect budget has come.
PATIENCE_S = 90.0

#: The platform does not know it any more.
_OVER = frozenset(
    one.value
    for one in (
        Cause.SESSION_EXPIRED,
        Cause.SESSION_UNKNOWN,
        Cause.SESSION_CLEARED,
        Cause.SESSION_REFUSED,
        Cause.LOGGED_OUT,
        Cause.DISPLACED,
    )
)
_ENDED = frozenset(one.value for one in (Cause.FINISHED, Cause.DURATION_REACHED))


@dataclass(slots=True)
class ReapCounts:
    ended: int = 0
    over: int = 0
    failed: int = 0

    def add(self, other: ReapCounts) -> None:
        self.ended += other.ended
        self.over += other.over
        self.failed += other.failed


class _Session(msgspec.Struct):
    state: str
    reason: str = ""
    read_only: bool = False


_session = msgspec.json.Decoder(_Session).decode


def saved_session(token: str, number: int, run_id: str, now_ms: int) -> SavedSession:
    """As if a journal had kept it; to be given to `Supervisor.recover`."""
    record = SessionRecord(
        f"reap-{number}",
        f"{run_id}-{number}",
        token,
        "",
        {},
        {},
        now_ms,
        now_ms + int(LIFE_S * 1000),
    )
    return SavedSession(record, 0, True, False, (), False)


class Reaper:
    """`was_over` is called with the token of each that is over now. `counted` is the fleet's word
    of a session that the platform began anew."""

    def __init__(
        self, fleet: Fleet, clock: Clock, tokens: Sequence[str], was_over: Callable[[str], None]
    ) -> None:
        self.counts = ReapCounts()
        self._fleet, self._clock, self._was_over = fleet, clock, was_over
        self._left = {f"reap-{number}": token for number, token in enumerate(tokens)}
        self._unknown: set[str] = set()
        self._done = asyncio.Event()

    def watch(self) -> None:
        """Each session that was recovered just now."""
        for session_id in self._left:
            self._fleet.watch(session_id, _ReapWatcher(self, session_id))

    async def wait(self, at_most_s: float) -> None:
        """Until all are over; what is not in time has failed."""
        if self._left:
            with suppress(TimeoutError):
                async with asyncio.timeout(at_most_s):
                    await self._done.wait()
        self.counts.failed += len(self._left)
        self._left.clear()

    def counted(self, session_id: str, counter: SessionCounter, count: int) -> None:
        if counter is SessionCounter.BEGUN_ANEW:
            self._unknown.add(session_id)

    def live(self, session_id: str, read_only: bool) -> None:
        if read_only:
            self._unknown.add(session_id)
        with suppress(GuestdError):  # it is over, and the event that says so is on its way
            self._fleet.give(session_id, End("reap"), _unheeded)

    def ended(self, session_id: str, reason: str) -> None:
        token = self._left.pop(session_id, None)
        if token is None:
            return
        if session_id in self._unknown or reason in _OVER:
            self.counts.over += 1
            self._was_over(token)
        elif reason in _ENDED:
            self.counts.ended += 1
            self._was_over(token)
        else:
            self.counts.failed += 1
        if not self._left:
            self._done.set()


class _ReapWatcher:
    __slots__ = ("_reaper", "_session_id")

    def __init__(self, reaper: Reaper, session_id: str) -> None:
        self._reaper, self._session_id = reaper, session_id

    def offer(self, row: EventRow) -> None:
        if row.kind != "session":
            return
        one = _session(row.payload)
        if one.state == "live":
            self._reaper.live(self._session_id, one.read_only)
        elif one.state == "ended":
            self._reaper.ended(self._session_id, one.reason)

    def over(self) -> None:
        """The event of the end has said so."""


def _unheeded(answer: Answer) -> None:
    pass
