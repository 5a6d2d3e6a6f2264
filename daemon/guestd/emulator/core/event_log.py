"""What happens on the emulated platform, for those who watch: messages, typing, joins, ends, and
injected faults with how they ended.

A bounded ring with numbers. Faults are always noted, all else only while someone watches and a
minute after, so that a load test does not pay for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from ...model.instants import NEVER
from .faults import BREAKING, FaultInjection
from .records import GuestSession, Json

ENTRIES_MAX = 1000
TEXT_MAX = 500

#: How long after the last question messages are still noted.
WATCHED_S = 60.0


class EventLog:
    """`watched_until`: from then on only faults are noted; each message asks for it."""

    def __init__(self) -> None:
        self._entries: deque[Json] = deque(maxlen=ENTRIES_MAX)
        self._listeners: list[Callable[[], None]] = []
        self.watched_until = 0.0
        self.last_n = 0

    def listen(self, changed: Callable[[], None]) -> None:
        self._listeners.append(changed)
        self.watched_until = NEVER

    def leave(self, changed: Callable[[], None], now: float) -> None:
        self._listeners.remove(changed)
        self.watched_until = NEVER if self._listeners else now + WATCHED_S

    def after(self, n: int, limit: int) -> Sequence[Json]:
        """Entries after that number, oldest first; if some are not kept any more, the first says
        how many."""
        if n > self.last_n:
            n = 0
        first = self.last_n - len(self._entries) + 1
        missed = first - 1 - n
        found = list(islice(self._entries, max(0, -missed), max(0, -missed) + limit))
        if missed > 0:
            found = [{"n": first - 1, "kind": "not_kept", "count": missed}, *found[: limit - 1]]
        return found

    def note(self, kind: str, session: GuestSession, now: float, **more: object) -> None:
        """Something that happened in a guest session; only while someone watches."""
        if now < self.watched_until:
            self._add(kind, now, {"guest": session.guest, "session": session.session, **more})

    def message(self, session: GuestSession, body: Json, now: float) -> None:
        if now >= self.watched_until:
            return
        sender = body.get("channel", {}).get("from", {})
        self.note(
            "message",
            session,
            now,
            direction=body.get("direction", ""),
            type=body.get("type", ""),
            id=body.get("id", ""),
            text=str(body.get("text") or "")[:TEXT_MAX],
            nickname=str(sender.get("nickname") or ""),
        )

    def injection(self, one: FaultInjection) -> None:
        kind = "injection" if one.over_at is None else "injection_over"
        at = one.at if one.over_at is None else one.over_at
        self._add(kind, at, shown_injection(one))

    def _add(self, kind: str, now: float, more: Json) -> None:
        self.last_n += 1
        self._entries.append({"n": self.last_n, "at": int(now * 1000), "kind": kind, **more})
        for changed in self._listeners:
            changed()

    def clear(self) -> None:
        self._entries.clear()


def shown_injection(one: FaultInjection) -> Json:
    """`outcome`: done, broken (its connection is not back) or restored, after `took_ms`."""
    outcome, took_ms = "done", None
    if one.kind in BREAKING:
        outcome = "broken" if one.over_at is None else "restored"
    if one.over_at is not None:
        took_ms = int((one.over_at - one.at) * 1000)
    return {
        "injection": one.id,
        "rule": one.rule,
        "fault": one.kind,
        "guest": one.guest,
        "session": one.session,
        "conversation": one.conversation,
        "message": one.message,
        "tracing_id": one.trace,
        "overtaken_by": one.overtaken_by,
        "outcome": outcome,
        "took_ms": took_ms,
    }
