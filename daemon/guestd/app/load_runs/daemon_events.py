"""The events of a daemon's guest sessions, each handed on once and in order, whatever way it came:
by the stream of all of them, or read by seq after the stream was cut. Pure.

Of each session the last seq that its watcher had is known. An event with the next seq is handed on;
one with a lower is known already; one with a higher says that some are missing, and the session
has to be read from where it stands. What comes of a session whose opening has not been answered yet
is kept until its id is known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from ...model.commands import Answer
from ...model.journal import EventRow
from ...model.ports import Watcher
from .daemon_requests import DaemonRequest

#: Events of sessions that are not known yet: those of openings under way, some for each.
EARLY_MAX = 20_000

#: Why a session is over that the daemon can say nothing of any more.
FORGOTTEN, AWAY = "daemon_forgot", "daemon_away"


@dataclass(slots=True, eq=False)
class DaemonSession:
    """A guest session at a daemon. `session_id`: "" until its opening is answered; `seen`: the
    highest seq that was heard of; `asked_to_end`: the daemon has accepted that. `requests`: what
    its guest wants, in order, each with who is told what became of it."""

    name: str
    session_id: str = ""
    seq: int = 0
    seen: int = 0
    watcher: Watcher | None = None
    is_over: bool = False
    asked_to_end: bool = False
    is_under_way: bool = False
    requests: deque[tuple[DaemonRequest, Callable[[Answer], None]]] = field(default_factory=deque)

    @property
    def is_behind(self) -> bool:
        return self.seen > self.seq and not self.is_over


class _SessionEnd(msgspec.Struct):
    state: str


class _StreamedEvent(msgspec.Struct):
    session_id: str
    event: msgspec.Raw


class _EventHead(msgspec.Struct):
    seq: int
    kind: str


_streamed = msgspec.json.Decoder(_StreamedEvent).decode
_head = msgspec.json.Decoder(_EventHead).decode
_end = msgspec.json.Decoder(_SessionEnd).decode


class DaemonEvents:
    """`doubles`: events that came again and were passed over; `missed`: those that the daemon did
    not keep long enough to be read."""

    def __init__(self) -> None:
        self.by_name: dict[str, DaemonSession] = {}
        self._by_id: dict[str, DaemonSession] = {}
        self._early: dict[str, list[EventRow]] = {}
        self._early_count, self._has_let_go = 0, False
        self.doubles = self.missed = 0
        self.all_over = asyncio.Event()
        self.all_over.set()

    def begun(self, name: str) -> DaemonSession:
        session = self.by_name[name] = DaemonSession(name)
        self.all_over.clear()
        return session

    def opened(self, session: DaemonSession, session_id: str) -> bool:
        """Its id is known: what has come of it already is handed on. False: it has to be read,
        since some may have been let go."""
        session.session_id = session_id
        self._by_id[session_id] = session
        for row in self._early.pop(session_id, ()):
            self._early_count -= 1
            self.take(row)
        return not self._has_let_go and not session.is_behind

    def living(self) -> list[DaemonSession]:
        """Whose ids are known."""
        return list(self._by_id.values())

    def take(self, row: EventRow) -> DaemonSession | None:
        """An event of the stream. The session, if it has to be read from where it stands."""
        session = self._by_id.get(row.session_id)
        if session is None:
            self._keep_early(row)
            return None
        if row.seq == session.seq + 1:
            self._hand_on(session, row)
        elif row.seq <= session.seq:
            self.doubles += 1
        else:
            session.seen = max(session.seen, row.seq)
            return session
        return None

    def take_read(self, session: DaemonSession, rows: Iterable[EventRow]) -> None:
        """Events that were read after its seq: all that are kept."""
        for row in rows:
            if row.seq > session.seq and not session.is_over:
                self.missed += row.seq - session.seq - 1
                self._hand_on(session, row)

    def skip(self, session: DaemonSession) -> None:
        """What is missing cannot be read."""
        if session.is_behind:
            self.missed += session.seen - session.seq
            session.seq = session.seen

    def over(self, session: DaemonSession, reason: str) -> None:
        """It is, and no event will say so."""
        if not session.is_over:
            end = {"state": "ended", "reason": reason}
            row = EventRow(
                session.session_id, session.seq + 1, "session", orjson.dumps(end), "", b""
            )
            self._hand_on(session, row)

    def _hand_on(self, session: DaemonSession, row: EventRow) -> None:
        session.seq = row.seq
        session.seen = max(session.seen, row.seq)
        if row.kind == "session" and _end(row.payload).state == "ended":
            session.is_over = True
            self._by_id.pop(session.session_id, None)
            self.by_name.pop(session.name, None)
            if not self.by_name:
                self.all_over.set()
        if session.watcher is not None:
            session.watcher.offer(row)

    def _keep_early(self, row: EventRow) -> None:
        """Of one that is over already it comes late, and is let go when there are too many."""
        if self._early_count >= EARLY_MAX:
            self._early.clear()
            self._early_count, self._has_let_go = 0, True
        self._early.setdefault(row.session_id, []).append(row)
        self._early_count += 1


class StreamReader:
    """Cuts a stream of server-sent events into rows."""

    def __init__(self) -> None:
        self._rest = b""

    def rows(self, chunk: bytes) -> list[EventRow]:
        *blocks, self._rest = (self._rest + chunk).split(b"\n\n")
        return [row for block in blocks if (row := row_of(block)) is not None]


def row_of(block: bytes) -> EventRow | None:
    """None for what is no event of a guest session."""
    start = block.find(b"\ndata: ")
    if start < 0 or not block.startswith(b"event: ") or block.startswith(b"event: closed"):
        return None
    found = _streamed(block[start + 7 :])
    return _row(found.session_id, found.event)


def rows_of_page(session_id: str, events: Iterable[dict[str, Any]]) -> list[EventRow]:
    """Of a page of one session's events."""
    return [
        EventRow(session_id, one["seq"], one["kind"], orjson.dumps(one), "", b"") for one in events
    ]


def _row(session_id: str, event: msgspec.Raw) -> EventRow:
    payload = bytes(event)
    head = _head(payload)
    return EventRow(session_id, head.seq, head.kind, payload, "", b"")
