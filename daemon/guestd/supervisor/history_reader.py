"""Reads pages of the platform's history for guest sessions, so many at once over all of them."""

from __future__ import annotations

import logging

from ..model.effects import FetchHistory, SessionCounter
from ..model.errors import PlatformError
from ..model.ports import History, HistoryAnswer
from ..model.records import Note, no_note
from ..model.signals import MessageArrived
from ..observe.measured_read import measured_read
from ..observe.metrics import Metrics
from ..runtime.task_pool import TaskPool
from ..session.inputs import HistoryRead, HistoryUnread
from ..wire.dialect import Dialect
from .breakage import log_bug
from .connection_callbacks import ConnectionCallbacks

logger = logging.getLogger("guestd.supervisor")

READ = "history.read"


class HistoryReader:
    """Without a `history` every page is answered as one that cannot be read."""

    def __init__(
        self,
        history: History | None,
        dialect: Dialect,
        metrics: Metrics,
        inflight_max: int,
        note: Note = no_note,
    ) -> None:
        """`note` tells the audit of pages that could not be read."""
        self._history = history
        self._dialect = dialect
        self._metrics = metrics
        self._note = note
        self._readings = TaskPool("history", inflight_max)

    def read(self, callbacks: ConnectionCallbacks, effect: FetchHistory, session_id: str) -> None:
        """Answered through the callbacks of the connection it is read for."""
        self._readings.run(lambda: self._read(callbacks, effect, session_id))

    async def stop(self) -> None:
        await self._readings.stop()

    async def _read(
        self, callbacks: ConnectionCallbacks, effect: FetchHistory, session_id: str
    ) -> None:
        if callbacks.is_cut:  # while it waited for its turn
            return
        callbacks.history_answered(await self._page(effect, session_id))

    async def _page(self, effect: FetchHistory, session_id: str) -> HistoryRead | HistoryUnread:
        history = self._history
        if history is None:
            return HistoryUnread("this deployment has no history endpoint", worth_retrying=False)
        try:
            page = await measured_read(
                lambda: history.page(effect.jwt, effect.page_number),
                READ,
                {"session_id": session_id, "page": effect.page_number, "attempt": effect.attempt},
                self._metrics,
                self._note,
            )
        except PlatformError as error:
            self._count(error.code)
            return HistoryUnread(str(error), error.worth_retrying, error.retry_after_s)
        except Exception as error:
            # a session whose page never came would hold back all that arrives
            log_bug(logger, "reading the history", error)
            self._count("internal_error")
            return HistoryUnread("internal error", worth_retrying=True)
        self._count("ok")
        return self._decoded(page)

    def _decoded(self, page: HistoryAnswer) -> HistoryRead:
        signals = [
            one
            for entity in page.entities
            for one in reversed(self._dialect.decode_history(entity))
        ]
        items = [one for one in signals if isinstance(one, MessageArrived)]
        if refused := len(signals) - len(items):
            self._metrics.count_session(SessionCounter.GARBAGE, refused)
        return HistoryRead(items, page.page_number, page.page_count, page.total)

    def _count(self, outcome: str) -> None:
        fetches = self._metrics.history_fetches
        fetches[outcome] = fetches.get(outcome, 0) + 1
