"""Messages, context and typing of a guest, and the transcript."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from ...model.commands import Context, Reply, Send, Typing
from ...model.ports import Fleet
from ..rate_limiting import LoopRateLimiter
from ..settings import ApiSettings
from .commands import LOCATION, NO_NAMES, accept, key_of
from .lookup import give, session_of
from .paging import page_of
from .routes import ApiCall, Route, RouteResponse, encoded
from .schemas import CommandAccepted, ContextBody, EventQuery, SendMessage, Transcript

TRANSCRIPT = frozenset({"message", "presence", "gap"})

#: What the requests call the fields that a command is refused by.
CONTEXT_NAMES = {"data": "context"}
REPLY_NAMES = {"type": "reply.type", "choices": "reply.choices", "text": "reply.choices"}


class MessageRoutes:
    def __init__(
        self,
        fleet: Fleet,
        limiter: LoopRateLimiter,
        settings: ApiSettings,
        draw_id: Callable[[], str],
    ) -> None:
        self._fleet = fleet
        self._limiter = limiter
        self._settings = settings
        self._draw_id = draw_id

    def routes(self) -> list[Route]:
        tag, one = "messages", "/v1/sessions/{session}"
        accepted = {202: RouteResponse("Accepted, and durable.", CommandAccepted, LOCATION)}
        return [
            Route(
                "POST",
                f"{one}/messages",
                "sendMessage",
                "Send a message, or choose from what was offered",
                self._send,
                accepted,
                tag,
                body=SendMessage,
                problems=(409,),
                keyed=True,
            ),
            Route(
                "GET",
                f"{one}/messages",
                "readTranscript",
                "The conversation in order",
                self._read,
                {200: RouteResponse("A page of it.", Transcript)},
                tag,
                query=EventQuery,
            ),
            Route(
                "PUT",
                f"{one}/context",
                "setContext",
                "Tell the frontend's state",
                self._context,
                accepted,
                tag,
                body=ContextBody,
                problems=(409,),
                keyed=True,
            ),
            Route(
                "POST",
                f"{one}/typing",
                "showTyping",
                "Show that the guest is typing",
                self._typing,
                {204: RouteResponse("Shown, or shown already: it is sent at most once in 5 s.")},
                tag,
                problems=(409,),
                keyed=True,
                remembers=True,
            ),
        ]

    async def _send(self, call: ApiCall[None, SendMessage]) -> web.StreamResponse:
        body = call.body
        command_id = key_of(call, body.command_id) or self._draw_id()
        when_down = body.when_down or ""
        command: Send | Reply
        if body.reply is None:
            command = Send(command_id, body.text, body.attributes or None, when_down)
        else:
            reply = body.reply
            choices = tuple((one.text, one.payload) for one in reply.choices)
            command = Reply(command_id, reply.type, choices, reply.in_reply_to, when_down)
        session_id = session_of(self._fleet, call.part("session"))
        names = REPLY_NAMES if isinstance(command, Reply) else NO_NAMES
        return await accept(self._fleet, session_id, command, self._settings, names)

    async def _read(self, call: ApiCall[EventQuery, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        page = await page_of(
            self._fleet, self._limiter, session_id, call.query.after, call.query.limit, TRANSCRIPT
        )
        return encoded(page.as_json("messages"))

    async def _context(self, call: ApiCall[None, ContextBody]) -> web.StreamResponse:
        command_id = key_of(call, call.body.command_id) or self._draw_id()
        command = Context(command_id, call.body.context)
        session_id = session_of(self._fleet, call.part("session"))
        return await accept(self._fleet, session_id, command, self._settings, CONTEXT_NAMES)

    async def _typing(self, call: ApiCall[None, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        await give(
            self._fleet, session_id, Typing(self._draw_id()), self._settings.answer_timeout_s
        )
        return web.Response(status=204)
