"""Guest sessions of a running daemon, as a load run uses them: the living twin of the supervisor
behind the `GuestSessions` port, over the control API.

The port's verbs return at once, and a request takes its time: so `open` gives the session's name as
its id, and what comes of it later comes as the event of its end. What one guest wants is asked in
order, one request at a time; all guests share `CONNECTIONS` of them. Each request can be made
again without doing it twice (a command by its id, an opening by its name), and is, while the daemon
is away or has a passing bound.

All guests listen through one stream. When it is cut, it is opened again, and then each session that
has moved meanwhile is read from where it stands by its seq: nothing is missed, and nothing comes
twice. A daemon that is away for `AWAY_S` is given up, with all its sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ...model.commands import Answer, Command, End
from ...model.errors import CommandError, NotFound, PlatformUnavailable
from ...model.ports import OpenGuest, Watcher
from ...runtime.task_pool import finish_tasks
from ..control_client import ApiRefusal, ControlClient
from ..control_words import session_path
from .daemon_events import AWAY, FORGOTTEN, DaemonEvents, DaemonSession, StreamReader, rows_of_page
from .daemon_requests import (
    PASSING,
    DaemonRequest,
    opening,
    passes,
    reconnecting,
    refusal_of,
    remote_name,
    request_of,
)

logger = logging.getLogger("guestd.load")

#: Requests under way, each until the daemon has it on its disk: the more there are, the more share
#: one write. It takes 250 new connections of one address at once, and after a cut all are new.
CONNECTIONS = 96
#: A daemon that restarts with thousands of guest sessions is back long before.
AWAY_S = 60.0
#: Between two tries to reach a daemon that is away.
PAUSE_S, PAUSE_MAX_S = 0.1, 2.0
#: How long a request is made again that meets a passing bound.
PASSING_S = 30.0
PAGE_EVENTS, PAGE_SESSIONS = 1000, 1000
#: Sessions that are read at the same time after the stream was cut.
READS = 8

#: Refusals that have nothing to do with what one guest asks for. Those of openings are told of by
#: themselves.
NOT_THE_GUESTS = frozenset({"unauthorized", "storage_full"})

Told = Callable[[Answer], None]


class DaemonListener(Protocol):
    """Hears what is no event of a guest session."""

    def known(self, name: str, session_id: str) -> None:
        """The session is open; that is the daemon's id for it."""

    def not_opened(self, session_id: str, code: str, reason: str) -> None: ...

    def refused(self, code: str, reason: str) -> None:
        """A request was, for a reason that is not its guest's."""


