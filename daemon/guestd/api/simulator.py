"""The simulator (SIM-1 … SIM-4): `ws://localhost:3000/?guest=NAME&since=SEQ`, a frontend acts as
the guest.

`details.py` has what it may say about a new guest.

The first frame to a frontend is {"kind": "hello", "guest", "session", "state", "seq", "new",
"file_bytes_max"}, where `new` says that this frontend has made the guest session. Then come events,
each with its `kind` and `seq`, in order: first those after `since`, if it came back, then all that
happen. Errors never close the socket, a message that is too large included; only a bad request in
the URL, text that is not UTF-8, too many frontends or too slow a frontend do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from ..model.commands import Answer, Attach, Command
from ..model.errors import CommandError, Damaged, LimitExceeded, NotFound, SpoolError
from ..model.file_spool import FileSpool
from ..model.ports import Fleet, OpenGuest
from ..observe.metrics import Metrics
from .addresses import AddressCounts, address_of, share_of
from .byte_limit import SharedByteLimit
from .callers import caller_of
from .details import GuestDetails, details_from_frame, unique_email
from .feed import Feed, Feeds
from .frame_skipper import FrameSkipper, Oversize
from .frames import (
    ParsedFrame,
    ResumeFrame,
    UploadFrame,
    command_id_of,
    error_frame,
    parse,
)
from .frontend import GOODBYE_S, Frontend, Socket, close_socket, drop_traceback
from .frontend_address import FrontendAddress, SelectedSession, address_from_query
from .handshakes import HandshakeLimiter, early_bytes, early_refusal, has_sent_early, pace_refusal
from .pacing import VALUES_MAX, FramePace, FrameRate, has_too_many_values, is_large
from .receiver import MessageReceiver, ReceivedMessage
from .settings import SimulatorSettings
from .throttled_protocol import ThrottledProtocol, new_read_limiter
from .unused_sessions import UnusedSessions

_UNFINISHED = "too many large frames are incomplete; finish them sooner, or upload over HTTP"
#: Refusals of an address whose words are the reason of the close; of the others it is the code.
_TOLD_IN_WORDS = ("invalid", "not_found")
#: For the first frame that the URL announces; a frontend sends it at once.
_FIRST_FRAME_S = 10.0


class SimulatorServer:
    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        settings: SimulatorSettings,
        draw_id: Callable[[], str],
        feeds: Feeds,
        spool: FileSpool | None = None,
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._settings = settings
        self._draw_id = draw_id
        self._feeds = feeds
        self._spool = spool
        self._sockets: set[Socket] = set()
        self._unused = UnusedSessions(fleet, settings.unused_after_s)
        self._pace = FramePace()
        self._reads = new_read_limiter()
        self.unfinished = SharedByteLimit(settings.unfinished_bytes_max)
        metrics.frontends_unfinished_bytes = lambda: self.unfinished.total
        share = share_of(settings.frontends_max, settings.frontends_per_address_max)
        self._handshakes = HandshakeLimiter(share)
        self._addresses = AddressCounts(share, "frontends", "simulator.frontends_per_address_max")

    async def serve(
        self, request: web.Request, received_bytes: int, refusal: CommandError | None = None
    ) -> web.StreamResponse:
        """`received_bytes`: of the request's head, and of what came after it already. With a
        `refusal` the socket is opened only to be closed with that (1008), because a browser hides
        every other form of it; the limits hold all the same."""
        skipper = FrameSkipper(self._settings.frame_bytes_max)
        early = early_bytes(request)
        if has_sent_early(request, received_bytes) or skipper.pass_on(early) != early:
            self._metrics.count_http_refused("early_bytes")
            return early_refusal()
        if request.transport is None:  # the client has disconnected
            return web.Response()
        protocol = ThrottledProtocol(request.transport, self.unfinished, self._reads, skipper)
        if not await self._handshakes.admit(caller_of(request)):
            self._metrics.count_http_refused("handshakes")
            return pace_refusal()
        socket = await self._upgraded(request)
        if socket is None or request.transport is None:
            return web.Response()
        try:
            if refusal is not None:
                await self._reject(socket, request, refusal, str(refusal))
            else:
                await self._receive(socket, request, protocol)
        finally:
            drop_traceback(socket)
        return socket

    async def _upgraded(self, request: web.Request) -> Socket | None:
        """The socket; None if the client has disconnected. Raises HTTPException for an invalid
        handshake."""
        if request.transport is None:
            return None
        socket: Socket = web.WebSocketResponse(
            max_msg_size=self._settings.frame_bytes_max + 1,  # aiohttp closes from so many on
            compress=False,
            autoping=False,
            timeout=2.0,
            decode_text=False,
        )
        try:
            await socket.prepare(request)
        except web.HTTPException as error:
            error.force_close()  # what comes next would be read as frames
            raise
        return socket

    async def _receive(
        self, socket: Socket, request: web.Request, protocol: ThrottledProtocol
    ) -> None:
        """Serve the frontend within the limits, or tell it why it is refused."""
        address = address_of(request)
        try:
            self._admit(address)
        except CommandError as error:
            await self._reject(socket, request, error)
            return
        self._sockets.add(socket)
        self._metrics.watchers += 1
        try:
            await self._serve_frontend(socket, request, protocol)
        finally:
            self._metrics.watchers -= 1
            self._sockets.discard(socket)
            self._addresses.leave(address)

    async def close(self) -> None:
        """Close every frontend (1001)."""
        self._unused.close()
        await asyncio.gather(
            *(
                one.close(code=WSCloseCode.GOING_AWAY, message=b"guestd is shutting down")
                for one in list(self._sockets)
            ),
            return_exceptions=True,
        )

    def _admit(self, address: str) -> None:
        """Raises LimitExceeded. The caller must release the address in `self._addresses` later."""
        if len(self._sockets) >= self._settings.frontends_max:
            self._metrics.count_refused_frontend("full")
            raise LimitExceeded(
                f"limit exceeded: {self._settings.frontends_max} frontends are connected already"
            )
        if not self._addresses.enter(address):
            self._metrics.count_refused_frontend("address")
            limit = self._addresses.per_address_max
            raise LimitExceeded(
                f"limit exceeded: {limit} frontends are connected from this address already"
                " (simulator.frontends_per_address_max)"
            )

    async def _serve_frontend(
        self, socket: Socket, request: web.Request, protocol: ThrottledProtocol
    ) -> None:
        receiver = MessageReceiver(socket, protocol)
        try:
            address = address_from_query(request.query, self._draw_id)
            selected = await self._select_session(socket, address, receiver)
            if selected is None:
                return
            feed = self._follow(selected)
        except CommandError as error:
            await self._reject(socket, request, error)
            return
        frontend = Frontend(socket, request, feed, self._settings.write_timeout_s, self._metrics)
        frontend.when_down = address.when_down
        protocol.on_evict = lambda: self._evict(frontend)
        with self._unused.connected(selected.session_id, selected.is_new):
            await self._run(frontend, socket, receiver, protocol, selected.session_id)

    async def _run(
        self,
        frontend: Frontend,
        socket: Socket,
        receiver: MessageReceiver,
        protocol: ThrottledProtocol,
        session_id: str,
    ) -> None:
        writing = asyncio.get_running_loop().create_task(frontend.run(), name="frontend")
        try:
            await self._listen(socket, receiver, frontend, session_id)
        finally:
            protocol.close()
            frontend.feed.close()
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing

    def _evict(self, frontend: Frontend) -> None:
        self._metrics.count_refused_frontend("unfinished")
        frontend.refuse(_UNFINISHED)

    async def _select_session(
        self, socket: Socket, address: FrontendAddress, receiver: MessageReceiver
    ) -> SelectedSession | None:
        """The guest session asked for, living or new; None if the frontend has gone."""
        details: GuestDetails | None = address.details
        if address.details.from_first_frame:
            details = await self._first_frame(socket, receiver, address.details)
        if details is None:
            return None
        name, since = address.name, address.since
        session_id = self._fleet.find(name)
        if session_id is not None:
            return SelectedSession(session_id, since, is_new=False)
        if not address.may_create:
            raise NotFound(f"there is no guest session named {name!r}, and create=false")
        email = details.email or unique_email(name, self._settings.guest_email)
        guest = OpenGuest(name, email=email, metadata=details.metadata, display_name=details.name)
        return SelectedSession(self._fleet.open(guest), since or 0, is_new=True)

    async def _first_frame(
        self, socket: Socket, receiver: MessageReceiver, address: GuestDetails
    ) -> GuestDetails | None:
        """None if the frontend has gone. Raises CommandError."""
        try:
            async with asyncio.timeout(_FIRST_FRAME_S):
                received = await self._next_message(socket, receiver)
        except TimeoutError:
            raise CommandError(
                f"the first frame did not come within {_FIRST_FRAME_S:g} s", field="details"
            ) from None
        if received is None:
            return None
        receiver.done(received)
        if received.oversize is not None:
            raise self._too_large(received.oversize)
        if received.type is not WSMsgType.TEXT:
            raise _binary()
        if is_large(received.text):
            raise CommandError("the first frame is too large; give less metadata", code="too_large")
        return details_from_frame(received.text, address)

    async def _next_message(
        self, socket: Socket, receiver: MessageReceiver
    ) -> ReceivedMessage | None:
        """The next one that is not a ping."""
        while (received := await receiver.next()) is not None and received.type is WSMsgType.PING:
            await socket.pong(received.data)
            receiver.done(received)
        return received

    async def _reject(
        self, socket: Socket, request: web.Request, error: CommandError, reason: str = ""
    ) -> None:
        self._count(error)
        full = isinstance(error, LimitExceeded)
        code = WSCloseCode.TRY_AGAIN_LATER if full else WSCloseCode.POLICY_VIOLATION
        with contextlib.suppress(ConnectionError):
            await socket.send_json(error_frame(error))
        said = reason or (str(error) if error.code in _TOLD_IN_WORDS else error.code)
        await close_socket(socket, request, code, said, GOODBYE_S)

    def _follow(self, selected: SelectedSession) -> Feed:
        session_id, since = selected.session_id, selected.since
        view = self._fleet.view(session_id)
        feed = Feed(self._feeds, session_id, self._say_damaged)
        feed.say(
            {
                "kind": "hello",
                "guest": view.name,
                "session": session_id,
                "state": view.state,
                "seq": view.seq,
                "new": selected.is_new,
                "file_bytes_max": view.file_bytes_max,
            }
        )
        feed.start(None if since is None else self._known(feed, since, view.seq))
        return feed

    def _say_damaged(self, feed: Feed, error: Damaged) -> None:
        """Past events are not shown; new ones are."""
        self._count(error)
        feed.say(error_frame(error))
        feed.follow()

    def _known(self, feed: Feed, since: int, last_seq: int) -> int:
        """`since`; or 0, with an error, if `since` is beyond the last seq: what the frontend has is
        of another guest session."""
        if since <= last_seq:
            return since
        problem = (
            f"since is {since}, but the last seq is {last_seq}: that was another guest session; all"
            " of this one follows"
        )
        feed.say(error_frame(CommandError(problem, code="unknown_since", field="since")))
        return 0

    async def _listen(
        self, socket: Socket, receiver: MessageReceiver, frontend: Frontend, session_id: str
    ) -> None:
        rate = FrameRate(self._pace)
        while (received := await receiver.next()) is not None:
            await rate.admit()
            await self._handle(received, socket, frontend, session_id)
            receiver.done(received)
            del received  # a large one is not to stay until the next
            await frontend.feed.room()

    async def _handle(
        self, received: ReceivedMessage, socket: Socket, frontend: Frontend, session_id: str
    ) -> None:
        if received.oversize is not None:
            self._refuse(self._too_large(received.oversize), frontend)
        elif received.type is WSMsgType.TEXT:
            await self._handle_text(received.text, frontend, session_id)
        elif received.type is WSMsgType.PING:
            await socket.pong(received.data)
        elif received.type is WSMsgType.BINARY:
            self._refuse(_binary(), frontend)

    def _refuse(self, error: CommandError, frontend: Frontend) -> None:
        self._count(error)
        frontend.say(error_frame(error))

    def _too_large(self, oversize: Oversize) -> CommandError:
        size = f"{'' if oversize.is_whole else 'at least '}{oversize.size_bytes} bytes"
        limit = f"at most {self._settings.frame_bytes_max} are taken (simulator.frame_bytes_max)"
        remedy = "send less, or upload files over HTTP"
        return CommandError(f"the message has {size}; {limit}; {remedy}", code="too_large")

    async def _handle_text(self, text: str, frontend: Frontend, session_id: str) -> None:
        if not is_large(text):
            parsed = self._parse(text, frontend)
        else:
            async with self._pace.large():
                parsed = self._parse_large(text, frontend)
        if parsed is None:
            return
        if isinstance(parsed.command, ResumeFrame):
            self._resume(parsed.command.since, frontend, session_id)
            if parsed.answered:
                frontend.say(
                    {"ok": True, "command_id": command_id_of(text), "seq": parsed.command.since}
                )
            return
        await self._carry_out(parsed, frontend, session_id)

    def _parse(self, text: str, frontend: Frontend) -> ParsedFrame | None:
        try:
            return parse(text, self._draw_id, frontend.when_down)
        except CommandError as error:
            self._count(error)
            frontend.say(error_frame(error, command_id_of(text)))
            return None

    def _parse_large(self, text: str, frontend: Frontend) -> ParsedFrame | None:
        if not has_too_many_values(text):
            return self._parse(text, frontend)
        why = (
            f"a frame has at most {VALUES_MAX} values; send a file as base64, or upload it over"
            " HTTP"
        )
        self._refuse(CommandError(why, code="too_large"), frontend)
        return None

    async def _carry_out(self, parsed: ParsedFrame, frontend: Frontend, session_id: str) -> None:
        command = parsed.command
        assert not isinstance(command, ResumeFrame)
        if isinstance(command, UploadFrame):
            try:
                command = await self._spooled(command)
            except (CommandError, SpoolError) as error:
                refused = (
                    error
                    if isinstance(error, CommandError)
                    else CommandError(str(error), code=error.code)
                )
                self._answer(frontend, parsed, Answer(parsed.command_id, error=refused))
                return
        self._give(session_id, command, frontend, parsed)

    def _give(
        self, session_id: str, command: Command, frontend: Frontend, parsed: ParsedFrame
    ) -> None:
        self._fleet.give(session_id, command, lambda answer: self._answer(frontend, parsed, answer))

    async def _spooled(self, upload: UploadFrame) -> Attach:
        """The bytes on disk, and the command that carries them from there."""
        if self._spool is None:
            raise CommandError("this daemon takes no files", code="not_supported")
        async with self._pace.file(len(upload.buffer)):
            spooled = await self._spool.spool(_pieces(upload.buffer))
        what = (
            upload.filename,
            upload.content_type,
            spooled.size_bytes,
            str(spooled.path),
            upload.caption,
            upload.when_down,
            spooled.sha256,
        )
        return Attach(upload.command_id, *what)

    def _resume(self, since: int, frontend: Frontend, session_id: str) -> None:
        """Begin again after `since`. A replay in progress stops: the newest request
        counts."""
        try:
            last_seq = self._fleet.view(session_id).seq
        except NotFound as error:
            frontend.say(error_frame(error))
            return
        frontend.feed.rewind(self._known(frontend.feed, since, last_seq))

    def _answer(self, frontend: Frontend, parsed: ParsedFrame, answer: Answer) -> None:
        command_id = answer.command_id if parsed.answered else None
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


def _binary() -> CommandError:
    return CommandError("frames are JSON text; this one is binary", code="bad_json")


async def _pieces(buffer: bytes) -> AsyncIterator[bytes]:
    yield buffer
