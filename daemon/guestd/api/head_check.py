"""Request heads that aiohttp's server accepts and then breaks on, before any of our code runs.

It repeats some headers in answers of its own, which cannot be written if they hold bytes that are
not UTF-8. And it makes no URL of a request without a target, so that its task for the connection
ends by an error and leaves the connection open."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from yarl import URL

#: The expectation, and what the handshake of a WebSocket consists of.
READ_BY_AIOHTTP = (
    "Expect",
    "Connection",
    "Upgrade",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
)

#: In the place of a target that is missing; no route of ours leads there.
NO_TARGET = "*"


def check_heads(server: web.Server) -> None:
    """For every request of this server from now on, also those that lead nowhere: 400 names a
    header that is not ASCII."""
    handle, make = server.request_handler, server.request_factory

    async def checked(request: web.BaseRequest) -> web.StreamResponse:
        for name in READ_BY_AIOHTTP:
            if not all(value.isascii() for value in request.headers.getall(name, ())):
                answer = web.Response(
                    status=400,
                    text=f"the header {name} must be ASCII; send it without other bytes\n",
                )
                answer.force_close()
                return answer
        try:
            return await handle(request)
        except ConnectionResetError:  # disconnected before "100 Continue" was written
            return web.Response()

    def made(message: RawRequestMessage, *more: Any) -> web.BaseRequest:
        if message.url is None:
            message = message._replace(path=NO_TARGET, url=URL(NO_TARGET, encoded=True))
        return make(message, *more)

    server.request_handler, server.request_factory = checked, made
