"""Reading the history to close a gap: which page next, when to try again, when to stop asking.

A gap is possible after a lost connection, after a frame that could not be read (it might have been
a message), and when a message of ours stays unconfirmed. The platform replays nothing by itself
(protocol §6.7), so we ask: a short-lived JWT over the socket, then pages over REST, newest first,
until a page ends in something already shown.

The history may lie: a page can come back empty though the platform knows better, and reads are
limited to ten a minute per session. Both are answered with patience, `attempts_max` times; then the
gap is stated instead of hidden. However long a Retry-After asks to wait, patience ends as far after
the first failure as `attempts_max` pauses of our own would take: meanwhile the guest session shows
nothing, and that must not depend on a header."""

from __future__ import annotations

from enum import Enum

from ..model.instants import NEVER
from ..model.signals import MessageArrived


class BackfillStep(Enum):
    """What a backfill is waiting for."""

    JWT = "jwt"
    PAGE = "page"
    REST = "rest"


class HistoryBackfill:
    """One reading of the history. `again`: something else went missing meanwhile, which this
    reading may not hold yet."""

    __slots__ = (
        "_pages",
        "again",
        "asked_at",
        "attempts",
        "failing_since",
        "page_number",
        "step",
        "wake_at",
    )

    def __init__(self) -> None:
        self._pages: list[list[MessageArrived]] = []
        self.page_number = 1
        self.attempts = 0
        self.again = False
        self.asked_at = NEVER
        self.failing_since = NEVER
        self.step = BackfillStep.REST
        self.wake_at = NEVER

    def restart(self, at: float) -> None:
        """Begin anew at `at`: pages shift when messages arrive, so a broken reading is not
        continued."""
        self._pages.clear()
        self.page_number = 1
        self.step, self.wake_at = BackfillStep.REST, at

    def failed(self, now: float) -> None:
        self.attempts += 1
        self.failing_since = min(self.failing_since, now)

    def begin_again(self, now: float) -> None:
        """Read once more before anything is shown; this too has its limit, or endless garbage would
        hold all."""
        self.attempts += 1
        self.again = False
        self.restart(now)

    def asked(self, step: BackfillStep, answer_by: float) -> None:
        self.step, self.wake_at = step, answer_by

    def take(self, items: list[MessageArrived]) -> None:
        self._pages.append(items)
        self.page_number += 1

    @property
    def pages_read(self) -> int:
        return len(self._pages)

    def oldest_first(self) -> list[MessageArrived]:
        """All items read, oldest first, each once: while we paged, newer ones pushed old ones to a
        later page."""
        seen: dict[str, MessageArrived] = {}
        for page in self._pages:
            for item in page:
                seen.setdefault(item.identity, item)
        return list(reversed(seen.values()))
