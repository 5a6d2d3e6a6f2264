"""`GET /v1/watch`: one WebSocket for all that a page follows.

Browsers allow six HTTP/1.1 connections to one host over all tabs, so a page that follows several
things as server-sent events keeps the next page from loading; sockets are not in that limit. A page
cannot set headers on it either, so the token comes in the first message.

Every topic of a socket has a task, which takes one item, sends it, and takes the next: a topic that
is slow or dense does not hold up the others by more than one item, and nothing is queued."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from ... import __version__
from ...model.errors import GuestdError
from ..emulator_routes import is_local
from ..feed import limit_send_buffers
from ..problems import Problem, problem_of
from ..rate_limiting import BorrowingBucket
from ..settings import ApiSettings
from ..tokens import bearer_token, has_token, text_of
from .routes import ApiCall, Route, RouteResponse
from .stream import StreamBounds
from .stream_places import StreamPlaces
from .watch_messages import Subscribe, Unsubscribe, WatchHello, message_of
from .watch_topics import TopicSource

PATH = "/v1/watch"

HELLO_TIMEOUT_S = 10.0
MESSAGE_BYTES_MAX = 16_384

#: Of one socket. A page follows a handful; each is a task.
TOPICS_MAX = 32

#: Messages of one client; what is over it is read later.
MESSAGES_PER_S, MESSAGES_BURST = 20.0, 100.0

#: Close codes of our own.
UNAUTHORIZED = 4401

#: That the operating system has decided already who may connect.
TRUSTED = web.RequestKey("trusted", bool)


class WatchRoutes:
    def __init__(
        self, topics: TopicSource, settings: ApiSettings, bounds: StreamBounds, places: StreamPlaces
    ) -> None:
        self._topics = topics
        self._token = text_of(settings.token)
        self._is_emulator_for_all = settings.emulator_beyond_loopback
        self._bounds = bounds
        self._places = places
        self._sockets: set[WatchSocket] = set()

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                PATH,
                "watch",
                "One WebSocket for everything that is followed; the token in its first message",
                self._serve,
                {101: RouteResponse("The WebSocket is open.")},
                "events",
                long=True,
                public=True,
            )
        ]

    def close(self) -> None:
        """The daemon stops."""
        for socket in self._sockets:
            socket.stop()

    async def _serve(self, call: ApiCall[None, None]) -> web.StreamResponse:
        request = call.request
        answer = web.WebSocketResponse(
            heartbeat=self._bounds.heartbeat_s, max_msg_size=MESSAGE_BYTES_MAX, compress=False
        )
        if not answer.can_prepare(request).ok:
            raise Problem(400, "bad_request", "connect a WebSocket to this path")
        with self._places.taken(request):
            await answer.prepare(request)
            limit_send_buffers(request)
            socket = WatchSocket(answer, self._topics, self._bounds.write_timeout_s)
            socket.may_see_emulator = self._is_emulator_for_all or is_local(request)
            self._sockets.add(socket)
            try:
                await socket.run(None if self._is_known(request) else self._token)
            finally:
                self._sockets.discard(socket)
        return answer

    def _is_known(self, request: web.Request) -> bool:
        """Programs may send the token as with every other request."""
        if not self._token or request.get(TRUSTED, False):
            return True
        return has_token(bearer_token(request), self._token)


class WatchSocket:
    def __init__(
        self, answer: web.WebSocketResponse, topics: TopicSource, write_timeout_s: float
    ) -> None:
        self._answer = answer
        self._topics = topics
        self._write_timeout_s = write_timeout_s
        self._sending = asyncio.Lock()
        self._rate = BorrowingBucket(MESSAGES_PER_S, MESSAGES_BURST)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing: asyncio.Task[bool] | None = None
        self.may_see_emulator = False

    def stop(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(
                self._answer.close(code=WSCloseCode.GOING_AWAY, message=b"guestd is shutting down")
            )

    async def run(self, token: str | None) -> None:
        """`token` None: the client is known."""
        try:
            if await self._greeted(token):
                await self._read_all()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._closing is not None:
                with suppress(Exception):
                    await self._closing

    async def _greeted(self, token: str | None) -> bool:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                text = await self._next_text()
        except TimeoutError:
            await self._answer.close(code=UNAUTHORIZED, message=b"no hello came in time")
            return False
        if text is None:
            return False
        try:
            hello = message_of(text)
            if not isinstance(hello, WatchHello):
                raise Problem(422, "invalid", "the first message is a hello", field="action")
            if token is not None and not has_token(hello.token, token):
                raise Problem(401, "unauthorized", "the hello needs the token of api.token")
        except Problem as problem:
            await self._refuse(problem, "")
            await self._answer.close(code=UNAUTHORIZED, message=b"not let in")
            return False
        await self._send(
            {"kind": "hello", "version": __version__, "topics": list(self._topics.names)}
        )
        return True

    async def _read_all(self) -> None:
        while (text := await self._next_text()) is not None:
            await asyncio.sleep(self._rate.owe(asyncio.get_running_loop().time()))
            try:
                message = message_of(text)
                if isinstance(message, Subscribe):
                    await self._subscribe(message)
                elif isinstance(message, Unsubscribe):
                    await self._unsubscribe(message.id)
            except Problem as problem:
                await self._refuse(problem, _id_in(text))

    async def _next_text(self) -> str | None:
        """None: the client is gone."""
        message = await self._answer.receive()
        return message.data if message.type is WSMsgType.TEXT else None

    # ------------------------------------------------------------------ topics

    async def _subscribe(self, wanted: Subscribe) -> None:
        if wanted.id in self._tasks:
            raise Problem(409, "conflict", f"{wanted.id!r} is subscribed already", field="id")
        if len(self._tasks) >= TOPICS_MAX:
            detail = f"{TOPICS_MAX} topics are subscribed already; leave one"
            raise Problem(503, "overloaded", detail, field="id")
        if wanted.topic == "emulator" and not self.may_see_emulator:
            detail = "the emulator's events are for this machine only"
            raise Problem(403, "local_only", detail, field="topic")
        await self._send({"kind": "subscribed", "id": wanted.id, "topic": wanted.topic})
        self._tasks[wanted.id] = asyncio.get_running_loop().create_task(
            self._pump(wanted), name=f"watch {wanted.topic}"
        )

    async def _unsubscribe(self, topic_id: str) -> None:
        task = self._tasks.pop(topic_id, None)
        if task is None:
            raise Problem(404, "not_found", f"{topic_id!r} is not subscribed", field="id")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._send({"kind": "unsubscribed", "id": topic_id})

    async def _pump(self, wanted: Subscribe) -> None:
        head = orjson.dumps({"kind": "data", "id": wanted.id, "topic": wanted.topic})[:-1]
        told: dict[str, Any] = {"id": wanted.id, "topic": wanted.topic}
        try:
            async with aclosing(self._topics.items(wanted)) as items:
                async for item in items:
                    if item.skipped:
                        missed = None if item.skipped < 0 else item.skipped
                        await self._send({"kind": "lagging", **told, "skipped": missed})
                    if item.data:
                        await self._send_raw(head + b',"data":' + item.data + b"}")
            await self._send({"kind": "over", **told})
        except ConnectionError:
            pass
        except (Problem, GuestdError) as error:
            with suppress(ConnectionError):
                await self._refuse(problem_of(error), wanted.id)
        finally:
            if self._tasks.get(wanted.id) is asyncio.current_task():
                del self._tasks[wanted.id]

    # ------------------------------------------------------------------ out

    async def _refuse(self, problem: Problem, topic_id: str) -> None:
        found = {"kind": "error", "id": topic_id, "code": problem.code, "detail": problem.detail}
        await self._send(found | ({"field": problem.field} if problem.field else {}))

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_raw(orjson.dumps(message))

    async def _send_raw(self, data: bytes) -> None:
        """A client that does not read is cut off: nothing may wait for it."""
        async with self._sending:
            try:
                async with asyncio.timeout(self._write_timeout_s):
                    await self._answer.send_str(data.decode())
            except TimeoutError:
                self.stop()
                raise ConnectionResetError("the client does not read") from None


def _id_in(text: str) -> str:
    """The id of a message that was refused, if it had one."""
    try:
        found = orjson.loads(text)
    except ValueError:
        return ""
    given = found.get("id") if isinstance(found, dict) else None
    return given[:64] if isinstance(given, str) else ""
