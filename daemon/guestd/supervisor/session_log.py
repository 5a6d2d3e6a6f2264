"""What the log says of guest sessions: opened, joined, lost, back, ended. Each line has the guest's
name and the session's id as fields, and nothing of what is said in the conversation.

The lines of all sessions share a budget per event and cause (`observe/line_budget.py`): when ten
thousand lose their connections at once, five are named and the rest are counted in one line. One
timer for the fleet writes these sums."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

from ..model.endings import ASKED_FOR, Ending
from ..model.ids import Guest
from ..model.ports import Clock
from ..observe.line_budget import WINDOW_S, LineBudget
from ..observe.log import counted_elsewhere, fields
from ..session.connection import ConnectionState
from ..session.waits import rest_sentence
from .unknown_frames import UnknownFrames

logger = logging.getLogger("guestd.sessions")

#: For each event: what its sum begins with.
_SUMS = {
    "session_opened": "guest sessions opened",
    "session_joined": "guest sessions joined",
    "session_back": "guest sessions are back",
    "session_lost": "guest sessions lost their connection",
    "connect_failed": "connects failed",
    "session_ended": "guest sessions ended",
    "session_refused": "guest sessions refused",
}

#: The event, the cause ("" for none) and the level of a line.
LineKey = tuple[str, str, int]


class SessionLog:
    """`stop` it at the end: it writes what is counted and not yet said. `host` is the
    platform's."""

    def __init__(self, url: str, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        """`url`: where the guest sessions are connected to; only its host is written."""
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        self._clock = clock
        self._loop = loop
        self._budget: LineBudget[LineKey] = LineBudget()
        self.unknown_frames = UnknownFrames()
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write_sums(self._clock.now() + WINDOW_S)

    # ------------------------------------------------------------------ what happens

    def opened(self, guest: Guest) -> None:
        self._line("session_opened", logging.INFO, "guest session opened: %s", guest)

    def refused(self, name: str, reason: str, problem: str) -> None:
        guest = Guest("", name, "")
        self._line(
            "session_refused", logging.WARNING, "guest session refused: %s", guest, reason, problem
        )

    def live(self, guest: Guest, is_first: bool) -> None:
        if is_first:
            self._line("session_joined", logging.INFO, "guest session joined: %s", guest)
        else:
            self._line("session_back", logging.INFO, "guest session is back: %s", guest)

    def rests(self, guest: Guest, connection: ConnectionState, had_joined: bool) -> None:
        """It waits before its next try. `had_joined`: it had a connection that the platform knew;
        else the connect failed."""
        ending = connection.lost_by
        if ending is None:
            return
        next_try_s = max(0.0, connection.step_at - self._clock.now())
        event, text = (
            ("session_lost", "guest session lost its connection: %s")
            if had_joined
            else ("connect_failed", "a connect failed: %s")
        )
        self._line(
            event,
            logging.INFO if ending.cause in ASKED_FOR else logging.WARNING,
            text,
            guest,
            ending.cause.value,
            f"{ending}. {rest_sentence(connection, self._clock.now())}",
            code=ending.code,
            host=self.host,
            attempt=connection.attempt,
            next_try_s=round(next_try_s, 1),
        )

    def ended(self, guest: Guest, ending: Ending) -> None:
        level = logging.INFO if ending.cause in ASKED_FOR else logging.WARNING
        self._line(
            "session_ended",
            level,
            "guest session ended: %s",
            guest,
            ending.cause.value,
            str(ending),
            code=ending.code,
        )

    def overload(self, is_full: bool, waiting: int) -> None:
        """The journal is behind (`is_full`), or has caught up."""
        if is_full:
            logger.warning(
                "overload: %d events wait for the journal; no guest session is read until it has"
                " caught up",
                waiting,
                extra=fields(event="overload", events_waiting=waiting),
            )
        else:
            caught_up = fields(event="overload_over")
            logger.info("the journal has caught up: guest sessions are read again", extra=caught_up)

    # ------------------------------------------------------------------ lines and sums

    def _line(
        self,
        event: str,
        level: int,
        text: str,
        guest: Guest,
        cause: str = "",
        detail: str = "",
        **more: Any,
    ) -> None:
        if not logger.isEnabledFor(level):
            return
        now = self._clock.now()
        self._write_sums(now)
        if self._budget.take((event, cause, level), now):
            known = {"event": event, "guest": guest.name, "session_id": guest.session_id}
            known |= {"cause": cause} if cause else {}
            known |= {name: value for name, value in more.items() if value is not None}
            who = f"{guest.name} ({guest.session_id})" if guest.session_id else guest.name
            said = f"{who}: {detail}" if detail else who
            logger.log(level, text, said, extra=counted_elsewhere(**known))
        elif self._timer is None:
            self._plan()

    def _plan(self) -> None:
        at = self._budget.next_at()
        if at is not None:
            after_s = max(0.0, at - self._clock.now())
            self._timer = self._loop.call_later(after_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._write_sums(self._clock.now())
        self._plan()

    def _write_sums(self, now: float) -> None:
        for (event, cause, level), count in self._budget.ended(now):
            known = {"event": event, "count": count, **({"cause": cause} if cause else {})}
            why = f": {cause}" if cause else ""
            logger.log(
                level, "%d more %s%s", count, _SUMS[event], why, extra=counted_elsewhere(**known)
            )
