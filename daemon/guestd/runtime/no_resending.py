"""One attempt is one request: a client middleware that takes aiohttp's own retry away.

When a kept connection breaks, aiohttp sends a GET, PUT or DELETE a second time, at once and unseen.
Our retries have a bound, a rest and a line in the audit (HTTP-1), so it must be told that the
attempt failed. It looks for two classes of errors; an error of another class passes through it."""

from __future__ import annotations

import aiohttp

from .system_errors import in_words


class ConnectionBroke(aiohttp.ClientConnectionError):
    """A connection that was open broke before there was an answer. The message says how, in
    words."""


async def no_resending(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Give it to `ClientSession(middlewares=…)`. Connections that were never made stay as they
    are."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionBroke(in_words(error)) from None
