"""Headers that aiohttp reads by itself are ASCII, or the request is refused.

aiohttp repeats them in the answers that it gives before any of our code runs, and breaks on bytes that are not UTF-8.
"""

from __future__ import annotations

from aiohttp import web

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


def check_heads(server: web.Server) -> None:
    """For every request of this server from now on, also those that lead nowhere: 400 names the header."""
    handle = server.request_handler

    async def checked(request: web.BaseRequest) -> web.StreamResponse:
        for name in READ_BY_AIOHTTP:
            if not all(value.isascii() for value in request.headers.getall(name, ())):
                answer = web.Response(
                    status=400, text=f"the header {name} must be ASCII; send it without other bytes\n"
                )
                answer.force_close()
                return answer
        return await handle(request)

    server.request_handler = checked
