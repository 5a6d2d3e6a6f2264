"""The simulator (SIM-1 … SIM-4): `ws://localhost:3000/?guest=NAME&since=SEQ`, a frontend acts as the guest.

The first frame to a frontend is {"kind": "hello", "guest", "session", "state", "seq"}. Then come events, each with its `kind`
and `seq`, in order: first those after `since`, if it came back, then all that happen. Errors never close the socket; only a
bad request in the URL, a full house or a frontend too slow to live with do.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from ..model.commands import Answer, Attach, Command
from ..model.errors import CommandError, Damaged, LimitExceeded, NotFound, SpoolError
from ..model.ports import Fleet, OpenGuest, Row
from ..observe.metrics import Metrics
from .frames import Asked, Resume, Upload, command_id_of, error_frame, parse, since_of
from .frontend import Frontend
from .settings import ApiSettings
from .spool import Spool

_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")


class Simulator:
    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        settings: ApiSettings,
        draw_id: Callable[[], str],
        spool: Spool | None = None,
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._draw_id = draw_id
        self._spool = spool
        self._sockets: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = _Socket(max_msg_size=self._settings.frame_bytes_max, compress=False, autoping=True, timeout=2.0)
        await socket.prepare(request)
        self._sockets.add(socket)
        self._metrics.watchers += 1
        try:
            await self._visit(socket, request)
        finally:
            self._metrics.watchers -= 1
            self._sockets.discard(socket)
        return socket

    async def close(self) -> None:
        """Say goodbye to every frontend (1001)."""
        await asyncio.gather(
            *(
                one.close(code=WSCloseCode.GOING_AWAY, message=b"guestd is shutting down")
                for one in list(self._sockets)
            ),
            return_exceptions=True,
        )

    async def _visit(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        try:
            if len(self._sockets) > self._settings.frontends_max:
                raise LimitExceeded(f"limit exceeded: {self._settings.frontends_max} frontends are connected already")
            session_id, since = self._pick(request)
        except CommandError as error:
            await self._turn_away(socket, error)
            return
        frontend = Frontend(socket, self._settings, self._metrics)
        try:
            self._follow(frontend, session_id, since)
        except NotFound as error:
            await self._turn_away(socket, error)
            return
        writing = asyncio.get_running_loop().create_task(frontend.run(), name="frontend")
        try:
            await self._listen(socket, frontend, session_id)
        finally:
            self._fleet.unwatch(session_id, frontend)
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing

    def _pick(self, request: web.Request) -> tuple[str, int | None]:
        """The guest session asked for, living or new, and what the frontend has of it already."""
        name = request.query.get("guest") or f"guest-{self._draw_id()[:8]}"
        if not _NAME.fullmatch(name):
            raise CommandError("guest is a name of 1 to 64 letters, digits and . _ @ + -", field="guest")
        since = since_of(request.query["since"]) if "since" in request.query else None
        session_id = self._fleet.find(name)
        if session_id is None:
            email = request.query.get("email", self._settings.guest_email)
            session_id = self._fleet.open(OpenGuest(name, email=email))
            since = 0 if since is None else since
        return session_id, since

    async def _turn_away(self, socket: web.WebSocketResponse, error: CommandError) -> None:
        self._count(error)
        await socket.send_json(error_frame(error))
        full = isinstance(error, LimitExceeded)
        code = WSCloseCode.TRY_AGAIN_LATER if full else WSCloseCode.POLICY_VIOLATION
        await socket.close(code=code, message=error.code.encode())

    def _follow(self, frontend: Frontend, session_id: str, since: int | None) -> None:
        view = self._fleet.view(session_id)
        hello = {"kind": "hello", "guest": view.name, "session": session_id, "state": view.state, "seq": view.seq}
        frontend.say(hello)
        self._replay(frontend, session_id, since, view.seq)

    def _replay(self, frontend: Frontend, session_id: str, since: int | None, last_seq: int) -> None:
        if since is not None and since > last_seq:
            frontend.say(error_frame(CommandError(f"since is {since}, but the last seq is {last_seq}", field="since")))
            since = last_seq
        recorder = _Recorder()
        try:
            first = self._fleet.watch(session_id, recorder, since)
        except Damaged as error:
            self._count(error)
            frontend.say(error_frame(error))
            self._fleet.watch(session_id, frontend, None)
            return
        self._fleet.unwatch(session_id, recorder)
        if since is not None and first > since + 1:
            reason = f"events before seq {first} are no longer kept"
            frontend.say({"kind": "gap", "seq": first - 1, "reason": reason, "after": str(since), "before": str(first)})
        frontend.replay(recorder.rows)
        self._fleet.watch(session_id, frontend, None)

    async def _listen(self, socket: web.WebSocketResponse, frontend: Frontend, session_id: str) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._take(message.data, frontend, session_id)
            elif message.type is WSMsgType.BINARY:
                error = CommandError("frames are JSON text; this one is binary", code="bad_json")
                self._count(error)
                frontend.say(error_frame(error))

    async def _take(self, text: str, frontend: Frontend, session_id: str) -> None:
        try:
            asked = parse(text, self._draw_id)
        except CommandError as error:
            self._count(error)
            frontend.say(error_frame(error, command_id_of(text)))
            return
        if isinstance(asked.wish, Resume):
            self._resume(asked.wish.since, frontend, session_id)
            if asked.answered:
                frontend.say({"ok": True, "command_id": command_id_of(text), "seq": asked.wish.since})
            return
        wish = asked.wish
        if isinstance(wish, Upload):
            try:
                wish = await self._spooled(wish)
            except (CommandError, SpoolError) as error:
                refused = error if isinstance(error, CommandError) else CommandError(str(error), code=error.code)
                self._answer(frontend, asked, Answer(asked.command_id, error=refused))
                return
        self._give(session_id, wish, frontend, asked)

    def _give(self, session_id: str, command: Command, frontend: Frontend, asked: Asked) -> None:
        self._fleet.give(session_id, command, lambda answer: self._answer(frontend, asked, answer))

    async def _spooled(self, upload: Upload) -> Attach:
        """The bytes on disk, and the command that carries them from there."""
        if self._spool is None:
            raise CommandError("this daemon takes no files", code="not_supported")
        spooled = await self._spool.spool(_pieces(upload.buffer))
        what = upload.filename, upload.content_type, spooled.size_bytes, str(spooled.path), upload.caption
        return Attach(upload.command_id, *what)

    def _resume(self, since: int, frontend: Frontend, session_id: str) -> None:
        try:
            last_seq = self._fleet.view(session_id).seq
        except NotFound as error:
            frontend.say(error_frame(error))
            return
        self._fleet.unwatch(session_id, frontend)
        self._replay(frontend, session_id, since, last_seq)

    def _answer(self, frontend: Frontend, asked: Asked, answer: Answer) -> None:
        command_id = answer.command_id if asked.answered else None
        if answer.error is not None:
            self._count(answer.error)
            frontend.say(error_frame(answer.error, command_id))
        elif answer.result is not None:
            frontend.say({"ok": True, "command_id": answer.command_id, "result": answer.result})
        elif command_id is not None:
            frontend.say({"ok": True, "command_id": command_id, "seq": answer.seq})

    def _count(self, error: CommandError) -> None:
        errors = self._metrics.simulator_errors
        errors[error.code] = errors.get(error.code, 0) + 1


class _Socket(web.WebSocketResponse):
    """Says why before it closes on a frame that is too large: what does not fit into one goes by HTTP."""

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            limit = f"a frame has at most {self._max_msg_size} bytes; upload larger files over HTTP"
            with contextlib.suppress(ConnectionError, RuntimeError):
                await self.send_json(error_frame(CommandError(limit, code="too_large")))
            message = limit.encode()
        return await super().close(code=code, message=message, drain=drain)


async def _pieces(buffer: bytes) -> AsyncIterator[bytes]:
    yield buffer


class _Recorder:
    """Takes a replay, so that a notice can be put before it."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def offer(self, row: Row) -> None:
        self.rows.append(row)

    def over(self) -> None: ...
