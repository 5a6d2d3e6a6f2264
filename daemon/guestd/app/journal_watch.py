"""Does the journal's disk answer? Asked at each beat of the event loop with the time the oldest
commit has been waiting."""

from __future__ import annotations

import logging

from ..observe.log import fields

logger = logging.getLogger("guestd.journal")

#: A commit takes milliseconds, on a busy network disk a second; callers of the control API are
#: answered 503 after ten.
STALLED_S = 10.0
#: Storage that fails over to another controller answers again within half a minute to a minute;
#: later than that, a new process is the better try, and systemd makes one when the watchdog's pings
#: stop.
HUNG_S = 60.0


class JournalWatch:
    """`look` with each new figure; then ask `is_stalled` and `is_hung`."""

    def __init__(self) -> None:
        self.is_stalled = self.is_hung = False

    def look(self, oldest_wait_s: float) -> None:
        """Take a new figure. The log gets one line when a stall begins, when it is taken for a
        hang, and when it ends."""
        was_stalled, was_hung = self.is_stalled, self.is_hung
        self.is_stalled = oldest_wait_s >= STALLED_S
        self.is_hung = oldest_wait_s >= HUNG_S
        if self.is_stalled and not was_stalled:
            logger.error(
                "the journal's disk does not answer: an event has been waiting for %.0f s",
                oldest_wait_s,
                extra=fields(event="journal_stalled"),
            )
        if self.is_hung and not was_hung:
            logger.error(
                "the journal's disk hangs for %.0f s: the watchdog is no longer notified",
                oldest_wait_s,
                extra=fields(event="journal_hung"),
            )
        if was_stalled and not self.is_stalled:
            logger.warning(
                "the journal's disk answers again", extra=fields(event="journal_stalled_over")
            )
