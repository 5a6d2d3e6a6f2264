"""The log's word for what the platform says and we do not know (SOCK-3): a later version of it, or
another product behind the same address.

One line when a kind is seen first, and again at ten, a hundred, a thousand of it, so that a kind
that comes with every message costs a handful of lines a day. The kind is the platform's word for
what it sends and nothing of what is said; where it does not look like such a word it is not
shown."""

from __future__ import annotations

import logging
import re

from ..model.ids import Guest
from ..observe.log import counted_elsewhere

logger = logging.getLogger("guestd.sessions")

#: A platform has a few dozen words; more than that are not told apart.
KINDS_MAX = 64
OTHER = "other"

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,47}( [A-Za-z][A-Za-z0-9_.-]{0,47}){0,3}")


class UnknownFrames:
    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def count(self, name: str, guest: Guest) -> None:
        kind = name if _WORD.fullmatch(name) else "(no word)"
        if kind not in self._seen and len(self._seen) >= KINDS_MAX:
            kind = OTHER
        count = self._seen[kind] = self._seen.get(kind, 0) + 1
        if count == 10 ** (len(str(count)) - 1):
            self._write(kind, count, guest)

    def _write(self, kind: str, count: int, guest: Guest) -> None:
        known = {"event": "frame_unknown", "frame": kind, "count": count}
        known |= {"guest": guest.name, "session_id": guest.session_id}
        logger.warning(
            "a frame of the platform is of a kind that is not known, and is passed over: %s (%d so"
            " far; guest session %s)",
            kind,
            count,
            guest.session_id,
            extra=counted_elsewhere(**known),
        )