class DaemonFleet:
    """`mark`: a custom attribute of all its sessions, as `name:value`. `start` it, `stop` it.
    `cuts` and `away_s`: how often the stream was lost, and for how long in all."""

    def __init__(
        self, client: ControlClient, run_id: str, mark: str, listener: DaemonListener
    ) -> None:
        self._client, self._run_id, self._mark = client, run_id, mark
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self.events = DaemonEvents()
        self._ready: asyncio.Queue[DaemonSession] = asyncio.Queue()
        self._to_read: asyncio.Queue[DaemonSession] = asyncio.Queue()
        self._reading: set[str] = set()
        self._read_again: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._streaming = asyncio.Event()
        self._life, self._has_restarted = "", False
        self._is_given_up = False
        self.cuts, self.away_s = 0, 0.0

    async def start(self, started_at: str) -> None:
        """Returns when the stream is open. `started_at`: the daemon's, as it says. Raises
        ApiRefusal, PlatformUnavailable."""
        self._life = started_at
        follow = self._loop.create_task(self._follow(), name="daemon events")
        open_ = self._loop.create_task(self._streaming.wait())
        await asyncio.wait({follow, open_}, return_when=asyncio.FIRST_COMPLETED)
        open_.cancel()
        self._tasks.append(follow)
        if follow.done():
            await follow
        work = [self._work() for _ in range(CONNECTIONS)] + [self._read() for _ in range(READS)]
        self._tasks += [self._loop.create_task(one, name="daemon request") for one in work]
        for task in self._tasks:
            task.add_done_callback(_log_failure)

    async def stop(self) -> None:
        await finish_tasks(self._tasks, 0.0)
        self._tasks.clear()

    # ------------------------------------------------------------------ the GuestSessions port

    def open(self, guest: OpenGuest) -> str:
        name = remote_name(guest.name, self._run_id)
        session = self.events.begun(name)
        self._want(
            session, opening(guest, name), lambda answer: self._opening_answered(name, answer)
        )
        return name

    def watch(self, session_id: str, watcher: Watcher) -> None:
        self._session(session_id).watcher = watcher

    def give(self, session_id: str, command: Command, answered: Told) -> None:
        session, request = self._session(session_id), request_of(command)

        def told(answer: Answer) -> None:
            session.asked_to_end |= isinstance(command, End) and answer.accepted
            answered(answer)

        self._want(session, request, told)

    def reconnect(self, session_id: str, *, hang_up: bool) -> bool:
        """Its refusal is of no consequence: then there was no connection."""
        self._want(self._session(session_id), reconnecting(hang_up), lambda answer: None)
        return True

    def _session(self, name: str) -> DaemonSession:
        session = self.events.by_name.get(name)
        if session is None:
            raise NotFound(f"there is no guest session {name}", code="ended")
        return session

    def end_all(self) -> None:
        """Ask the daemon to end what is open."""
        for session in list(self.events.by_name.values()):
            self._want(session, DaemonRequest("DELETE"), lambda answer: None)

    # ------------------------------------------------------------------ requests

    def _want(self, session: DaemonSession, request: DaemonRequest, told: Told) -> None:
        session.requests.append((request, told))
        if not session.is_under_way:
            session.is_under_way = True
            self._ready.put_nowait(session)

    async def _work(self) -> None:
        while True:
            session = await self._ready.get()
            request, told = session.requests[0]
            answer = await self._answer(session, request)
            session.requests.popleft()
            if session.requests:
                self._ready.put_nowait(session)
            else:
                session.is_under_way = False
            told(answer)

    async def _answer(self, session: DaemonSession, request: DaemonRequest) -> Answer:
        """Of a request, made as often as it takes."""
        if session.is_over:
            return Answer(request.key, error=CommandError("the session is over", code="ended"))
        until, pause_s, tries = self._loop.time() + PASSING_S, PAUSE_S, 0
        heard_since = self._stream_number
        while True:
            tries += 1
            try:
                found = await self._asked(session, request)
                if not session.session_id:
                    self._opened(session, found["session_id"], heard_since)
                return Answer(request.key, int(found.get("seq", 0)))
            except PlatformUnavailable as error:
                if self._is_given_up:
                    return Answer(request.key, error=CommandError(str(error), code=AWAY))
                await asyncio.sleep(pause_s)
                pause_s = min(PAUSE_MAX_S, 2 * pause_s)
                until = self._loop.time() + PASSING_S
            except ApiRefusal as refusal:
                problem = refusal.problem_document
                if not session.session_id and tries > 1 and problem.get("code") == "conflict":
                    request = DaemonRequest("GET", key=request.key)  # a try before was heeded
                    continue
                again_s = passes(problem)
                if again_s is None or self._loop.time() + again_s > until:
                    return Answer(request.key, error=self._refusal(problem, session.session_id))
                await asyncio.sleep(again_s)
            except OSError as error:  # of a file
                return Answer(request.key, error=CommandError(str(error), code="invalid"))

    @property
    def _stream_number(self) -> int:
        """Of the stream that is open; -1: none is."""
        return self.cuts if self._streaming.is_set() else -1

    def _opened(self, session: DaemonSession, session_id: str, heard_since: int) -> None:
        """What came of it while there was no stream, or another one, is read."""
        self._listener.known(session.name, session_id)
        is_whole = self.events.opened(session, session_id)
        if not is_whole or heard_since < 0 or heard_since != self._stream_number:
            self._must_read(session)

    def _refusal(self, problem: dict[str, Any], told_of: str = "events") -> CommandError:
        """`told_of` "": it is a session's opening, which is told of by itself."""
        error = refusal_of(problem)
        if told_of and error.code in NOT_THE_GUESTS:
            self._listener.refused(error.code, str(error))
        return error

    async def _asked(self, session: DaemonSession, request: DaemonRequest) -> dict[str, Any]:
        data = _bytes_of(request.file) if request.file else None
        is_opening = not session.session_id and request.method == "POST"
        return await self._client.ask(
            request.method,
            request.url("" if is_opening else session.session_id or session.name),
            body=request.body,
            query=request.query,
            headers=request.headers,
            data=data,
        )

    def _opening_answered(self, name: str, answer: Answer) -> None:
        if answer.error is not None and (session := self.events.by_name.get(name)):
            self._listener.not_opened(name, answer.error.code, str(answer.error))
            self.events.over(session, answer.error.code)

    # ------------------------------------------------------------------ events

    async def _follow(self) -> None:
        away_since, pause_s = self._loop.time(), PAUSE_S
        while True:
            try:
                async with self._client.stream("/v1/events", {"attribute": self._mark}) as chunks:
                    is_first = not self._streaming.is_set() and not self.cuts
                    self.away_s += 0.0 if is_first else self._loop.time() - away_since
                    pause_s = PAUSE_S
                    self._streaming.set()
                    chores = [] if is_first else [self._loop.create_task(self._catch_up())]
                    try:
                        reader = StreamReader()
                        async for chunk in chunks:
                            self._take(reader, chunk)
                    finally:
                        away_since = self._loop.time()
                        await finish_tasks(chores, 0.0)
            except (PlatformUnavailable, ApiRefusal) as error:
                if not self._streaming.is_set() and not self.cuts:
                    raise
                if isinstance(error, ApiRefusal) and passes(error.problem_document) is None:
                    self._refusal(error.problem_document)
            if self._streaming.is_set():
                self._streaming.clear()
                self.cuts += 1
            if self._loop.time() - away_since > AWAY_S:
                self._give_up()
                return
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_MAX_S, 2 * pause_s)

    def _take(self, reader: StreamReader, chunk: bytes) -> None:
        for row in reader.rows(chunk):
            if (behind := self.events.take(row)) is not None:
                self._must_read(behind)

    def _give_up(self) -> None:
        self._is_given_up = True
        self._listener.refused(AWAY, f"it has not answered for {AWAY_S:g} s; start guestd serve")
        for session in list(self.events.by_name.values()):
            self.events.over(session, AWAY)

    async def _catch_up(self) -> None:
        """Read the sessions that have moved while there was no stream. What is not durable yet
        comes by the stream, so a session that has nothing more is let be. Cancelled with the
        stream."""
        known = self.events.living()
        pause_s = PAUSE_S
        while True:
            try:
                life = (await self._client.ask("GET", "/v1/info"))["started_at"]
                stands = await self._stands()
                break
            except (PlatformUnavailable, ApiRefusal):  # a connection that the cut has left behind
                await asyncio.sleep(pause_s)
                pause_s = min(PAUSE_MAX_S, 2 * pause_s)
        self._has_restarted |= life != self._life
        self._life = life
        for session in known:
            if stands.get(session.session_id, session.seq + 1) > session.seq:
                self._must_read(session)

    async def _stands(self) -> dict[str, int]:
        """The last seq of each session of the run that lives."""
        found: dict[str, int] = {}
        after: str | None = ""
        while after is not None:
            query: dict[str, str | int] = {"q": self._mark, "fields": "seq", "after": after}
            query["limit"] = PAGE_SESSIONS
            page = await self._client.ask("GET", "/v1/sessions", query=query)
            found |= {one["session_id"]: one["seq"] for one in page["sessions"]}
            after = page["next"]
        return found

    def _must_read(self, session: DaemonSession) -> None:
        """What it has by now; where it is being read, that is done once more."""
        if session.session_id in self._reading:
            self._read_again.add(session.session_id)
        else:
            self._reading.add(session.session_id)
            self._to_read.put_nowait(session)

    async def _read(self) -> None:
        while True:
            session = await self._to_read.get()
            before = session.seq
            try:
                await self._read_on(session)
            except PlatformUnavailable:
                self._read_again.add(session.session_id)  # without a stream, when that is back
                await asyncio.sleep(PAUSE_S)
            except ApiRefusal as refusal:
                self._not_read(session, refusal.problem_document.get("code"))
            else:
                if session.seq == before:
                    self.events.skip(session)
            self._reading.discard(session.session_id)
            is_wanted = session.is_behind or session.session_id in self._read_again
            self._read_again.discard(session.session_id)
            if is_wanted and not session.is_over and self._streaming.is_set():
                self._must_read(session)

    def _not_read(self, session: DaemonSession, code: object) -> None:
        if code == "not_found":
            was_ended = session.asked_to_end and not self._has_restarted
            self.events.over(session, "finished" if was_ended else FORGOTTEN)
        elif code not in PASSING:
            self.events.skip(session)

    async def _read_on(self, session: DaemonSession) -> None:
        path, more = session_path(session.session_id, "/events"), True
        while more:
            query = {"after": session.seq, "limit": PAGE_EVENTS}
            page = await self._client.ask("GET", path, query=query)
            more = page["more"] and bool(page["events"])
            self.events.take_read(session, rows_of_page(session.session_id, page["events"]))


def _bytes_of(path: str) -> bytes:
    """Of a file that a guest sends; as in the guests' own process, they are read at once."""
    return Path(path).read_bytes()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s failed: our bug", task.get_name(), exc_info=error)
