"""Ends the guest sessions that frontends made and left without a word.

A page that is opened makes a guest session; closed again, or reloaded with another name, it would
leave a conversation that waits for nobody until its whole duration is over. So a session that a
frontend made is ended when no frontend was connected to it for `after_s` and no message of the
guest's was accepted. What a program opened over the control API is its own affair, and after a
restart it is not known who made a session: neither is ended here.

One timer serves all: the grace time is the same for each, so they are due in the order in which
their last frontend left. There are never more entries than frontends that came lately.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from ..model.errors import NotFound
from ..model.ports import Fleet

logger = logging.getLogger("guestd.simulator")


class UnusedSessions:
    """`after_s` 0: none is ended."""

    def __init__(self, fleet: Fleet, after_s: float) -> None:
        self._fleet = fleet
        self._after_s = after_s
        self._connected: dict[str, int] = {}
        self._due_at: dict[str, float] = {}  # without a frontend; the earliest first
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def connected(self, session_id: str, is_new: bool) -> Iterator[None]:
        """While a frontend is connected; `is_new`: it has made the session."""
        if is_new and self._after_s:
            self._connected[session_id] = 0
        if session_id not in self._connected:
            yield
            return
        self._connected[session_id] += 1
        self._due_at.pop(session_id, None)
        try:
            yield
        finally:
            self._connected[session_id] -= 1
            if not self._connected[session_id]:
                self._begin_to_wait(session_id)

    def close(self) -> None:
        """End none any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._after_s = None, 0.0

    def _begin_to_wait(self, session_id: str) -> None:
        if not self._after_s or not self._may_be_unused(session_id):
            del self._connected[session_id]
            return
        self._due_at[session_id] = asyncio.get_running_loop().time() + self._after_s
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        self._timer = None
        if self._due_at:
            due_at = next(iter(self._due_at.values()))
            self._timer = asyncio.get_running_loop().call_at(due_at, self._end_due)

    def _end_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._due_at and next(iter(self._due_at.values())) <= now:
            session_id = next(iter(self._due_at))
            del self._due_at[session_id], self._connected[session_id]
            self._end_if_unused(session_id)
        self._set_timer()

    def _may_be_unused(self, session_id: str) -> bool:
        try:
            return not self._fleet.view(session_id).has_spoken
        except NotFound:
            return False

    def _end_if_unused(self, session_id: str) -> None:
        if not self._may_be_unused(session_id):
            return
        name = self._fleet.view(session_id).name
        if self._fleet.end_unused(session_id):
            logger.info(
                "guest session %s of %s is ended: no frontend for %g s and no message"
                " (simulator.unused_after_s)",
                session_id,
                name,
                self._after_s,
            )
        else:  # followed otherwise: look again later
            self._connected[session_id] = 0
            self._begin_to_wait(session_id)
