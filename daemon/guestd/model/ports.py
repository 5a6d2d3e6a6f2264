"""The outside, as the few verbs we need of it.

Layers 3 and 4 know only these Protocols and are given the objects by `app/wiring/`; each port of
an outside has a living twin, so the whole supervisor runs in a simulated world as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import quote

from .commands import Answer, Command
from .endings import Ending
from .errors import PlatformError
from .explanation import Explanation
from .frames import FrameSource
from .journal import EventRow, Replay, StoredCommand
from .overview import LastMessage, Overview


@dataclass(slots=True, frozen=True)
class DialTarget:
    """Where to dial: a `ws://` or `wss://` URL, and the extra headers of the upgrade request.
    `guest_header` and `session_header` name those for the guest's name and the session's id, which
    an emulator is told and the platform is not."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    guest_header: str = ""
    session_header: str = ""

    def of_guest(self, name: str, session_id: str = "") -> DialTarget:
        """The target of one guest session."""
        given = (self.guest_header, quote(name, safe="")), (self.session_header, session_id)
        more = [(header, value) for header, value in given if header and value]
        if not more:
            return self
        return DialTarget(self.url, (*self.headers, *more), self.guest_header, self.session_header)


class ConnectionSink(Protocol):
    """What a connection hands its input to. Plain callbacks on the loop; they never raise."""

    def text_received(self, text: bytes) -> None:
        """One whole text message, valid UTF-8."""

    def pong_received(self) -> None:
        """The peer answered our latest ping."""

    def ping_received(self, size_bytes: int) -> None:
        """The peer sent a ping with so many bytes; it was answered."""

    def garbage_received(self, reason: str, size_bytes: int) -> None:
        """Something legal that is not a text message (a binary frame); it was dropped."""

    def writable_changed(self, writable: bool) -> None:
        """The write buffer went over its high-water mark (False) or came back under it (True)."""

    def connection_ended(self, ending: Ending) -> None:
        """Exactly once, after which no other callback comes; never before `dial` has returned the
        connection."""


class Connection(Protocol):
    """One open WebSocket to the platform."""

    def send_text(self, text: bytes) -> None: ...

    def ping(self) -> None: ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Start the closing handshake; a peer that does not answer in time is aborted."""

    def abort(self) -> None:
        """Drop the TCP connection now."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def peer(self) -> str:
        """Address and port that the socket is connected to; "" if it is not known."""


class Dialer(Protocol):
    async def dial(self, target: DialTarget, sink: ConnectionSink) -> Connection:
        """Open a connection. Raises DialError with the ending; never anything else, except
        cancellation."""


@dataclass(slots=True, frozen=True)
class HistoryAnswer:
    """One page of `GET /api/v2/webmessaging/messages`, newest first (protocol §11.1)."""

    entities: Sequence[dict[str, Any]]
    page_number: int
    page_count: int
    total: int


class Uploader(Protocol):
    """The way to the platform's storage. The caller bounds how many uploads run at once."""

    async def put(
        self, url: str, headers: Mapping[str, str], content_type: str, path: str, size_bytes: int
    ) -> None:
        """Stream the file at `path` to a presigned URL; the memory taken does not grow with the
        file.

        Raises PlatformRefused or PlatformUnavailable, with `status` if there was an answer;
        SpoolError if the file is not there, or is not of `size_bytes`."""


@dataclass(slots=True, frozen=True)
class Download:
    """A file that is being read: its size if the storage said one, and its bytes."""

    size_bytes: int | None
    chunks: AsyncIterator[bytes]


class Downloader(Protocol):
    """The way from the platform's storage."""

    def open(self, url: str) -> AbstractAsyncContextManager[Download]:
        """Read the file behind a link. Raises PlatformRefused or PlatformUnavailable, also while
        it is read; the link is in no error."""

    async def close(self) -> None: ...


class History(Protocol):
    async def page(self, jwt: str, page_number: int) -> HistoryAnswer:
        """Raises PlatformUnavailable (worth retrying) or PlatformRefused."""


@dataclass(slots=True, frozen=True)
class DeploymentConfig:
    """What a deployment's config.json says that changes what a guest may do (protocol §8)."""

    auto_start: bool = False
    conversation_clear: bool = False
    user_typing: bool = True
    file_types: tuple[str, ...] = ()
    file_bytes_max: int | None = None


class Watcher(Protocol):
    """What follows one guest session: a frontend, an event stream. Neither method blocks, raises,
    or changes who watches."""

    def offer(self, row: EventRow) -> None: ...

    def over(self) -> None:
        """The guest session has ended and its last row was offered."""


