"""The names of the guests whose sessions webhooks tell of, looked up page by page and kept for a
while: an event in the journal has only the session's id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ..model.journal import EventReader

#: As many as the guest sessions of a large fleet, at some 150 bytes each.
NAMES_MAX = 20_000


class GuestNames:
    def __init__(self, journal: EventReader) -> None:
        self._journal = journal
        self._known: OrderedDict[str, str] = OrderedDict()

    async def of(self, session_ids: Iterable[str]) -> dict[str, str]:
        """For each session its guest's name; "" where the journal does not have it any more."""
        wanted = dict.fromkeys(session_ids)
        missing = [one for one in wanted if one not in self._known]
        if missing:
            self._known.update(await self._journal.guest_names(missing))
        found = {one: self._known.get(one, "") for one in wanted}
        while len(self._known) > NAMES_MAX:
            self._known.popitem(last=False)
        return found
