"""The journal as the rest of the daemon sees it: what is kept, and four small ports to it.

Who records or reads is given the one port it needs: the events of guest sessions and of the daemon,
the operations, the deliveries of webhooks, or the one order of all events for a reader with a
cursor. All of them commit in the same way, so that one commit may hold something of each. One
object implements all four: `SqliteJournal` on disk, `MemoryJournal` without one.

Reading is asynchronous, so that a slow disk, or an engine behind a network, holds up only the
asker. Questions are answered in the order of asking, each as things stood when it was asked: an
event that becomes durable meanwhile is not in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from .records import DeliveryRecord, OperationRecord


class EventRow(NamedTuple):
    """An event as it is kept and shown: encoded once, then only handed on. There is one per event,
    so it is a tuple.

    `payload` is its JSON. Only the journal needs the last two: `key` (a message's identity, a
    command's id) is unique with the kind within the session, or ""; `intent` is what it takes to
    carry an accepted command out after a restart."""

    session_id: str
    seq: int
    kind: str
    payload: bytes
    key: str
    intent: bytes


@dataclass(slots=True, frozen=True)
class SessionRecord:
    """A guest session as the journal knows it. `token` is secret. Times are epoch milliseconds."""

    session_id: str
    name: str
    token: str = field(repr=False)
    email: str
    attributes: dict[str, str]
    metadata: dict[str, Any]
    opened_ms: int
    ends_ms: int
    display_name: str = ""


@dataclass(slots=True, frozen=True)
class EndedSession:
    """A guest session that is over, and whose events may still be kept. Times are epoch
    milliseconds."""

    session_id: str
    name: str
    opened_ms: int
    ended_ms: int
    seq: int


@dataclass(slots=True, frozen=True)
class SavedCommand:
    """A command that was accepted. `settled`: what became of it was recorded too. `file`: the last
    that was recorded of the file it carries (`AttachmentEvent.status`). `at_ms`: when it was
    accepted, epoch milliseconds."""

    command_id: str
    seq: int
    intent: dict[str, Any]
    settled: bool
    file: str = ""
    at_ms: int = 0


@dataclass(slots=True, frozen=True)
class SavedSession:
    """A guest session that should live, as a restart finds it. `joined`: the platform knows its
    token; `was_live`: as far as the journal knows there was a connection to it; `state_seq`: the
    seq of the event that says so, or says that there was none. A command accepted after one that
    says there was none was certainly not carried out."""

    record: SessionRecord
    seq: int
    joined: bool
    read_only: bool
    commands: Sequence[SavedCommand]
    was_live: bool = True
    state_seq: int = 0


@dataclass(slots=True, frozen=True)
class SetAside:
    """A guest session that is not brought back, because a row of it is damaged. `number` is the
    journal's own for it, `offset` the damaged event's (0: another row)."""

    number: int
    offset: int
    reason: str


class Commit(Struct):
    """What becomes durable together: new guest sessions, events in order, guest sessions that have
    ended; and, of the rest of the daemon, operations and deliveries as they now stand and how far a
    reader of all streams has come.

    `at_ms` is when it was made, epoch milliseconds."""

    opened: list[SessionRecord] = []
    rows: list[EventRow] = []
    over: list[str] = []
    operations: Sequence[OperationRecord] = ()
    deliveries: Sequence[DeliveryRecord] = ()
    cursors: Sequence[tuple[str, int]] = ()
    aside: Sequence[SetAside] = ()
    at_ms: int = 0


@dataclass(slots=True, frozen=True)
class StoredEvent:
    """An event with its place in the journal and the time it was recorded."""

    offset: int
    at_ms: int
    row: EventRow


@dataclass(slots=True)
class Replay:
    """`first_kept_seq` tells a reader that asked for older ones what it cannot get any more."""

    rows: Sequence[EventRow] = ()
    first_kept_seq: int = 1


@dataclass(slots=True, frozen=True)
class StoredCommand:
    """A command's two events, where they are kept: the one that accepted it, and the one that says
    what became of it."""

    accepted: EventRow | None = None
    outcome: EventRow | None = None


@dataclass(slots=True, frozen=True)
class DiskFigures:
    """What the journal's files take, and what is free for it on their file system."""

    journal_bytes: int
    free_bytes: int


class Commits(Protocol):
    """Where things become durable, in the order they were given. `storage_full`: nothing new may be
    promised now; `storage_low`: no new guest session should begin."""

    storage_full: bool
    storage_low: bool

    def commit(self, commit: Commit, done: Callable[[], None]) -> None:
        """Make all of it durable, then call `done` on the loop (possibly at once, before
        returning)."""

    def oldest_wait_s(self) -> float:
        """How long the oldest commit that is not durable yet has been waiting; 0.0 if none waits.
        Any thread may ask."""


class EventStore(Commits, Protocol):
    """The events of each guest session, and the sessions themselves. `OWN_STREAM` is a stream as
    well."""

    async def read(
        self, session_id: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> Replay:
        """Events of one guest session with `seq > after_seq`, oldest first, at most `limit`; with
        `bytes_max` none after the one with which they have that many bytes of JSON. Raises
        Damaged."""

    async def command(self, session_id: str, command_id: str) -> StoredCommand | None:
        """What is kept of that command; None if nothing is. Raises Damaged."""

    async def was_shown(self, session_id: str, identity: str, time: str) -> bool:
        """True if a message or presence event of that identity and time is kept. Without a time
        ("") only the newest are looked through."""

    async def last_seq(self, session_id: str) -> int:
        """The `seq` of a stream's newest event; 0 if it has none."""

    async def recover(self) -> Sequence[SavedSession]:
        """Every guest session opened and not over, but for those with a damaged row, which are set
        aside."""

    async def ended(self, limit: int) -> Sequence[EndedSession]:
        """Guest sessions that are over and still kept, ended last first."""

    async def identities(self, session_id: str, limit: int) -> Sequence[tuple[str, str]]:
        """The last `limit` messages' identities and times, oldest first, and more before them until
        one is among them that was shown in order. Raises Damaged; the
        session is set aside then."""

    def forget(self, session_id: str) -> None:
        """An ended guest session's events may be dropped from now on, by the journal's own
        retention."""


class OperationStore(Commits, Protocol):
    """REST operations as they last stood."""

    async def operation(self, operation_id: str) -> OperationRecord | None:
        """As it last stood, over or not. Raises Damaged."""

    async def operations(self) -> Sequence[OperationRecord]:
        """Those that are not over, oldest first."""

    async def operations_over(self, limit: int) -> Sequence[OperationRecord]:
        """Those that are over, begun last first."""


class DeliveryStore(Commits, Protocol):
    """Webhooks on their way, delivered, and given up."""

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """As it last stood. Raises Damaged."""

    async def deliveries(
        self,
        status: str,
        after_id: str = "",
        limit: int = 1000,
        target: str = "",
        other_than: Sequence[str] = (),
    ) -> Sequence[DeliveryRecord]:
        """In the order of their making, those after `after_id`. `target`: only those for it;
        `other_than`: none for one of these."""


class EventReader(Commits, Protocol):
    """The one order of all events, for readers with a cursor: audit and webhooks."""

    async def read_on(
        self, after_offset: int, limit: int, kinds: Sequence[str] = ()
    ) -> Sequence[StoredEvent]:
        """The events of all streams in the order they became durable.

        `kinds`: only these, and now and then the one a look ended at, whatever its kind: the last
        one's offset is always how far the reader has come. Nothing at all means that there is
        nothing new. In the place of a damaged event stands one of kind `damaged`, whatever `kinds`
        says, with no session and only its offset as content."""

    async def guest_names(self, session_ids: Sequence[str]) -> Mapping[str, str]:
        """The guests' names of those guest sessions that are kept."""

    def cursor(self, name: str) -> int:
        """How far that reader had come when it last committed; what it has not read yet is not
        retired.

        A reader never heard of before begins at the newest event: it is not told of old stories."""

    def on_durable(self, callback: Callable[[], None]) -> None:
        """`callback` is called on the loop after each commit has become durable."""


class Journal(EventStore, OperationStore, DeliveryStore, EventReader, Protocol):
    """All of it, for those who hand out its parts."""

    @property
    def damaged_rows(self) -> int:
        """How many damaged rows were found by reading since the start."""