@dataclass(slots=True, frozen=True)
class OpenGuest:
    """What it takes to open a guest session. `name` is unique among the living ones; `duration_s`
    None: the default."""

    name: str
    email: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    duration_s: float | None = None
    display_name: str = ""


@dataclass(slots=True, frozen=True)
class SessionView:
    """One guest session as an outsider may see it. Times are epoch milliseconds, 0 where there is
    none; `last_message_ms` is known of those of this life of the daemon. `has_spoken`: a message
    of the guest's was accepted. `file_bytes_max`: the largest file that it takes now, 0 for none at
    all. `waiting`, `waiting_since_ms`, `unanswered_since_ms`, `uncertain` and `attempt` are those
    of `SessionLine`; `reason`: by which cause the connection was lost that is not back."""

    session_id: str
    name: str
    state: str
    seq: int
    read_only: bool = False
    opened_ms: int = 0
    ends_ms: int = 0
    last_message_ms: int = 0
    ended_ms: int = 0
    has_spoken: bool = False
    file_bytes_max: int = 0
    state_since_ms: int = 0
    expires_ms: int = 0
    last_activity_ms: int = 0
    last_message: LastMessage | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    waiting: int = 0
    uncertain: int = 0
    attempt: int = 0
    next_try_ms: int = 0
    reason: str = ""
    waiting_since_ms: int = 0
    unanswered_since_ms: int = 0


class HistoryTokens(Protocol):
    """The tokens that the platform's history of guest sessions is read with. Each belongs to its
    session, and is granted only while that is live."""

    def ask(self, session_id: str, told: Callable[[str], None]) -> bool:
        """`told` is called once on the loop, perhaps at once, if the platform grants it; the last
        who asks for a session is told. False: it has no connection just now, or is over."""

    def forget(self, session_id: str) -> None:
        """Who asked does not wait any more."""


class GuestSessions(Protocol):
    """Guest sessions to open, speak through and listen to, wherever they live: what it takes to
    play guests."""

    def open(self, guest: OpenGuest) -> str:
        """Open a guest session, return its `session_id`. Raises LimitExceeded (SESS-1) or
        CommandError; where they live elsewhere, its end says later that it could not be."""

    def give(self, session_id: str, command: Command, answered: Callable[[Answer], None]) -> None:
        """Hand over a command; `answered` is called once, on the loop, when the intent is durable
        (perhaps at once)."""

    def reconnect(self, session_id: str, *, hang_up: bool) -> bool:
        """Close its connection, with a closing handshake or without, and let it come back; False if
        it has none. Raises NotFound."""

    def watch(self, session_id: str, watcher: Watcher) -> None:
        """Follow a guest session: all that becomes durable from now on. What is durable already is
        there to `read`, before this and without a suspension in between. Raises NotFound."""


class Fleet(GuestSessions, Protocol):
    """All guest sessions of this process, as layer 4 sees them."""

    @property
    def overview(self) -> Overview:
        """The living ones in short."""

    def open(self, guest: OpenGuest, durable: Callable[[], None] | None = None) -> str:
        """Open a guest session, return its `session_id`; `durable` is called on the loop when the
        journal has it.

        Raises LimitExceeded (SESS-1) or CommandError."""

    def find(self, name: str) -> str | None:
        """The living guest session of that name."""

    def view(self, session_id: str) -> SessionView:
        """Raises NotFound."""

    def sessions(self) -> Sequence[SessionView]: ...

    async def ended(self, limit: int) -> Sequence[SessionView]:
        """Those that are over and still kept, ended last first."""

    def end_unused(self, session_id: str) -> bool:
        """End it in an orderly way (`unused`); False, and nothing is done, while it is watched.
        Raises NotFound."""

    def unwatch(self, session_id: str, watcher: Watcher) -> None: ...

    async def read(
        self, session_id: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> Replay:
        """What is durable after `after_seq`, oldest first, at most `limit`, bounded as the
        journal's `read`.

        Of an ended guest session too, while the journal keeps it. Raises NotFound."""

    async def command(self, session_id: str, command_id: str) -> StoredCommand | None:
        """What is durable of a command; None if nothing is, or is not kept any more. Of an ended
        guest session too, while the journal keeps it. Raises NotFound, Damaged."""

    def explain(self, session_id: str) -> Explanation:
        """What a living guest session waits for, and why. Raises NotFound."""

    def frames(self, session_id: str) -> FrameSource:
        """Its frames from now on, or from when it was first asked for. Of an ended guest session
        too, while they are kept. Raises NotFound, Overloaded."""

    def is_ready(self) -> bool:
        """True once guest sessions are admitted and the fleet is not draining."""


@dataclass(slots=True, frozen=True)
class PlatformAnswer:
    """A success of the platform's REST side. `latency_ms` is of the whole call: its waits and the
    attempts that failed are in it (HTTP-4); `attempt_ms` of the last attempt only."""

    status: int
    body: dict[str, Any]
    latency_ms: float
    attempts: int = 1
    correlation_id: str = ""
    attempt_ms: float = 0.0


Priority = Literal["command", "opening", "heartbeat", "housekeeping"]


@dataclass(slots=True, frozen=True)
class Urgency:
    """Whose turn it is when the budget of requests is short: the earliest deadline first. A call's
    deadline for its turn is
    `patience_s` after it asks. What is not a command is also spread evenly, so that a command finds
    some of the budget left."""

    priority: Priority = "command"
    patience_s: float = 0.0


COMMAND = Urgency()


#: Told of an attempt that failed and is made again: the error's `attempts` is its number,
#: `latency_ms` its own time. Returns at once.
#: What a line of the audit is to be called, and the error of one attempt.
AttemptFailed = Callable[[str, PlatformError], None]


class PlatformCalls(Protocol):
    """The platform's REST side as named calls; paths, verbs, scopes stand in a table on layer 2."""

    async def call(
        self,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        urgency: Urgency | None = None,
        attempt_failed: AttemptFailed | None = None,
        secrets: Sequence[str] = (),
    ) -> PlatformAnswer:
        """One logical call, its retries included (HTTP-1, HTTP-2, AUTH-3). Raises PlatformRefused
        or PlatformUnavailable, whose `acted` says whether the platform may have done it all the
        same; or BudgetSpent, if it never got its turn.
        `urgency` None: as the table has it for that call. `attempt_failed` is told of each attempt
        that is made again (`platform.attempt`), and of the last one if that was answered 429
        (`platform.rate_limited`; AUDIT-1); None: the audit is told, without the ids of who
        called. `secrets` the request does not carry, and the platform may repeat all the same:
        values, or a token's fingerprint."""


OperationStatus = Literal["running", "deferred", "succeeded", "failed", "uncertain"]


@dataclass(slots=True, frozen=True)
class OperationView:
    """A REST operation as an outsider may see it: no secret in it. `problem` is set when it failed,
    and when failures ended it: code, message, and where there are some field, status,
    platform_code, correlation_id. `ending`: it was asked to end, and is not over yet."""

    operation_id: str
    kind: str
    status: OperationStatus
    step: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    problem: dict[str, Any] | None = None
    started_ms: int = 0
    ending: bool = False


class Operations(Protocol):
    """The platform's REST side as layer 4 sees it: durable operations, each with an id of the
    asker's.

    Kinds: `guest` (SESS-7), `messaging` (SESS-1 … 6), `injection`, `prompt`, `adoption`."""

    async def start(
        self, kind: str, operation_id: str, request: Mapping[str, Any], wait_s: float = 0.0
    ) -> OperationView:
        """Check the request, make it durable, begin; then wait at most `wait_s` for its end. The
        same id and request again give the same operation; the same id with another request is
        refused (`conflict`). Raises CommandError."""

    async def view(self, operation_id: str) -> OperationView:
        """Raises NotFound."""

    def views(self, kind: str | None = None, limit: int = 100) -> Sequence[OperationView]:
        """Those under way and those lately over, newest first."""

    async def end(self, operation_id: str, wait_s: float = 0.0) -> OperationView:
        """Ask a running `messaging` session to end (SESS-6), or give up a deferred prompt; then
        wait at most `wait_s` until it is over. Raises NotFound, CommandError."""


@dataclass(slots=True, frozen=True)
class WebhookView:
    """A webhook as an outsider may see it. `target` is a configured name, or scheme and host of an
    operation's own URL."""

    delivery_id: str
    target: str
    lane: str
    event: str
    status: str
    attempts: int
    created_ms: int
    due_ms: int
    reason: str


class Webhooks(Protocol):
    """What became of webhooks, as layer 4 sees it (SYNC-1)."""

    async def list(
        self, status: str = "waiting", after_id: str = "", limit: int = 100
    ) -> Sequence[WebhookView]:
        """Those waiting, dead or delivered, in the order of their making, after `after_id`. Raises
        CommandError."""

    async def replay(self, delivery_id: str) -> WebhookView:
        """Send a dead or delivered one again, with the same id. Raises NotFound, CommandError
        (`conflict`: it waits)."""

    async def replay_dead(self) -> int:
        """Send all dead letters again; how many those are."""


class Clock(Protocol):
    """Monotonic seconds for deadlines, epoch milliseconds for what is written down."""

    def now(self) -> float: ...

    def epoch_ms(self) -> int: ...
